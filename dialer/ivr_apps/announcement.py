"""Play a message to a person, or leave it on a machine after its beep."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app
from dialer.ivr_apps.spoken import tell


@ivr_app("announcement")
async def announcement(call: Call) -> Outcome:
    """Tell the message; a person may press 9 to opt out. Parameters: `welcome` and `message`, texts or keys of prompts."""
    if call.answered_by == "machine":
        await call.wait_for_beep(max_s=40)
        await _tell(call)
        return Outcome.MESSAGE_LEFT
    await _tell(call)
    await call.pdc.set_code(Outcome.MESSAGE_PLAYED.code)  # heard; hanging up during the offer below changes nothing
    if await call.menu("announcement.opt_out", keys="9", tries=1, timeout_s=3) == "9":
        await call.pdc.opt_out("pressed 9")
        await call.play("announcement.opted_out", barge_in=False)
        return Outcome.OPTED_OUT
    return Outcome.MESSAGE_PLAYED


async def _tell(call: Call) -> None:
    await tell(call, call.parameters.get("welcome", ""))
    await tell(call, call.parameters.get("message", "announcement.message"))
