"""Let people stop our mails with one click, without asking who they are: the address itself is signed (RFC 8058)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from dialer.domain.ids import AttemptId
from dialer.domain.mail_token import TokenUse, read_token

log = structlog.get_logger()

UNSUBSCRIBE_PATH = "/u"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>Unsubscribe</title></head>
<body style="font-family:sans-serif;max-width:30em;margin:4em auto;padding:0 1em">{}</body></html>
"""
ASK = _PAGE.format('<p>No more mails to this address?</p><form method="post"><button>Unsubscribe</button></form>')
DONE = _PAGE.format("<p>Done. You will get no more mails from us at this address.</p>")
GONE = _PAGE.format("<p>This link is not valid any more. Answer our mail with STOP instead.</p>")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def add_unsubscribe(app: web.Application, keys: Sequence[bytes], unsubscribe: Callable[[AttemptId], Awaitable[bool]]) -> None:
    """`POST /u/<token>` stops the mails; `GET` asks first, since programs that check links follow them.

    Answers 404 for a token that we did not sign, and 503 where the wish could not be kept: then it is tried again.
    """

    async def ask(request: web.Request) -> web.Response:
        known = read_token(TokenUse.UNSUBSCRIBE, request.match_info["token"], keys)
        return _page(ASK) if known is not None else _page(GONE, 404)

    async def stop(request: web.Request) -> web.Response:
        attempt_id = read_token(TokenUse.UNSUBSCRIBE, request.match_info["token"], keys)
        if attempt_id is None:
            log.warning("an unsubscribe address that is not ours", peer=request.remote)
            return _page(GONE, 404)
        try:
            known = await unsubscribe(attempt_id)
        except Exception:
            log.exception("a wish to get no more mails could not be kept", attempt=attempt_id)
            return web.Response(status=503)
        return _page(DONE) if known else _page(GONE, 404)

    app.router.add_get(UNSUBSCRIBE_PATH + "/{token}", ask)
    app.router.add_post(UNSUBSCRIBE_PATH + "/{token}", stop)


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
