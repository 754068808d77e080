"""Let people stop our mails with one click, without asking who they are: the address itself is signed (RFC 8058)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web

from dialer.domain.ids import AttemptId
from dialer.domain.mail_token import TokenUse, read_token
from dialer.domain.wording import ENGLISH, primary

log = structlog.get_logger()

UNSUBSCRIBE_PATH = "/u"
_PAGE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{title}</title></head>
<body style="font-family:sans-serif;max-width:30em;margin:4em auto;padding:0 1em"><p>{text}</p>{more}</body></html>
"""
_FORM = '<form method="post"><button>{title}</button></form>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the page says in one language."""

    title: str  # and the button
    ask: str
    done: str
    gone: str


WORDS = {
    ENGLISH: Words(
        title="Unsubscribe",
        ask="No more mails to this address?",
        done="Done. You will get no more mails from us at this address.",
        gone="This link is not valid any more. Answer our mail with STOP instead.",
    ),
    "de": Words(
        title="Abmelden",
        ask="Keine Mails mehr an diese Adresse?",
        done="Erledigt. An diese Adresse bekommen Sie keine Mails mehr von uns.",
        gone="Dieser Link gilt nicht mehr. Antworten Sie stattdessen auf unsere Mail mit STOP.",
    ),
    "es": Words(
        title="Darse de baja",
        ask="¿No recibir más correos en esta dirección?",
        done="Hecho. No recibirá más correos nuestros en esta dirección.",
        gone="Este enlace ya no es válido. Responda a nuestro correo con BAJA.",
    ),
    "fr": Words(
        title="Se désabonner",
        ask="Ne plus recevoir de mails à cette adresse ?",
        done="C'est fait. Vous ne recevrez plus nos mails à cette adresse.",
        gone="Ce lien n'est plus valable. Répondez STOP à notre mail.",
    ),
}
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
        return _ask(request) if known is not None else _gone(request)

    async def stop(request: web.Request) -> web.Response:
        attempt_id = read_token(TokenUse.UNSUBSCRIBE, request.match_info["token"], keys)
        if attempt_id is None:
            log.warning("an unsubscribe address that is not ours", peer=request.remote)
            return _gone(request)
        try:
            known = await unsubscribe(attempt_id)
        except Exception:
            log.exception("a wish to get no more mails could not be kept", attempt=attempt_id)
            return web.Response(status=503)
        if not known:
            return _gone(request)
        language, words = _words_for(request)
        return _page(_PAGE.format(language=language, title=words.title, text=words.done, more=""))

    app.router.add_get(UNSUBSCRIBE_PATH + "/{token}", ask)
    app.router.add_post(UNSUBSCRIBE_PATH + "/{token}", stop)


def _ask(request: web.Request) -> web.Response:
    language, words = _words_for(request)
    form = _FORM.format(title=words.title)
    return _page(_PAGE.format(language=language, title=words.title, text=words.ask, more=form))


def _gone(request: web.Request) -> web.Response:
    language, words = _words_for(request)
    return _page(_PAGE.format(language=language, title=words.title, text=words.gone, more=""), 404)


def _words_for(request: web.Request) -> tuple[str, Words]:
    """In the first language of the browser that we speak; most of them name the one that is liked best first."""
    liked = (one.partition(";")[0] for one in request.headers.get("Accept-Language", "").split(",")[:20])
    found = next((name for name in map(primary, map(str.strip, liked)) if name in WORDS), ENGLISH)
    return found, WORDS[found]


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
