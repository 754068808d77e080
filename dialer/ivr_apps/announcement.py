"""Play a message to a person, or leave it on a machine after its beep."""

from __future__ import annotations

import re

from dialer import Call, Outcome, ivr_app

PROMPT_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+", re.ASCII)  # a dotted name; every other message is a text


@ivr_app("announcement")
async def announcement(call: Call) -> Outcome:
    """Tell the message; a person may press 9 to opt out. Parameter: `message`, a text or the key of a prompt."""
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
    message = call.parameters.get("message", "announcement.message")
    if PROMPT_KEY.fullmatch(message):
        await call.play(message, barge_in=False)
    else:
        await call.say(message, barge_in=False)
