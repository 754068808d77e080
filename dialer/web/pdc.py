"""Serve the PDC verbs over HTTP to IVR workers and to users' own programs."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

import structlog
from aiohttp import web

from pdc import Pdc, PdcError, SessionKey
from pdc.verbs import VERBS
from pdc.wire import MAX_BODY, PREFIX, Malformed, from_json, to_json

log = structlog.get_logger()

STATUS_BY_KIND: Mapping[str, int] = {"no_session": 404, "unreachable": 503, "error": 500}  # the other kinds are 422


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
            result = to_json(await verb.call(pdc.on(from_json(SessionKey, given, "key")), verb.given_from_json(given)))
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
