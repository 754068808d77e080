"""Take what providers post to us: signed news of our messages, and messages to us."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from dialer.channels.twilio_webhooks import SIGNATURE_HEADER, TwilioWebhooks
from dialer.errors import BadInput, Forged
from dialer.ports import InboundSink

log = structlog.get_logger()

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 64 * 1024
NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # TwiML: do not reply by yourself


def make_hooks_app(twilio: Mapping[str, TwilioWebhooks], sink: InboundSink) -> web.Application:
    """`POST /hooks/twilio/<gateway>/status` and `/inbound`; also fit to be mounted at "" of a larger application.

    Answers 204 (or an empty TwiML) once the sink has it on disk, 503 where it cannot: then the provider tries again. 403 for
    what its provider did not sign.
    """

    async def take(request: web.Request) -> web.Response:
        gateway, kind = request.match_info["gateway"], request.match_info["kind"]
        hooks = twilio.get(gateway)
        if hooks is None:
            return web.Response(status=404)
        try:
            if request.content_type != FORM:
                raise ValueError(f"it is {request.content_type[:80]}")
            posted = await request.post()
        except (ValueError, LookupError) as odd:  # no form, or in letters that there are not
            log.warning("a webhook that is no form", gateway=gateway, kind=kind, why=str(odd)[:200], peer=request.remote)
            return web.Response(status=400)
        form = [(name, value) for name, value in posted.items() if isinstance(value, str)]
        signature = request.headers.get(SIGNATURE_HEADER, "")
        try:
            news = (hooks.status if kind == "status" else hooks.inbound)(request.raw_path, form, signature)
        except Forged as forged:
            log.warning("a forged webhook", gateway=gateway, kind=kind, why=str(forged), peer=request.remote)
            return web.Response(status=403)
        except BadInput as wrong:
            log.warning("a webhook that cannot be read", gateway=gateway, kind=kind, why=str(wrong))
            return web.Response(status=400)
        try:
            await sink(news)
        except Exception:
            log.exception("news of a message could not be kept", gateway=gateway, kind=kind)
            return web.Response(status=503)
        if kind == "status":
            return web.Response(status=204)
        return web.Response(text=NO_ANSWER, content_type="text/xml")

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post("/hooks/twilio/{gateway}/{kind:status|inbound}", take)
    return app
