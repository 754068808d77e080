"""How a dialplan and the PDC understand each other: in plain text, with nothing in it that a dialplan could obey."""

from __future__ import annotations

import inspect
import types
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pdc import BadValue
from pdc.verbs import APP_VERBS, Verb

MAX_VALUE = 250  # characters
PLAIN_MARKS = frozenset(" +-_.:")
"""Besides letters and digits. No comma, quote, bracket, dollar, ampersand, slash or at-sign: with none of them can a value end
an argument or an expression, name a function, a second file or a way to dial."""

_PARAMETERS = (str, int, bool, datetime, datetime | None)
_RESULTS = (types.NoneType, str, int, bool, datetime)

DIALPLAN_VERBS: Mapping[str, Verb] = {
    name: verb
    for name, verb in APP_VERBS.items()
    if verb.result in _RESULTS and all(wanted in _PARAMETERS for wanted in verb.types.values())
}
"""The verbs that a dialplan can ask: those that take and give plain values."""


def given_of(verb: Verb, texts: Sequence[str]) -> dict[str, Any]:
    """The verb's arguments: in order as far as they have a place, then as `name=value`. Raises BadValue.

    `set_phone,work,+12125550177,zone=America/New_York`. An empty text is a parameter's default, where it has one.
    """
    in_order = [one for one in verb.parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
    by_name = {one.name: one for one in verb.parameters.values() if one.kind is one.KEYWORD_ONLY}
    given = {one.name: one.default for one in verb.parameters.values()}
    for text in texts:
        name, equals, value = text.partition("=")
        needed = bool(in_order) and in_order[0].default is inspect.Parameter.empty
        if equals and name in by_name and not needed:
            given[name] = _read(verb, by_name.pop(name), value)
        elif in_order:
            parameter = in_order.pop(0)
            given[parameter.name] = _read(verb, parameter, text)
        elif text:
            raise BadValue(f"{verb.name}: {text[:40]!r} has no place")
    if missing := [name for name, value in given.items() if value is inspect.Parameter.empty]:
        raise BadValue(f"{verb.name}: {missing[0]} is missing")
    return given


def _read(verb: Verb, parameter: inspect.Parameter, text: str) -> Any:
    wanted = verb.types[parameter.name]
    if not text and parameter.default is not parameter.empty:
        return parameter.default
    try:
        if wanted is int:
            return int(text)
        if wanted is bool:
            return {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}[text.lower()]
        return text if wanted is str else datetime.fromisoformat(text)
    except (ValueError, KeyError) as exc:
        raise BadValue(f"{verb.name}: {text[:40]!r} is no {parameter.name}") from exc


def harmless(value: str | int | bool | datetime | None) -> str:
    """A result as the text of a channel variable: letters, digits and a few plain marks, 250 at most. Yes is 1, no is 0.

    A moment is 2026-05-11T18:00:00+00:00.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int):  # a yes or no, too
        return str(int(value))
    kept = (mark for mark in value if mark in PLAIN_MARKS or unicodedata.category(mark)[0] in "LNM")
    return "".join(kept)[:MAX_VALUE].strip()
