"""Numbers that must not be imported, by pattern; and what a country's numbers look like, by length and prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_PATTERNS = ("*0000000*", "*8888888*", "*9999999*")
MIN_LENGTH, MAX_LENGTH = 3, 15  # digits, where a format says nothing


class BadPattern(ValueError):
    """A reject pattern that cannot be read; the text says why."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A reject pattern as a regular expression over the whole number, digits only. Raises BadPattern.

    The grammar: a digit stands for itself; * for any digits, or none; ? for one digit; [1-35] for one of 1, 2, 3 and 5.
    """
    return re.compile(_expression(pattern))


def _expression(pattern: str) -> str:
    if not pattern or len(pattern) > 40:
        raise BadPattern("a pattern has 1 to 40 signs")
    out, at = [], 0
    while at < len(pattern):
        sign = pattern[at]
        if sign in "0123456789":
            out.append(sign)
        elif sign == "*":
            out.append("[0-9]*")
        elif sign == "?":
            out.append("[0-9]")
        elif sign == "[":
            end = pattern.find("]", at)
            inside = pattern[at + 1 : end] if end != -1 else ""
            if not re.fullmatch(r"([0-9](-[0-9])?)+", inside):
                raise BadPattern(f"{pattern!r}: brackets hold digits and ranges, such as [1-35]")
            if any(first > last for first, last in re.findall(r"([0-9])-([0-9])", inside)):
                raise BadPattern(f"{pattern!r}: a range goes upwards")
            out.append(f"[{inside}]")
            at = end
        else:
            raise BadPattern(f"{pattern!r}: only digits, *, ?, and [] with - inside may stand in a pattern")
        at += 1
    return "".join(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectPattern:
    """Numbers that are left out. For one country it is held against the number without the country code."""

    pattern: str
    calling_code: str = ""  # "1", "90"; "" = any, held against the whole international number

    def rejects(self, e164: str) -> bool:
        """Whether this number matches as a whole."""
        digits = e164.removeprefix("+")
        if not digits.startswith(self.calling_code):
            return False
        return compiled(self.pattern).fullmatch(digits[len(self.calling_code) :]) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneFormat:
    """How long a country's numbers are without their country code; one that is too short is tried with `prefix` before it."""

    calling_code: str
    name: str = ""
    min_length: int = MIN_LENGTH
    max_length: int = MAX_LENGTH
    prefix: str = ""

    def fitted(self, e164: str) -> str | None:
        """The number as it is to be dialled; None when it has not the right length."""
        national = e164.removeprefix("+")[len(self.calling_code) :]
        if len(national) < self.min_length:
            national = self.prefix + national
        if not self.min_length <= len(national) <= self.max_length or len(self.calling_code) + len(national) > MAX_LENGTH:
            return None
        return f"+{self.calling_code}{national}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneChecks:
    """All patterns and formats of an organisation."""

    patterns: tuple[RejectPattern, ...] = tuple(RejectPattern(pattern=one) for one in DEFAULT_PATTERNS)
    formats: tuple[PhoneFormat, ...] = ()

    def rejected_by(self, e164: str) -> str:
        """The first pattern that this number matches; "" for none."""
        return next((one.pattern for one in self.patterns if one.rejects(e164)), "")

    def fitted(self, e164: str) -> str | None:
        """The number in its country's format, the longest calling code first; as it is where no format is known."""
        digits = e164.removeprefix("+")
        known = [one for one in self.formats if digits.startswith(one.calling_code)]
        return max(known, key=lambda one: len(one.calling_code)).fitted(e164) if known else e164


class Sieve:
    """The checks of an organisation made ready for a million numbers: it says the same as `PhoneChecks`, many times as fast."""

    def __init__(self, checks: PhoneChecks) -> None:
        self._checks = checks
        anywhere, whole = [], []
        for one in checks.patterns:
            if not one.calling_code and (found := re.fullmatch(r"\*([^*]+)\*", one.pattern)):
                anywhere.append(_expression(found[1]))
            else:
                whole.append(rf"^\+{one.calling_code}{_expression(one.pattern)}\Z")
        # One search instead of a match for each pattern. What may stand anywhere is searched without its stars: quicker by far.
        self._any = re.compile("|".join(anywhere + whole)) if checks.patterns else None
        self._formats = {one.calling_code: one for one in reversed(checks.formats)}  # of two, the first counts
        self._lengths = sorted({len(code) for code in self._formats}, reverse=True)

    @property
    def longest(self) -> int:
        """Digits of the longest calling code of a format."""
        return self._lengths[0] if self._lengths else 0

    def rejected_by(self, e164: str) -> str:
        """The first pattern that this number matches; "" for none."""
        return self._checks.rejected_by(e164) if self._any is not None and self._any.search(e164) else ""

    def passes(self, e164: str) -> bool:
        """Whether no pattern matches."""
        return self._any is None or self._any.search(e164) is None

    def format_of(self, e164: str) -> PhoneFormat | None:
        """The format of the longest calling code with which the number begins."""
        for length in self._lengths:
            if (found := self._formats.get(e164[1 : 1 + length])) is not None:
                return found
        return None

    def fitted(self, e164: str) -> str | None:
        """The number in its country's format; as it is where no format is known, None when it does not fit."""
        found = self.format_of(e164)
        return e164 if found is None else found.fitted(e164)
