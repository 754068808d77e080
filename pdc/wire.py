"""How the contract's values look as JSON: told by their types, so that a new verb or field needs no word here."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

PREFIX = "/pdc/v1/"
MAX_BODY = 64 * 1024  # bytes of one request or answer


class Malformed(ValueError):
    """The other side does not speak this contract."""


def to_json(value: Any) -> Any:
    """A value of the contract as JSON. Raises TypeError for what the contract does not know."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [to_json(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"the contract has no {type(value).__name__}")


def from_json(wanted: Any, value: Any, what: str) -> Any:
    """JSON as a value of the type `wanted`. Raises Malformed, with `what` for the name of the value."""
    origin, of = get_origin(wanted), get_args(wanted)
    if origin in (types.UnionType, Union):  # "... or nothing" is the only union of the contract
        return None if value is None else from_json(next(one for one in of if one is not types.NoneType), value, what)
    if origin is Mapping:
        table = _held(value, dict, what, "an object")
        return {name: from_json(of[1], one, f"{what}.{name}") for name, one in table.items()}
    if origin is Sequence:
        return tuple(from_json(of[0], one, what) for one in _held(value, list, what, "a list"))
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted, _held(value, dict, what, "an object"), what)
    if wanted is datetime:
        return _moment(_held(value, str, what, "text"), what)
    if wanted is int and isinstance(value, bool):
        raise Malformed(f"{what} must be a whole number")
    return _held(value, wanted, what, _WORDS[wanted])


_WORDS = {str: "text", int: "a whole number", bool: "true or false", types.NoneType: "null"}


def _held(value: Any, kind: Any, what: str, words: str) -> Any:
    if not isinstance(value, kind):
        raise Malformed(f"{what} must be {words}")
    return value


_types = functools.cache(get_type_hints)


def _dataclass(wanted: type, table: Mapping[str, Any], what: str) -> Any:
    hints, values = _types(wanted), {}
    for field in fields(wanted):
        if field.name in table:
            values[field.name] = from_json(hints[field.name], table[field.name], f"{what}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Malformed(f"{what}.{field.name} is missing")
    return wanted(**values)


def _moment(text: str, what: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise Malformed(f"{what} must be a moment such as 2026-05-11T18:00:00+03:00") from exc
