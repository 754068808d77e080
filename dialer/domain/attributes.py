"""What an attribute of a contact may hold, and who may see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum


class AttributeType(StrEnum):
    """The kind of value; each is kept as text in one form, so that equal values are equal texts."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"  # true or false
    DATE = "date"  # 2026-05-11
    TIMESTAMP = "timestamp"  # 2026-05-11T12:00:00+00:00, in UTC
    PHONE = "phone"  # E.164
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeDefinition:
    """An attribute of an organisation's contacts. One that nobody defined is a string that everybody may see."""

    name: str
    type: AttributeType = AttributeType.STRING
    masked: bool = False  # shown in full only to those who may unmask


class BadAttribute(ValueError):
    """A value is not of its attribute's type; the text says what is wanted."""


_TRUE, _FALSE = ("true", "yes", "y", "1", "on"), ("false", "no", "n", "0", "off")


def kept(kind: AttributeType, value: str) -> str:
    """The value in the form in which it is kept; "" is no value, and fits every type. Raises BadAttribute."""
    text = value.strip() if kind is not AttributeType.STRING else value
    return text and _READERS[kind](text)


def masked(value: str) -> str:
    """All but the last two signs hidden."""
    return value if not value else "•" * max(len(value) - 2, 1) + (value[-2:] if len(value) > 4 else "")


def shown(value: str, definition: AttributeDefinition | None, *, unmask: bool = False) -> str:
    """A value as somebody may see it: masked where its definition says so, unless they may unmask."""
    return masked(value) if definition is not None and definition.masked and not unmask else value


def _integer(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadAttribute("a whole number is wanted")
    return str(int(text))


def _float(text: str) -> str:
    try:
        found = float(text)
    except ValueError:
        found = float("inf")
    if found in (float("inf"), float("-inf")) or found != found:
        raise BadAttribute("a number is wanted")
    return repr(found)


def _boolean(text: str) -> str:
    word = text.casefold()
    if word not in _TRUE + _FALSE:
        raise BadAttribute("true or false is wanted")
    return "true" if word in _TRUE else "false"


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise BadAttribute("a date such as 2026-05-11 is wanted") from exc


def _timestamp(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadAttribute("a moment such as 2026-05-11T12:00:00+02:00 is wanted") from exc
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _phone(text: str) -> str:
    digits = re.sub(r"[ ().\-/]", "", text)
    if not re.fullmatch(r"\+[0-9]{3,15}", digits):
        raise BadAttribute("an international number such as +15550100123 is wanted")
    return digits


def _email(text: str) -> str:
    if len(text) > 254 or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise BadAttribute("an e-mail address is wanted")
    return text.casefold()


_READERS: Mapping[AttributeType, Callable[[str], str]] = {
    AttributeType.STRING: str,
    AttributeType.INTEGER: _integer,
    AttributeType.FLOAT: _float,
    AttributeType.BOOLEAN: _boolean,
    AttributeType.DATE: _date,
    AttributeType.TIMESTAMP: _timestamp,
    AttributeType.PHONE: _phone,
    AttributeType.EMAIL: _email,
}
