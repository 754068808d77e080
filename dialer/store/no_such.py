"""Say that there is nothing of a name, and which names there are."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.errors import NotFound

SHOWN = 8


def no_such(what: str, name: str, known: Iterable[str]) -> NotFound:
    """The error for somebody who has mistyped a name."""
    names = sorted(set(known), key=str.casefold)
    if not names:
        return NotFound(f"no {what} {name!r}: there is none yet")
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return NotFound(f"no {what} {name!r}; there are: {', '.join(names[:SHOWN])}{more}")
