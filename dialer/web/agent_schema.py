"""The agents' desk described for programs (OpenAPI 3.1) and for their authors (a page)."""

from __future__ import annotations

import functools
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
    listed = "".join(_section(name, described[kind.__name__], _first_line(kind)) for name, kind in commands.kinds.items())
    asked = "".join(f"<dt><code>{name}</code></dt><dd>{escape(about)}</dd>" for name, about in QUESTIONS.items())
    told = "".join(_section(wire_name(kind), described[kind.__name__], _first_line(kind)) for kind in get_args(AgentEvent))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Outdial agents' desk</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}code{background:#eee}</style>"
        "<h1>The agents' desk</h1><p>WebSocket <code>/agent/v1/ws</code>; each command also "
        "<code>POST /agent/v1/commands/&lt;name&gt;</code> with a token. <a href=openapi.json>OpenAPI</a>.</p>"
        f"<p>Results: {_NUMBERS}.</p><h2>Commands</h2><dl>{listed}</dl>"
        f"<h2>Questions</h2><dl>{asked}</dl><h2>Events</h2><dl>{told}</dl></html>"
    )


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


def _section(name: str, schema: dict[str, Any], about: str) -> str:
    fields = ", ".join(f"<code>{escape(field)}</code>" for field in schema.get("properties", {}) if field not in ("event", "seq"))
    return f"<dt><code>{escape(name)}</code> {fields}</dt><dd>{escape(about)}</dd>"


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
