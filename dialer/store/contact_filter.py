"""A filter and an order of contacts, written as SQL for both databases with the same meaning."""

from __future__ import annotations

import operator
from typing import Any

import sqlalchemy as sa

from dialer.domain.filter import Compare, Comparison, Filter, Sort
from dialer.domain.history import HISTORY_ATTRIBUTES, History
from dialer.store.tables import Instant, contacts
from dialer.store.tables_contacts import contact_history

_COLUMNS = {"contact_id": "user_contact_id", "language": "language", "time_zone": "time_zone"}
_HISTORY = dict(zip(HISTORY_ATTRIBUTES, History.__dataclass_fields__, strict=True))
_LEAST = "-1e308"  # what a contact without a number is worth when numbers are sorted
_PLAIN: dict[Compare, Any] = {
    Compare.EQ: operator.eq,
    Compare.NE: operator.ne,
    Compare.LT: operator.lt,
    Compare.LE: operator.le,
    Compare.GT: operator.gt,
    Compare.GE: operator.ge,
}
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fits(chosen: Filter, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a row of `contacts` fits; never NULL."""
    groups = [sa.and_(*(_condition(one, dialect) for one in group)) for group in chosen.any_of]
    return sa.func.coalesce(sa.or_(*groups), sa.false()) if groups else sa.true()


def sort_key(order: Sort, dialect: str) -> sa.ColumnElement[Any]:
    """What the rows of `contacts` are ordered by; never NULL."""
    return sa.literal_column(sort_expression(order, dialect), sa.Float() if order.numeric else sa.String())


def sort_expression(order: Sort, dialect: str) -> str:
    """The text of `sort_key`: what an index has to be made of."""
    if order.numeric:
        return f"COALESCE({_number(order.attribute, dialect)}, {_LEAST})"
    collate = ' COLLATE "C"' if dialect == "postgresql" else ""
    return f"COALESCE({_text(order.attribute)}, ''){collate}"


def _text(attribute: str) -> str:
    # Written out, not bound: an index on an expression serves only queries with the very same expression.
    column = _COLUMNS.get(attribute)
    return column or "(attributes ->> '" + attribute.replace("'", "''") + "')"


def _number(attribute: str, dialect: str) -> str:
    text = _text(attribute)
    if dialect == "postgresql":
        shape = f"{text} ~ '^-?[0-9]{{1,15}}([.][0-9]{{1,15}})?$'"
        return f"CASE WHEN {shape} THEN CAST({text} AS DOUBLE PRECISION) END"
    odd = ("*[^0-9.-]*", "?*-*", "*.*.*", ".*", "-.*", "*.")
    shape = " AND ".join(f"{text} NOT GLOB '{pattern}'" for pattern in odd)
    digits = f"{text} NOT GLOB '*[^0-9]*' AND {text} <> ''"  # first: most numbers are, and each further look takes longer
    return f"CASE WHEN {digits} OR {text} GLOB '*[0-9]*' AND {shape} THEN CAST({text} AS REAL) END"


def _condition(one: Comparison, dialect: str) -> sa.ColumnElement[bool]:
    found = _of_history(one, dialect) if one.attribute in _HISTORY else _of_contact(one, dialect)
    if one.numeric:
        return _compared(one.compare, found, [float(value) for value in one.values])
    return _compared(one.compare, sa.func.nullif(found, ""), [value.translate(_ASCII_LOWER) for value in one.values])


def _of_contact(one: Comparison, dialect: str) -> sa.ColumnElement[Any]:
    if one.numeric:
        return sa.literal_column(_number(one.attribute, dialect), sa.Float())
    collate = ' COLLATE "C"' if dialect == "postgresql" else ""
    return sa.literal_column(f"lower({_text(one.attribute)}{collate})", sa.String())


def _of_history(one: Comparison, dialect: str) -> sa.ColumnElement[Any]:
    """What the dialer keeps of a contact, as the text in which conditions of strategies and apps see it."""
    column, counts = contact_history.c[_HISTORY[one.attribute]], one.attribute in ("total_attempts", "successful_attempts")
    if one.numeric and not counts:
        return sa.cast(sa.null(), sa.Float)  # neither a text nor a moment is a number
    value: sa.ColumnElement[Any] = column
    if isinstance(column.type, Instant):
        second = sa.type_coerce(column, sa.BigInteger) // 1_000_000
        if dialect == "postgresql":
            value = sa.func.to_char(sa.func.timezone("UTC", sa.func.to_timestamp(second)), 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
        else:
            value = sa.func.strftime("%Y-%m-%dT%H:%M:%S+00:00", second, "unixepoch")
    elif counts:
        value = sa.cast(column, sa.Float if one.numeric else sa.String)
    mine = sa.select(value).where(contact_history.c.contact_id == contacts.c.id).scalar_subquery()
    if one.numeric:
        return sa.func.coalesce(mine, 0.0)
    text = sa.func.lower(sa.func.coalesce(mine, "0" if counts else ""))
    return sa.collate(text, "C") if dialect == "postgresql" else text


def _compared(compare: Compare, found: sa.ColumnElement[Any], values: list[Any]) -> sa.ColumnElement[bool]:
    if (plain := _PLAIN.get(compare)) is not None:
        return found.operate(plain, values[0])
    match compare:
        case Compare.LIKE:
            return found.like(_pattern(values[0]), escape="\\")
        case Compare.NOT_LIKE:
            return found.not_like(_pattern(values[0]), escape="\\")
        case Compare.IN:
            return found.in_(values)
        case Compare.NOT_IN:
            return found.not_in(values)
        case Compare.BETWEEN:
            return found.between(values[0], values[1])
        case Compare.IS_NULL:
            return found.is_(None)
        case _:
            return found.is_not(None)


def _pattern(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text.replace("*", "%").replace("?", "_")
