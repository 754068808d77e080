"""Fill a contact's attributes into the text of a message, so that no contact's data can change what the message is."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dialer.errors import BadInput

_BLANK = re.compile(r"\$\{([^${}]{1,64})\}")


@dataclass(frozen=True)  # without slots: pieces and names are kept in its dictionary
class MessageTemplate:
    """A text with `${attribute}` in it. There are no expressions, no loops and no way to write any.

    A value is put in once and never looked into: a contact called `${password}` gets a letter to `${password}`.
    """

    text: str

    def __post_init__(self) -> None:
        if "${" in _BLANK.sub("", self.text):
            raise BadInput("a blank is not closed", where=self.text[:40], mend="write ${attribute}")

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """Fixed text and names in turn: text, name, text, name, text."""
        return tuple(_BLANK.split(self.text))

    @cached_property
    def names(self) -> frozenset[str]:
        """The attributes that it wants."""
        return frozenset(self.pieces[1::2])

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """The attributes that it wants and this contact has not, in order."""
        return sorted(name for name in self.names if not values.get(name, "").strip())

    def fill(self, values: Mapping[str, str]) -> str:
        """The text for one contact; an attribute without a value is nothing."""
        pieces = list(self.pieces)
        pieces[1::2] = [values.get(name, "") for name in pieces[1::2]]
        return "".join(pieces)

    def fill_html(self, values: Mapping[str, str]) -> str:
        """The same for HTML: the values become text of the page, never a part of its structure."""
        return self.fill({name: html.escape(values.get(name, "")) for name in self.names})


def header_safe(value: str, what: str) -> str:
    """The value itself, if it can stand in one line of a mail's header. Raises BadInput: cutting it would hide an attack."""
    # What can be printed has none of these categories: only the rest is looked at character by character.
    if not value.isprintable() and any(unicodedata.category(mark) in ("Cc", "Zl", "Zp", "Cs") for mark in value):
        raise BadInput("a line end or another control character", where=what, mend="one line of plain text")
    return value
