"""Say something of a contact and find out whether it is so: the ten operators of strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Operator(StrEnum):
    """What a value is compared by. Names as they are written in a strategy."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    BETWEEN = "between"  # both ends included
    STARTS_WITH = "starts_with"
    CONTAINS = "contains"
    IS_NULL = "is_null"  # the contact has no such value, or an empty one
    IS_NOT_NULL = "is_not_null"
    ONE_OF = "one_of"


# How many values an operator takes: at least, at most (None = any number).
ARITY: Mapping[Operator, tuple[int, int | None]] = {
    **dict.fromkeys(Operator, (1, 1)),
    Operator.BETWEEN: (2, 2),
    Operator.IS_NULL: (0, 0),
    Operator.IS_NOT_NULL: (0, 0),
    Operator.ONE_OF: (1, None),
}

Attributes = Mapping[str, str]  # name in small letters (str.casefold) -> value


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of an attribute of a contact.

    Two numbers are compared as numbers, two dates (ISO 8601) as dates, anything else as text without regard to case. A value
    that is not there equals nothing and is not greater, less or between: only `is_null` and `not_equals` hold for it. A number
    is neither greater nor less than a text.
    """

    attribute: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, of: Attributes) -> bool:
        """Whether it is so, of a contact with these attributes."""
        value = of.get(self.attribute.casefold(), "").strip()
        match self.operator:
            case Operator.IS_NULL:
                return not value
            case Operator.IS_NOT_NULL:
                return bool(value)
            case Operator.NOT_EQUALS:
                return not value or not _equal(value, self.values[0])
        if not value:
            return False
        match self.operator:
            case Operator.EQUALS | Operator.ONE_OF:
                return any(_equal(value, one) for one in self.values)
            case Operator.GREATER_THAN:
                return _compare(value, self.values[0]) == 1
            case Operator.LESS_THAN:
                return _compare(value, self.values[0]) == -1
            case Operator.BETWEEN:
                return _compare(value, self.values[0]) in (0, 1) and _compare(value, self.values[1]) in (0, -1)
            case Operator.STARTS_WITH:
                return value.casefold().startswith(self.values[0].casefold())
            case Operator.CONTAINS:
                return self.values[0].casefold() in value.casefold()
        raise AssertionError(self.operator)

    def __str__(self) -> str:
        """As a person would say it."""
        words = self.operator.value.replace("_", " ")
        return " ".join(
            [self.attribute, words, *([" and ".join(self.values)] if self._joined else [", ".join(self.values)])]
        ).strip()

    @property
    def _joined(self) -> bool:
        return self.operator is Operator.BETWEEN


def all_hold(conditions: Sequence[Condition], of: Attributes) -> bool:
    """Whether every one of them is so; of none, yes."""
    return all(one.holds(of) for one in conditions)


def said(conditions: Sequence[Condition]) -> str:
    """Several conditions in words."""
    return " and ".join(str(one) for one in conditions)


def _equal(value: str, wanted: str) -> bool:
    return _compare(value, wanted) == 0


def _compare(value: str, wanted: str) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared."""
    wanted = wanted.strip()
    numbers = _number(value), _number(wanted)
    if numbers[0] is not None and numbers[1] is not None:
        return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    dates = _date(value), _date(wanted)
    if dates[0] is not None and dates[1] is not None:
        return (dates[0] > dates[1]) - (dates[0] < dates[1])
    if numbers != (None, None) or dates != (None, None):
        return None
    texts = value.casefold(), wanted.casefold()
    return (texts[0] > texts[1]) - (texts[0] < texts[1])


def _number(text: str) -> float | None:
    if not text.isascii() or text.startswith("+"):  # +15550100 is a telephone number: as a text it keeps every digit
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 and "_" not in text else None


def _date(text: str) -> datetime | None:
    if len(text) < 10 or text[4] != "-":
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
