"""Welcome a person, tell a message, and hand the call over to somebody who talks."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app
from dialer.ivr.driver import Transfer
from dialer.ivr_apps.spoken import tell


@ivr_app("connect", codes={"Connected", "Wanted to be connected"})
async def connect(call: Call) -> Outcome:
    """Tell and transfer, nothing asked. Parameters: `welcome`, `message`, `transfer_to` (+15551234567 or queue:name), `trunk`."""
    if call.answered_by == "machine":
        return Outcome.ANSWER_MACHINE
    await tell(call, call.parameters.get("welcome", ""))
    await tell(call, call.parameters.get("message", "press1.connecting"))
    return await handed_over(call)


async def handed_over(call: Call) -> Outcome:
    """Transfer the call as its parameters say; what came of it is the outcome."""
    how = await call.transfer(call.parameters.get("transfer_to", ""), trunk=call.parameters.get("trunk", ""))
    if how is Transfer.CONNECTED:
        return Outcome("Connected")
    # Known before the apology is heard: a contact who hangs up during it still wanted to talk.
    await call.pdc.set_code("Wanted to be connected")
    await call.play("press1.not_connected", barge_in=False)
    return Outcome("Wanted to be connected")
