"""Look for patterns in what people write, by an engine that no text and no pattern can keep busy."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

LONGEST = 300  # characters of a pattern
MEMORY = 1 << 20


class BadPattern(Exception):
    """The text is no pattern; the message says why."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The expression, without regard to case. Raises BadPattern.

    RE2 takes a time that grows with the length of the text alone. What would need more (backward references, looking ahead) it
    does not know.
    """
    import re2

    if len(pattern) > LONGEST:
        raise BadPattern(f"longer than {LONGEST} characters")
    options = re2.Options()
    options.log_errors, options.case_sensitive, options.max_mem = False, False, MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as wrong:
        said = wrong.args[0] if wrong.args else str(wrong)
        raise BadPattern(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from wrong


def search(pattern: str, text: str) -> Mapping[str, str] | None:
    """The named groups of the first place where the pattern is found, with or without accents; None where it is not."""
    expression = compiled(pattern)
    found = expression.search(text) or expression.search(_plain(text))
    return None if found is None else {name: value for name, value in found.groupdict().items() if value is not None}


def groups_of(pattern: str) -> frozenset[str]:
    """The names of its groups. Raises BadPattern."""
    return frozenset(compiled(pattern).groupindex)


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
