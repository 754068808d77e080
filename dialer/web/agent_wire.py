"""What agents' programs say and are told, as JSON: made from the commands and the events themselves."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import to_jsonable_python

MAX_BYTES = 16 * 1024  # of one message or request
_STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
_NAME = re.compile(r"(?<!^)(?=[A-Z])")
_EXPECTED = {  # where pydantic's own words, made for programmers, would not help
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
}


class Result(IntEnum):
    """How a command ended; 0 is the only success. The numbers never change their meaning."""

    DONE = 0  # carried out
    BAD_INPUT = 1  # it cannot be read; nothing was done
    UNKNOWN_COMMAND = 2  # there is none of that name; nothing was done
    REFUSED = 3  # the agent's state, or the law, does not allow it now; nothing was done
    TOO_MANY = 4  # more commands than are taken at once; nothing was done
    NO_ANSWER = 5  # it takes longer than we wait: what becomes of it is told by events
    FAILED = 6  # the dialer could not do it; the desk shows what is


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an agent's program is told of a command of its own."""

    result: Result
    because: str = ""
    mend: str = ""
    said: Mapping[str, object] = field(default_factory=dict)  # what a command answers besides

    def as_json(self) -> dict[str, Any]:
        """The answer without the id of its command."""
        if self.result is Result.DONE:
            return {"result": 0, **({"said": to_jsonable_python(self.said)} if self.said else {})}
        return {"result": self.result.value, "error": self.result.name.lower(), "because": self.because, "mend": self.mend}


class Hello(BaseModel):
    """The first message of a connection: who it is, and what it has already been told."""

    model_config = _STRICT
    hello: Literal[1] = Field(description="the version of this protocol")
    token: str = Field(default="", max_length=200, description="of the agent; not needed where the Authorization header shows it")
    session: str = Field(default="", max_length=64, description="of the connection that was lost, to be told what was missed")
    after: int = Field(default=0, ge=0, description="the number of the last event that was seen in that session")
    force: bool = Field(default=False, description="take over from another connection of this agent")


class Said(BaseModel):
    """Every other message: a command with its arguments."""

    model_config = _STRICT
    id: Annotated[
        int | str, Field(description="comes back with the answer; a command that is sent again with its id is not repeated")
    ]
    command: str = Field(max_length=64)
    arguments: dict[str, Any] = {}


class Unreadable(ValueError):
    """A message that cannot be used; `mend` says what would have been right, `id` which command it was if that can be seen."""

    def __init__(self, because: str, mend: str = "", *, id: int | str | None = None) -> None:
        self.because, self.mend, self.id = because, mend, id
        super().__init__(because)


class Commands:
    """The commands by the names that they have on the wire, and how each is read."""

    def __init__(self, kinds: Iterable[type[Any]]) -> None:
        self.kinds = {wire_name(kind): kind for kind in kinds}
        self.models = {name: _model(kind) for name, kind in self.kinds.items()}

    def __contains__(self, name: str) -> bool:
        return name in self.kinds

    def read(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """A command with its arguments. Raises Unreadable."""
        model = self.models[name]
        try:
            given = model.model_validate_json(json.dumps(arguments), strict=True)
        except (ValidationError, ValueError) as exc:
            raise Unreadable(explained(exc), self._takes(name)) from exc
        return self.kinds[name](**{one: getattr(given, one) for one in model.model_fields})

    def _takes(self, name: str) -> str:
        fields = self.models[name].model_fields
        if not fields:
            return f"{name} takes no arguments"
        listed = ", ".join(one if about.is_required() else f"[{one}]" for one, about in fields.items())
        return f"{name} takes {listed}; those in brackets may be left out"


def wire_name(kind: type[Any]) -> str:
    """`GoReady` is "go_ready" on the wire."""
    return _NAME.sub("_", kind.__name__).lower()


def event_json(event: Any) -> dict[str, Any]:
    """An event with its name and its fields; numbering it is the session's."""
    return {"event": wire_name(type(event)), **plain(event)}


def plain(value: Any) -> Any:
    """A value of the domain as JSON knows it: times in ISO 8601, states by their words."""
    return to_jsonable_python(value)


def read_hello(text: str) -> Hello:
    """The first message. Raises Unreadable."""
    try:
        return Hello.model_validate_json(checked(text), strict=True)
    except ValidationError as exc:
        raise Unreadable(explained(exc), 'say {"hello": 1, "token": "..."} first') from exc


def read_command(text: str) -> Said:
    """A command. Raises Unreadable."""
    try:
        return Said.model_validate_json(checked(text), strict=True)
    except ValidationError as exc:
        raise Unreadable(explained(exc), 'say {"id": 1, "command": "go_ready", "arguments": {}}', id=_id_in(text)) from exc


def checked(text: str) -> str:
    """The text, if it has no NUL, which no database takes. Raises Unreadable."""
    if "\0" in text or "\\u0000" in text:
        raise Unreadable("a message may not have a NUL character", "leave it out", id=_id_in(text))
    return text


def explained(error: ValueError) -> str:
    """What is wrong with a message, in plain words. Values are not repeated."""
    if not isinstance(error, ValidationError):
        return "the arguments cannot be read"
    found = []
    for one in error.errors(include_url=False, include_input=False):
        where, kind = ".".join(str(part) for part in one["loc"]), one["type"]
        if kind in ("json_invalid", "model_type", "model_attributes_type") and not where:
            return "a message must be one JSON object"
        words = _EXPECTED.get(kind) or one["msg"][:1].lower() + one["msg"][1:]
        found.append(f"{where} {words}" if where else words)
    return "; ".join(dict.fromkeys(found))


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """The JSON schema of an event or another value of the domain."""
    return TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")


def _model(kind: type[Any]) -> type[BaseModel]:
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {}
    for one in dataclasses.fields(kind):
        if one.default is not dataclasses.MISSING:
            fields[one.name] = (hints[one.name], one.default)
        elif one.default_factory is not dataclasses.MISSING:
            fields[one.name] = (hints[one.name], Field(default_factory=one.default_factory))
        else:
            fields[one.name] = (hints[one.name], ...)
    model: type[BaseModel] = create_model(kind.__name__, __config__=_STRICT, __doc__=kind.__doc__, **fields)
    return model


def _id_in(text: str) -> int | str | None:
    """The id of a command that cannot be read otherwise, so that its sender can tell which one it was."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = said.get("id") if isinstance(said, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) and len(str(found)) <= 64 else None
