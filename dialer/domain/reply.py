"""What a campaign makes of the answers to its messages: words and patterns, each with what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dialer.domain.wording import fold, without

WHOLE = "reply"  # `${reply}` in a value is the text of the answer
LONGEST_TEXT = 1600  # characters of an answer that are looked at
VALUE_LIMIT = 1000  # characters of an attribute

# The named groups of a pattern that is found in a text, and None where it is not.
Search = Callable[[str, str], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRow:
    """What follows an answer that is one of `words`, or in which `pattern` is found."""

    words: tuple[str, ...] = ()  # folded
    pattern: str = ""  # an RE2 expression
    set: Mapping[str, str] = field(default_factory=dict)  # attribute -> value; ${reply} and the pattern's groups are filled in
    code: str = ""  # the completion code; "" = the contact goes on waiting
    app: str = ""  # a message app that is handed the answer
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The reply table of a handler: the first row that fits counts."""

    rows: tuple[ReplyRow, ...] = ()
    otherwise: ReplyRow = ReplyRow()  # what follows an answer that fits no row; a person sees it besides
    within_s: float = 72 * 3600.0  # a text message counts as the answer to one of ours that is not older

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes that answers can give."""
        return tuple(dict.fromkeys(row.code for row in (*self.rows, self.otherwise) if row.code))

    @property
    def apps(self) -> tuple[str, ...]:
        """The message apps that answers can be handed to."""
        return tuple(dict.fromkeys(row.app for row in (*self.rows, self.otherwise) if row.app))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The row that an answer fits, and the values that it gives."""

    row: ReplyRow
    values: Mapping[str, str] = field(default_factory=dict)
    understood: bool = True


def match(replies: Replies, text: str, search: Search, polite: Iterable[str] = ()) -> Matched:
    """The first row that fits; `otherwise` where none does. `polite`: words that may stand around one of a row."""
    seen = text[:LONGEST_TEXT].strip()
    first = next((line for line in seen.splitlines() if line.strip()), "")
    said = {fold(seen), fold(first)}
    said |= {without(one, tuple(polite)) for one in said}
    for row in replies.rows:
        groups = search(row.pattern, seen) if row.pattern else None
        if groups is not None or not said.isdisjoint(row.words):
            return Matched(row=row, values=_filled(row, seen, groups or {}))
    return Matched(row=replies.otherwise, values=_filled(replies.otherwise, seen, {}), understood=False)


def _filled(row: ReplyRow, text: str, groups: Mapping[str, str]) -> dict[str, str]:
    plain = " ".join(text.split())
    known = {WHOLE: plain, **groups}
    return {name: _put(value, known)[:VALUE_LIMIT] for name, value in row.set.items()}


def _put(value: str, known: Mapping[str, str]) -> str:
    """What a person wrote is put in once, and never read as a place to fill in."""
    parts = value.split("${")
    filled = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        filled.append(f"{known[name]}{rest}" if closed and name in known else "${" + part)
    return "".join(filled)
