"""Connect those who press 1 with a person, and never call those again who press 9."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app
from dialer.ivr_apps.connect import handed_over


@ivr_app("press1", codes={"Connected", "Wanted to be connected"})
async def press1(call: Call) -> Outcome:
    """Connect on 1, opt out on 9. Parameters: `transfer_to` (+15551234567 or queue:name), `trunk`."""
    if call.answered_by == "machine":
        return Outcome.ANSWER_MACHINE
    match await call.menu("press1.ask", keys="19", tries=3, timeout_s=6):
        case "1":
            await call.play("press1.connecting", barge_in=False)
            return await handed_over(call)
        case "9":
            await call.pdc.opt_out("pressed 9")
            await call.play("press1.opted_out", barge_in=False)
            return Outcome.OPTED_OUT
        case Outcome() as unanswered:
            return unanswered
    return Outcome.NO_INPUT
