"""The table of verbs, read off the contract: by it HTTP, threads and dialplans carry every verb without knowing any.

A carrier is a function that takes a verb and its arguments and gives the result; `call_pdc` and `session_pdc` make of it
something that has the verbs as methods.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, get_type_hints

from pdc.contract import CallPdc, SessionPdc
from pdc.errors import BadValue
from pdc.wire import Malformed, from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb: its method in the contract, and the types of its parameters and of its result."""

    name: str
    method: Callable[..., Awaitable[Any]]
    parameters: Mapping[str, inspect.Parameter]  # without `self`
    types: Mapping[str, Any]  # of the parameters by name
    result: Any

    async def call(self, pdc: SessionPdc, given: Mapping[str, Any]) -> Any:
        """Ask a PDC."""
        by_place = [given[one.name] for one in self.parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
        by_name = {one.name: given[one.name] for one in self.parameters.values() if one.kind is one.KEYWORD_ONLY}
        return await getattr(pdc, self.name)(*by_place, **by_name)

    def check(self, given: Mapping[str, Any]) -> None:
        """Raises BadValue for an argument of another type than the contract's: a number where text is wanted."""
        try:
            self.given_from_json(self.given_to_json(given))
        except (Malformed, TypeError) as exc:
            raise BadValue(f"{self.name}: {exc}") from exc

    def given_to_json(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as JSON."""
        return {name: to_json(value) for name, value in given.items()}

    def given_from_json(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments from JSON, with defaults for those that are not there. Raises Malformed."""
        given: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name in table:
                given[name] = from_json(self.types[name], table[name], name)
            elif parameter.default is parameter.empty:
                raise Malformed(f"{name} is missing")
            else:
                given[name] = parameter.default
        return given


def _read(contract: type) -> dict[str, Verb]:
    """The verbs of one class of the contract, without those that it inherits."""
    verbs = {}
    for name, method in vars(contract).items():
        if name.startswith("_") or not inspect.iscoroutinefunction(method):
            continue
        types = get_type_hints(method)
        result = types.pop("return")
        parameters = {one.name: one for one in inspect.signature(method).parameters.values() if one.name != "self"}
        verbs[name] = Verb(name=name, method=method, parameters=parameters, types=types, result=result)
    return verbs


APP_VERBS: Mapping[str, Verb] = _read(CallPdc)
"""What an IVR app may ask."""

VERBS: Mapping[str, Verb] = {**APP_VERBS, **_read(SessionPdc)}
"""Every verb by its name."""


class Carry(Protocol):
    """Carries one verb to where it is done, and its result back. `given` has every parameter of the verb by name."""

    async def __call__(self, verb: Verb, given: Mapping[str, Any]) -> Any: ...


def call_pdc(carry: Carry) -> CallPdc:
    """The verbs of an app, each handed to `carry`."""
    return cast(CallPdc, _CARRIED_CALL(carry))


def session_pdc(carry: Carry) -> SessionPdc:
    """All verbs of one call, each handed to `carry`."""
    return cast(SessionPdc, _CARRIED_SESSION(carry))


class _Carried:
    def __init__(self, carry: Carry) -> None:
        self.carry = carry


def _method(verb: Verb) -> Callable[..., Awaitable[Any]]:
    signature = inspect.Signature(list(verb.parameters.values()))

    @functools.wraps(verb.method)
    async def method(self: _Carried, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)  # a wrong call is the same TypeError as it is everywhere in Python
        bound.apply_defaults()
        verb.check(bound.arguments)
        return await self.carry(verb, bound.arguments)

    return method


_CARRIED_CALL = type("CarriedCallPdc", (_Carried,), {verb.name: _method(verb) for verb in APP_VERBS.values()})
_CARRIED_SESSION = type("CarriedSessionPdc", (_Carried,), {verb.name: _method(verb) for verb in VERBS.values()})
