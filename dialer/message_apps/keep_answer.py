"""Keep an answer in the contact's own words, and end the attempt with a code."""

from __future__ import annotations

from dialer.ivr.message import Message
from dialer.ivr.outcome import Outcome


async def keep_answer(message: Message) -> Outcome | None:
    """Parameters: `attribute`, where the text goes; `code`, the completion code (none: the contact goes on waiting)."""
    attribute, code = message.parameters.get("attribute", ""), message.parameters.get("code", "")
    if attribute:
        await message.pdc.set_attribute(attribute, " ".join(message.text.split())[:1000])
    return Outcome(code) if code else None
