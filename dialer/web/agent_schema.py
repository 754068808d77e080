"""The agents' desk described for programs (OpenAPI 3.1) and for their authors (a page)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from html import escape
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dialer.domain.agent_events import AgentEvent
from dialer.web.agent_questions import QUESTIONS
from dialer.web.agent_wire import Commands, Hello, Result, Said, schema_of, wire_name

REF = "#/components/schemas/{model}"
_NUMBERS = ", ".join(f"{one.value} {one.name.lower()}" for one in Result)


@functools.lru_cache(maxsize=1)
def openapi(commands: Commands) -> dict[str, Any]:
    """The whole interface; what the WebSocket carries stands among the schemas."""
    models: tuple[type[BaseModel], ...] = (*commands.models.values(), Hello, Said)
    names, shared = models_json_schema([(one, "validation") for one in models], ref_template=REF)
    schemas: dict[str, Any] = dict(shared.get("$defs", {}))
    for event in get_args(AgentEvent):
        schemas[event.__name__] = _event_schema(event, schemas)
    schemas["Answer"] = _ANSWER
    answers = {
        "200": _answers("carried out"),
        "401": _answers("the token is missing or wrong"),
        "404": _answers("no such command"),
        "409": _answers("the agent's state, or the law, does not allow it now; nothing was done"),
        "422": _answers("the arguments cannot be used; nothing was done"),
        "429": _answers("too many at once"),
        "504": _answers("it takes longer than we wait; events tell what becomes of it"),
    }
    paths: dict[str, Any] = {
        f"/agent/v1/commands/{name}": {
            "post": {
                "operationId": name,
                "summary": _first_line(commands.kinds[name]),
                "requestBody": {"content": {"application/json": {"schema": names[(model, "validation")]}}},
                "responses": answers,
            }
        }
        for name, model in commands.models.items()
    }
    for name, about in QUESTIONS.items():
        asked = {
            "operationId": name,
            "summary": about,
            "responses": {"200": _answers("the answer, in `said`"), "401": answers["401"]},
        }
        paths[f"/agent/v1/{name}"] = {"get": asked}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outdial agents' desk",
            "version": "1",
            "description": "docs/agents.md explains the WebSocket /agent/v1/ws.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def page(commands: Commands) -> str:
    """A list of commands and events with their fields, to read."""
    described = openapi(commands)["components"]["schemas"]
    listed = "".join(_section(name, kind, described) for name, kind in commands.kinds.items())
    asked = "".join(f"<dt><code>{name}</code></dt><dd>{_marked(about)}</dd>" for name, about in QUESTIONS.items())
    told = "".join(_section(wire_name(kind), kind, described) for kind in get_args(AgentEvent))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Outdial agents' desk</title><style>{_STYLE}</style>"
        "<h1>The agents' desk</h1><p>WebSocket <code>/agent/v1/ws</code>; each command also "
        "<code>POST /agent/v1/commands/&lt;name&gt;</code> with its fields as the body. The token of "
        "<code>dialer agent token LOGIN</code> is in the first message, or in the header <code>Authorization: Bearer ...</code>. "
        f"For programs: <a href=openapi.json>OpenAPI</a>.</p><pre>{escape(_EXAMPLE)}</pre>"
        f"<p>Results: {_NUMBERS}. What is refused has changed nothing. A field with <code>?</code> may be left out.</p>"
        "<p><a href=#commands>Commands</a> · <a href=#questions>Questions</a> · <a href=#events>Events</a></p>"
        f"<h2 id=commands>Commands</h2><dl>{listed}</dl><h2 id=questions>Questions</h2>"
        f"<p><code>GET /agent/v1/&lt;name&gt;</code>, or asked like a command.</p><dl>{asked}</dl>"
        f"<h2 id=events>Events</h2><dl>{told}</dl></html>"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "code{background:#8882;padding:0 .2em}pre{background:#8882;padding:.6em 1em;overflow-x:auto}"
    "dt{margin-top:.6em}dt>code:first-child{font-weight:bold}small{opacity:.7}"
)
_EXAMPLE = """\
> {"hello": 1, "token": "..."}
< {"type": "welcome", "agent": "ann", ...}
> {"id": 1, "command": "log_in", "arguments": {"phone": "ann-phone"}}
< {"type": "event", "seq": 1, "event": "state_changed", "state": "not_ready", ...}
< {"type": "answer", "id": 1, "result": 0}"""


_ANSWER = {
    "type": "object",
    "description": f"How a command ended: {_NUMBERS}.",
    "properties": {
        "result": {"type": "integer", "enum": [one.value for one in Result]},
        "error": {"type": "string", "enum": [one.name.lower() for one in Result if one]},
        "because": {"type": "string"},
        "mend": {"type": "string"},
        "said": {"type": "object"},
    },
}


def _event_schema(kind: type[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schema_of(kind)
    schemas.update(schema.pop("$defs", {}))
    about = {"seq": {"type": "integer"}, "event": {"const": wire_name(kind)}}
    return {**schema, "description": _first_line(kind), "properties": {**about, **schema.get("properties", {})}}


def _answers(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": {"$ref": REF.format(model="Answer")}}}}


def _section(name: str, kind: type[Any], described: Mapping[str, Any]) -> str:
    schema = described[kind.__name__]
    fields = schema.get("properties", {})
    sure = fields if "event" in fields else schema.get("required", ())  # an event has all of them
    listed = ", ".join(
        f"<code>{escape(field)}{'' if field in sure else '?'}</code> <small>{_kind(of, described)}</small>"
        for field, of in fields.items()
        if field not in ("event", "seq")
    )
    return f"<dt><code>{escape(name)}</code> {listed}</dt><dd>{_marked(_first_line(kind))}</dd>"


def _kind(of: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """What a field holds, in a word or two, or the words that it may be."""
    if "anyOf" in of:
        return " or ".join(dict.fromkeys(_kind(one, described) for one in of["anyOf"] if one.get("type") != "null"))
    if "$ref" in of:
        return _kind(described[of["$ref"].rpartition("/")[2]], described)
    if "enum" in of:
        return escape(" | ".join(str(one) for one in of["enum"]))
    return "time" if of.get("format") == "date-time" else escape(str(of.get("type", "")))


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
