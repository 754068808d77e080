"""Serve the PDC verbs over HTTP to IVR workers and to users' own programs."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from pdc.contract import Pdc, PdcError, SessionKey
from pdc.wire import (
    MAX_BODY,
    PREFIX,
    Malformed,
    code_to_json,
    contact_to_json,
    moment_of,
    number_of,
    session_to_json,
    text_of,
    texts_of,
)

log = structlog.get_logger()

STATUS_BY_KIND: Mapping[str, int] = {"no_session": 404, "unreachable": 503, "error": 500}  # the other kinds are 422

Verb = Callable[[Pdc, SessionKey, Mapping[str, Any]], Awaitable[Any]]


async def _open_session(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    found = await pdc.open_session(key, amd_status=text_of(given, "amd_status", ""), amd_cause=text_of(given, "amd_cause", ""))
    return session_to_json(found)


async def _session(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    return session_to_json(await pdc.session(key))


async def _contact(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    return contact_to_json(await pdc.contact(key))


async def _get_attribute(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    return {"value": await pdc.get_attribute(key, text_of(given, "name"))}


async def _set_attribute(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.set_attribute(key, text_of(given, "name"), text_of(given, "value"))


async def _completion_codes(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    return [code_to_json(code) for code in await pdc.completion_codes(key)]


async def _set_code(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.set_code(key, text_of(given, "name"))


async def _opt_out(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.opt_out(key, text_of(given, "reason", ""))


async def _note(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.note(key, text_of(given, "text"))


async def _end_session(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.end_session(key, outcome=text_of(given, "outcome", ""), error=text_of(given, "error", ""))


async def _is_dnc(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    return {"value": await pdc.is_dnc(key, text_of(given, "address", ""))}


async def _add_dnc(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.add_dnc(key, text_of(given, "address", ""), text_of(given, "reason", ""))


async def _remove_dnc(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.remove_dnc(key, text_of(given, "address", ""))


async def _save_contact(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    phones, attributes = texts_of(given, "phones"), texts_of(given, "attributes")
    user, list_name = text_of(given, "user_contact_id"), text_of(given, "list_name", "")
    await pdc.save_contact(key, user, phones=phones, attributes=attributes, list_name=list_name)


async def _delete_contact(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.delete_contact(key, text_of(given, "user_contact_id"), list_name=text_of(given, "list_name", ""))


async def _add_to_job(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    await pdc.add_to_job(key, text_of(given, "user_contact_id"), list_name=text_of(given, "list_name", ""))


async def _count(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    assign, once = given.get("assign") is True, text_of(given, "once", "")
    return {"value": await pdc.count(key, text_of(given, "name"), number_of(given, "amount"), assign=assign, once=once)}


async def _schedule_callback(pdc: Pdc, key: SessionKey, given: Mapping[str, Any]) -> Any:
    at = moment_of(given, "at")
    if at is None:
        raise Malformed("at must be a moment")
    zone, address, note = (text_of(given, name, "") for name in ("zone", "address", "note"))
    await pdc.schedule_callback(key, at, zone=zone, expires=moment_of(given, "expires"), address=address, note=note)


VERBS: Mapping[str, Verb] = {
    "open_session": _open_session,
    "session": _session,
    "contact": _contact,
    "get_attribute": _get_attribute,
    "set_attribute": _set_attribute,
    "completion_codes": _completion_codes,
    "set_code": _set_code,
    "opt_out": _opt_out,
    "note": _note,
    "end_session": _end_session,
    "is_dnc": _is_dnc,
    "add_dnc": _add_dnc,
    "remove_dnc": _remove_dnc,
    "save_contact": _save_contact,
    "delete_contact": _delete_contact,
    "add_to_job": _add_to_job,
    "count": _count,
    "schedule_callback": _schedule_callback,
}


def make_pdc_app(pdc: Pdc, token: str) -> web.Application:
    """An aiohttp application with `POST /pdc/v1/<verb>`; also fit to be mounted at "" of a larger one.

    Every request shows `Authorization: Bearer <token>`. Raises ValueError for a token shorter than 16 characters.
    """
    if len(token) < 16:
        raise ValueError("the PDC token must have at least 16 characters")
    wanted = f"Bearer {token}".encode()

    async def serve(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(errors="replace"), wanted):
            return _refuse(401, "unauthorised", "the token is missing or wrong")
        verb = VERBS.get(request.match_info["verb"])
        if verb is None:
            return _refuse(404, "unknown_verb", "no such verb")
        try:
            given = json.loads(await request.read())
            if not isinstance(given, dict):
                raise Malformed("the body must be an object")
            key = SessionKey(attempt_id=text_of(given, "attempt_id"), nonce=text_of(given, "nonce"))
            result = await verb(pdc, key, given)
        except web.HTTPRequestEntityTooLarge:
            return _refuse(413, "too_large", f"a request has at most {MAX_BODY} bytes")
        except PdcError as exc:
            return _refuse(STATUS_BY_KIND.get(exc.kind, 422), exc.kind, str(exc))
        except (ValueError, RecursionError) as exc:
            return _refuse(400, "bad_request", str(exc)[:200])
        except Exception:
            log.exception("a pdc verb failed", verb=request.match_info["verb"])
            return _refuse(500, "error", "the dialer could not do it")
        return web.Response(body=json.dumps({"result": result}).encode(), content_type="application/json")

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post(PREFIX + "{verb}", serve)
    return app


def _refuse(status: int, kind: str, message: str) -> web.Response:
    body = json.dumps({"error": kind, "message": message}).encode()
    return web.Response(status=status, body=body, content_type="application/json")
