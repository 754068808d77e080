"""Connect those who press 1 with a person, and never call those again who press 9."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app
from dialer.ivr.driver import Transfer


@ivr_app("press1", codes={"Connected", "Wanted to be connected"})
async def press1(call: Call) -> Outcome:
    """Connect on 1, opt out on 9. Parameters: `transfer_to` (+15551234567 or queue:name), `trunk`."""
    if call.answered_by == "machine":
        return Outcome.ANSWER_MACHINE
    match await call.menu("press1.ask", keys="19", tries=3, timeout_s=6):
        case "1":
            await call.play("press1.connecting", barge_in=False)
            how = await call.transfer(call.parameters.get("transfer_to", ""), trunk=call.parameters.get("trunk", ""))
            if how is Transfer.CONNECTED:
                return Outcome("Connected")
            # Known before the apology is heard: a contact who hangs up during it still wanted to talk.
            await call.pdc.set_code("Wanted to be connected")
            await call.play("press1.not_connected", barge_in=False)
            return Outcome("Wanted to be connected")
        case "9":
            await call.pdc.opt_out("pressed 9")
            await call.play("press1.opted_out", barge_in=False)
            return Outcome.OPTED_OUT
        case Outcome() as unanswered:
            return unanswered
    return Outcome.NO_INPUT
