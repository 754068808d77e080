"""What may be the name of something that people make: printable, not too long, without blanks at its ends."""

from __future__ import annotations

from dialer.domain.codes import name_key
from dialer.errors import BadInput

NAME_LIMIT = 80  # characters, as wide as the column


def checked_name(name: str, what: str) -> str:
    """The name with its blanks put in order. Raises BadInput; `what` is the field that the user filled in."""
    tidy = " ".join(name.split())
    if not tidy:
        raise BadInput("a name is missing", where=what, mend="at least one visible character")
    if not tidy.isprintable():
        raise BadInput("the name holds invisible or control characters", where=what, mend="type it anew")
    if max(len(tidy), len(name_key(tidy))) > NAME_LIMIT:
        raise BadInput("the name is too long", where=what, mend=f"at most {NAME_LIMIT} characters")
    return tidy


def checked_text(text: str, what: str, limit: int) -> str:
    """A remark as it is kept. Raises BadInput when it is too long or holds control characters."""
    tidy = text.strip()
    if len(tidy) > limit:
        raise BadInput("the text is too long", where=what, mend=f"at most {limit} characters")
    if any(ord(char) < 32 for char in tidy):
        raise BadInput("the text holds control characters", where=what, mend="one line of plain text")
    return tidy
