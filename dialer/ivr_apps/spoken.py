"""Say what a strategy gives as a message: a text, or the key of a prompt."""

from __future__ import annotations

import re

from dialer import Call

PROMPT_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+", re.ASCII)  # a dotted name; every other message is a text


async def tell(call: Call, message: str) -> None:
    """Speak it to its end; an empty message is passed over. Raises PromptFailed for the key of a prompt that is not there."""
    if PROMPT_KEY.fullmatch(message):
        await call.play(message, barge_in=False)
    elif message:
        await call.say(message, barge_in=False)
