"""A Twilio for the laboratory: it takes, tells and answers over HTTP as the real one does, and misbehaves where asked to."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from dialer.domain.message_state import MessageState
from dialer.domain.sms_text import size_of
from dialer.lab.message_behaviours import GatewayFault, MessageBehaviour, message_behaviour_of
from dialer.lab.truth_log import TruthLog
from dialer.lab.twilio_wire import VERSION, Taken, attempt_in, error, malformed, matches, new_sid, resource, signature
from dialer.tasks import Tasks

STEP_S = 0.03  # between one news and the next
HANG_S = 3600.0
SLOW_S = 2.0
NEWS: dict[MessageState | None, tuple[str, ...]] = {
    MessageState.DELIVERED: ("sent", "delivered"),
    MessageState.UNDELIVERED: ("sent", "undelivered"),
    MessageState.FAILED: ("failed",),
    MessageState.EXPIRED: ("failed",),
}
ERRORS: dict[MessageState | None, int] = {
    MessageState.UNDELIVERED: 30003,
    MessageState.FAILED: 30007,
    MessageState.EXPIRED: 30036,
}


class FakeTwilio:
    """`await start()`, then point a Twilio client at `url`. `faults` (by number) goes before what the number's ending says."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        truth: TruthLog,
        inbound_url: str = "",
        step_s: float = STEP_S,
        slow_s: float = SLOW_S,
    ) -> None:
        self.account_sid, self.auth_token = account_sid, auth_token
        self.truth, self.inbound_url, self.step_s = truth, inbound_url, step_s
        self.slow_s = slow_s
        self.faults: dict[str, GatewayFault] = {}
        self.taken: dict[str, Taken] = {}  # newest last
        self.requests: list[dict[str, str]] = []  # the forms that created a message, for judging them
        self.tries: Counter[str] = Counter()
        self.refused_callbacks: list[int] = []  # the statuses of callbacks that our user did not take
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._tasks = Tasks()

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        app = web.Application()
        account = f"/{VERSION}/Accounts/{{account}}"
        app.router.add_post(account + "/Messages.json", self._create)
        app.router.add_get(account + "/Messages.json", self._list)
        app.router.add_get(account + "/Messages/{sid}.json", self._fetch)
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self._tasks.stop()
        if self._http is not None:
            await self._http.close()

    # -- Twilio's own paths --------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._unknown(request)) is not None:
            return refused
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        self.requests.append(form)
        if (refused := malformed(form)) is not None:
            return refused
        to = form["To"]
        row = message_behaviour_of(to)
        fault = self.faults.get(to, row.fault)
        self.tries[to] += 1
        attempt_id = attempt_in(form.get("StatusCallback", ""))
        if (refused := self._planned_refusal(fault, to, attempt_id)) is not None:
            return refused
        message = self._take(form, row, attempt_id)
        news = self._after(message, row, shuffled=fault is GatewayFault.NEWS_SHUFFLED)
        if fault is GatewayFault.NEWS_FIRST:
            await news
        else:
            self._spawn(news)
        return await self._answered(fault, request, message)

    async def _answered(self, fault: GatewayFault, request: web.Request, message: Taken) -> web.StreamResponse:
        match fault:
            case GatewayFault.HANG_AFTER:
                await asyncio.sleep(HANG_S)
            case GatewayFault.RESET_AFTER:
                if request.transport is not None:
                    request.transport.abort()
            case GatewayFault.SLOW:
                await asyncio.sleep(self.slow_s)
            case GatewayFault.ERROR_AFTER:
                return error(500, 20500, "Internal server error")
        return web.json_response(resource(message, self.account_sid), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if (refused := self._unknown(request)) is not None:
            return refused
        query = request.query
        found = [one for one in reversed(self.taken.values()) if matches(one, query)]
        size, page = min(1000, max(1, int(query.get("PageSize", "50")))), int(query.get("Page", "0"))
        here = found[page * size : (page + 1) * size]

        def uri(number: int) -> str:
            kept = [(name, value) for name, value in query.items() if name not in ("Page", "PageSize", "PageToken")]
            return f"{request.path}?{urlencode([*kept, ('PageSize', size), ('Page', number)])}"

        return web.json_response(
            {
                "messages": [resource(one, self.account_sid) for one in here],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(0, len(here) - 1),
                "uri": uri(page),
                "first_page_uri": uri(0),
                "previous_page_uri": uri(page - 1) if page else None,
                "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None,
            }
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        if (refused := self._unknown(request)) is not None:
            return refused
        message = self.taken.get(request.match_info["sid"])
        if message is None:
            return error(404, 20404, f"The requested resource {request.path} was not found")
        return web.json_response(resource(message, self.account_sid))

    # -- what people do --------------------------------------------------------------------------------------------------------

    async def receive(self, sender: str, to: str, text: str, attempt_id: str = "") -> None:
        """A person writes to one of our numbers."""
        message = Taken(
            sid=new_sid(), to=to, sender=sender, service=None, text=text, callback="", direction="inbound", status="received"
        )
        self.taken[message.sid] = message
        self.truth.write("twilio", "replied", id=message.sid, attempt_id=attempt_id, sender=sender, to=to, text=text)
        if self.inbound_url:
            fields = {
                "MessageSid": message.sid,
                "SmsSid": message.sid,
                "SmsMessageSid": message.sid,
                "AccountSid": self.account_sid,
                "MessagingServiceSid": "",
                "From": sender,
                "To": to,
                "Body": text,
                "NumMedia": "0",
                "NumSegments": str(size_of(text).segments),
                "SmsStatus": "received",
                "ApiVersion": VERSION,
            }
            await self._post(self.inbound_url, fields)

    # -- inside --------------------------------------------------------------------------------------------------------------

    def _unknown(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return error(401, 20003, "Authenticate")
        if request.match_info["account"] != self.account_sid:
            return error(404, 20404, f"The requested resource {request.path} was not found")
        return None

    def _planned_refusal(self, fault: GatewayFault, to: str, attempt_id: str) -> web.Response | None:
        refused: web.Response | None = None
        match fault:
            case GatewayFault.BUSY_ONCE if self.tries[to] == 1:
                refused = error(429, 20429, "Too Many Requests", {"Retry-After": "0.2"})
            case GatewayFault.ERROR_BEFORE:
                refused = error(500, 20500, "Internal server error")
            case GatewayFault.REFUSED:
                refused = error(400, 21211, f"Invalid 'To' Phone Number: {to}")
            case GatewayFault.BARRED:
                refused = error(400, 21610, "Attempt to send to unsubscribed recipient")
        if refused is not None:
            self.truth.write("twilio", "refused", attempt_id=attempt_id, to=to, status=refused.status)
        return refused

    def _take(self, form: Mapping[str, str], row: MessageBehaviour, attempt_id: str) -> Taken:
        message = Taken(
            sid=new_sid(),
            to=form["To"],
            sender=form.get("From", ""),
            service=form.get("MessagingServiceSid"),
            text=form["Body"],
            callback=form.get("StatusCallback", ""),
        )
        self.taken[message.sid] = message
        self.truth.write(
            "twilio",
            "accepted",
            id=message.sid,
            attempt_id=attempt_id,
            to=message.to,
            text=message.text,
            segments=size_of(message.text).segments,
            person=row.name,
        )
        return message

    async def _after(self, message: Taken, row: MessageBehaviour, *, shuffled: bool) -> None:
        """All that happens to a message once it is taken."""
        news = list(NEWS.get(row.state, ("sent", "delivered")))
        if shuffled:
            news = [*reversed(news), "queued", *reversed(news)]
            message.status = news[0]
        for status in news:
            await asyncio.sleep(self.step_s)
            if not shuffled:
                message.status = status
            failed = status in ("failed", "undelivered")
            message.error = ERRORS.get(row.state) if failed else message.error
            message.updated = datetime.now(UTC)
            if status != "failed":
                message.sent = message.sent or message.updated
            fields = {
                "MessageSid": message.sid,
                "SmsSid": message.sid,
                "MessageStatus": status,
                "SmsStatus": status,
                "AccountSid": self.account_sid,
                "ApiVersion": VERSION,
                "From": message.sender,
                "To": message.to,
                **({"ErrorCode": str(message.error)} if failed else {}),
            }
            if message.callback:
                await self._post(message.callback, fields)
        if row.replies:
            await asyncio.sleep(self.step_s)
            await self.receive(message.to, message.sender, row.replies, attempt_in(message.callback))

    async def _post(self, url: str, fields: Mapping[str, str]) -> None:
        """As Twilio does: signed, and tried again as the address's fragment says (by default once, for a lost connection)."""
        parts = urlsplit(url)
        wish = parse_qs(parts.fragment)
        target = urlunsplit(parts._replace(fragment=""))
        headers = {"X-Twilio-Signature": signature(self.auth_token, target, fields), "User-Agent": "TwilioProxy/1.1"}
        assert self._http is not None, "it was not started"  # noqa: S101
        for _ in range(1 + int(wish.get("rc", ["1"])[0])):
            try:
                async with self._http.post(target, data=dict(fields), headers=headers) as answer:
                    if answer.status < 300:
                        self.truth.write("twilio", "told", id=fields["MessageSid"], status=fields["SmsStatus"])
                        return
                    self.refused_callbacks.append(answer.status)
                    if answer.status < 500 or "5xx" not in wish.get("rp", ["ct"])[0]:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(self.step_s)

    def _spawn(self, work: Any) -> None:
        self._tasks.start(work, name="fake-twilio")
