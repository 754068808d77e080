"""Which contacts of its lists a job calls, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum


class Compare(StrEnum):
    """How a condition compares. Text is compared without regard to capitals; a contact without a value only fits "is null"."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "like"  # * any characters, ? exactly one
    NOT_LIKE = "not like"
    IN = "in"
    NOT_IN = "not in"
    BETWEEN = "between"  # both ends included
    IS_NULL = "is null"  # no value, or an empty one
    IS_NOT_NULL = "is not null"


NUMBERS_OF_VALUES = {Compare.IS_NULL: (0, 0), Compare.IS_NOT_NULL: (0, 0), Compare.BETWEEN: (2, 2)}
"""How many values a comparison takes, least and most; "in" takes up to a hundred and everything else one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison of one attribute. `numeric` compares numbers; what is no number then counts as no value."""

    attribute: str
    compare: Compare
    values: tuple[str, ...] = ()
    numeric: bool = False

    def __str__(self) -> str:
        values = (", " if self.compare in (Compare.IN, Compare.NOT_IN) else " and ").join(self.values)
        return " ".join(part for part in (self.attribute, self.compare.value, values) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Groups of conditions: a contact fits when all conditions of at least one group hold. No group: everybody fits."""

    any_of: tuple[tuple[Comparison, ...], ...] = ()

    def __str__(self) -> str:
        return " or ".join(" and ".join(str(one) for one in group) for group in self.any_of) or "everybody"

    def on(self, day: date) -> Filter:
        """The filter with {today} and {month_day} in its values filled in: those whose birthday it is on `day`."""
        words = {"{today}": day.isoformat(), "{month_day}": f"{day:%m-%d}"}
        return Filter(any_of=tuple(tuple(_filled(one, words) for one in group) for group in self.any_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """The order in which contacts are called: by one attribute, then as imported. Without a value counts as the least."""

    attribute: str
    descending: bool = False
    numeric: bool = False


def _filled(condition: Comparison, words: Mapping[str, str]) -> Comparison:
    return replace(condition, values=tuple(_with_words(value, words) for value in condition.values))


def _with_words(text: str, words: Mapping[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def attributes_of(chosen: Filter, order: Sort | None) -> Sequence[str]:
    """Every attribute that a filter and an order look at."""
    found = [one.attribute for group in chosen.any_of for one in group]
    return list(dict.fromkeys([*found, order.attribute] if order else found))
