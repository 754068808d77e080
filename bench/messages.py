"""How fast messages go through each gateway, next to a bare client that does the least that the wire asks for.

The laboratory's gateways run in a process of their own. Both callers send to people who get the message and say nothing, and hear
what became of each. A bare caller believes it all and writes nothing down; ours has each message's intent on disk before it
sends, checks signatures, reads receipts and hands them to a sink.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import aiosmtplib
from aiohttp import web

from bench.bare_probe import percentile_ms
from bench.databases import opened
from bench.intents import SendOne, ledger_for
from bench.message_list import OURS
from dialer import logs
from dialer.channels.email_config import MailAddresses, MailSecurity, SmtpConfig
from dialer.channels.email_render import MailWriter
from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.channels.smtp_email import SmtpEmail
from dialer.channels.twilio_config import TwilioConfig
from dialer.channels.twilio_sms import TwilioSms
from dialer.channels.twilio_webhooks import TwilioWebhooks
from dialer.cli.serve import SWITCH_INTERVAL_S
from dialer.domain.email_content import EmailContent
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.domain.message_template import MessageTemplate
from dialer.engine.clock import SystemClock
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.ports import free_ports
from dialer.ports import EmailOrder, GatewayNews, GatewayState, SmsOrder
from dialer.smpp_pdu import Address, Bind, Command, Pdu, ShortMessage, read_pdu
from dialer.web.hooks import make_hooks_app

CLOCK = SystemClock()
TEXT = "Hello Zoe, will you give blood on Tuesday? Answer 1 for yes."
WORKERS = {"twilio": 40, "smpp": 40, "email": 12}  # messages on their way at once, of a caller that writes nothing down
MOST_PER_S = 8000  # more than any of ours sends: a gateway on an idle machine has taken more than 4000
AHEAD = 160  # messages whose intents are being written meanwhile
WINDOW, CONNECTIONS = 20, 6
ANSWERS = MailAddresses(domain="mail.example.org", keys=(b"bench" * 8,))
SENDER = "Blood Service <donate@example.org>"
CONTENT = EmailContent(
    subject=MessageTemplate("Will you come, ${first_name}?"),
    text=MessageTemplate("Hello ${first_name},\n\n" + "we need you in ${city} on Tuesday.\n" * 20),
    html=MessageTemplate("<p>Hello <b>${first_name}</b>,</p>" + "<p>we need you in ${city} on Tuesday.</p>\n" * 20),
)
VALUES = {"first_name": "Zoë", "city": "Köln"}


@dataclass(slots=True)
class Caller:
    """One way to send, and how long each message took."""

    send: SendOne
    waits: list[float] = field(default_factory=list)
    sent: list[AttemptId] = field(default_factory=list)
    cpu_s: float = 0.0  # of this process, while this caller sent: what it was told about is in it

    async def run(self, seconds: float, workers: int) -> float:
        """Send for so long; messages per second."""
        began, cpu_s = time.monotonic(), time.process_time()

        async def worker() -> None:
            while time.monotonic() - began < seconds:
                attempt_id = new_attempt_id()
                start = time.monotonic()
                await self.send(attempt_id)
                self.waits.append(time.monotonic() - start)
                self.sent.append(attempt_id)

        count = len(self.sent)
        await asyncio.gather(*(worker() for _ in range(workers)))
        self.cpu_s += time.process_time() - cpu_s
        return (len(self.sent) - count) / (time.monotonic() - began)


class Numbers:
    """Numbers of people who get a message and say nothing: their last digits are 45."""

    def __init__(self) -> None:
        self._next = itertools.count()

    def number(self) -> str:
        return f"+1555{next(self._next) % 1_000_000:06}45"

    def mailbox(self) -> str:
        return f"person-{next(self._next)}-45@lab.test"


# -- Twilio --------------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def bare_twilio(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    plan, numbers = gateways.plan, Numbers()

    async def heard(request: web.Request) -> web.Response:
        told[(await request.post())["MessageStatus"]] += 1  # type: ignore[index]
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", heard)
    auth = aiohttp.encode_basic_auth(plan["account_sid"], plan["auth_token"])
    address = f"{gateways.twilio_url}/2010-04-01/Accounts/{plan['account_sid']}/Messages.json"
    async with served(app) as url, aiohttp.ClientSession(headers={"Authorization": auth}) as http:

        async def send(attempt_id: AttemptId) -> None:
            form = {"To": numbers.number(), "From": OURS, "Body": TEXT, "StatusCallback": f"{url}/?attempt={attempt_id}"}
            async with http.post(address, data=form) as answer:
                assert answer.status == 201
                await answer.json()

        yield send


@contextlib.asynccontextmanager
async def our_twilio(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    plan, numbers, hooks = gateways.plan, Numbers(), dict[str, TwilioWebhooks]()
    async with served(make_hooks_app(hooks, counting(told))) as url:
        config = TwilioConfig(
            name="bench",
            account_sid=plan["account_sid"],
            auth_token=plan["auth_token"],
            sender=OURS,
            public_url=url,
            api_url=gateways.twilio_url,
            max_per_s=None,
            max_in_flight=WORKERS["twilio"],
        )
        hooks["bench"] = TwilioWebhooks(config, CLOCK)
        port = TwilioSms(config, CLOCK)
        async with up(port):

            async def send(attempt_id: AttemptId) -> None:
                await port.send(SmsOrder(attempt_id=attempt_id, number=numbers.number(), text=TEXT))

            yield send


# -- SMPP ------------------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def bare_smpp(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    plan, numbers = gateways.plan, Numbers()
    reader, writer = await asyncio.open_connection("127.0.0.1", plan["smpp"])
    bind = Bind(system_id=plan["system_id"], password=plan["password"])
    writer.write(Pdu(command=Command.BIND_TRANSCEIVER, sequence=1, body=bind.body()).encode())
    await read_pdu(reader)
    waiting: dict[int, asyncio.Future[Pdu]] = {}
    sequences, window = itertools.count(2), asyncio.Semaphore(WINDOW)

    async def read() -> None:
        while True:
            pdu = await read_pdu(reader)
            if pdu.is_response:
                waiting.pop(pdu.sequence).set_result(pdu)
            else:
                told["receipt"] += pdu.command == Command.DELIVER_SM
                writer.write(pdu.answer(body=b"\0" if pdu.command == Command.DELIVER_SM else b"").encode())

    async def send(attempt_id: AttemptId) -> None:
        message = ShortMessage(
            source=Address(number=OURS[1:]),
            destination=Address(number=numbers.number()[1:]),
            text=TEXT.encode(),
            registered_delivery=1,
            tlvs=((0x1439, attempt_id.encode()),),
        )
        async with window:
            sequence = next(sequences)
            answer = waiting[sequence] = asyncio.get_running_loop().create_future()
            writer.write(Pdu(command=Command.SUBMIT_SM, sequence=sequence, body=message.body()).encode())
            assert not (await answer).status

    task = asyncio.create_task(read(), name="bare-smpp")
    try:
        yield send
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()


@contextlib.asynccontextmanager
async def our_smpp(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    plan, numbers = gateways.plan, Numbers()
    config = SmppConfig(
        name="bench",
        host="127.0.0.1",
        port=plan["smpp"],
        system_id=plan["system_id"],
        password=plan["password"],
        sender=OURS,
        window=WINDOW,
        tag_messages=True,
    )
    port = SmppSms(config, CLOCK, counting(told))
    async with up(port):

        async def send(attempt_id: AttemptId) -> None:
            await port.send(SmsOrder(attempt_id=attempt_id, number=numbers.number(), text=TEXT))

        yield send


# -- email -----------------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def bare_email(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    """One mail that was written before, over and over, with another Message-ID in each."""
    numbers, idle = Numbers(), asyncio.Queue[aiosmtplib.SMTP]()
    order = EmailOrder(attempt_id=new_attempt_id(), address="x@lab.test", content=CONTENT, values=VALUES, name="Zoë")
    mail, marked = MailWriter(SENDER, ANSWERS).write(order, datetime.now(UTC)), order.attempt_id.encode()
    for _ in range(CONNECTIONS):
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=gateways.plan["smtp"], start_tls=False, local_hostname="bench")
        await client.connect()
        idle.put_nowait(client)

    async def send(attempt_id: AttemptId) -> None:
        client = await idle.get()
        await client.sendmail("bounce@mail.example.org", [numbers.mailbox()], mail.replace(marked, attempt_id.encode()))
        idle.put_nowait(client)

    try:
        yield send
    finally:
        while not idle.empty():
            await idle.get_nowait().quit()


@contextlib.asynccontextmanager
async def our_email(gateways: GatewayProcess, told: Counter[str]) -> AsyncIterator[SendOne]:
    numbers = Numbers()
    config = SmtpConfig(
        name="bench",
        host="127.0.0.1",
        port=gateways.plan["smtp"],
        security=MailSecurity.NONE,
        sender=SENDER,
        answers=ANSWERS,
        connections=CONNECTIONS,
    )
    port = SmtpEmail(config, CLOCK)
    async with up(port):

        async def send(attempt_id: AttemptId) -> None:
            order = EmailOrder(
                attempt_id=attempt_id,
                address=numbers.mailbox(),
                content=CONTENT,
                values=VALUES,
                name="Zoë",
                unsubscribe_url="https://x.org/u",
            )
            await port.send(order)

        yield send


# -- both, in turns --------------------------------------------------------------------------------------------------------------


def counting(told: Counter[str]) -> Callable[[GatewayNews], Awaitable[None]]:
    async def take(news: GatewayNews) -> None:
        told[type(news).__name__] += 1

    return take


@contextlib.asynccontextmanager
async def up(port: TwilioSms | SmppSms | SmtpEmail) -> AsyncIterator[None]:
    await port.start()
    while port.state() is not GatewayState.READY:  # noqa: ASYNC110  a gateway tells its state to who asks
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        await port.stop()


ROADS = {"twilio": (bare_twilio, our_twilio), "smpp": (bare_smpp, our_smpp), "email": (bare_email, our_email)}


async def measure(name: str, gateways: GatewayProcess, seconds: float, url: str) -> dict[str, float | int]:
    """Bare and ours in turns, twice each, so that neither has the better hour of the machine."""
    bare_road, our_road = ROADS[name]
    told = Counter[str]()
    async with opened(url) as store, bare_road(gateways, Counter()) as bare_send, our_road(gateways, told) as our_send:
        ledger = await ledger_for(store, name, int(seconds * MOST_PER_S))
        bare, ours = Caller(bare_send), Caller(ledger.before(our_send, WORKERS[name]))
        rates: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(2):
            rates["bare"].append(await bare.run(seconds / 2, WORKERS[name]))
            await asyncio.sleep(0.5)
            rates["ours"].append(await ours.run(seconds / 2, WORKERS[name] + AHEAD))
            await asyncio.sleep(0.5)
    taken = Counter(entry["attempt_id"] for entry in gateways.truth() if entry["event"] == "accepted")
    mine, theirs = sum(rates["ours"]) / 2, sum(rates["bare"]) / 2
    return {
        f"{name}_per_s": round(mine, 1),
        f"{name}_bare_per_s": round(theirs, 1),
        f"{name}_ratio": round(mine / theirs, 3),
        f"{name}_ms_p50": percentile_ms(ours.waits, 50),
        f"{name}_ms_p99": percentile_ms(ours.waits, 99),
        f"{name}_cpu_ms": round(1000 * ours.cpu_s / len(ours.sent), 2),
        f"{name}_bare_cpu_ms": round(1000 * bare.cpu_s / len(bare.sent), 2),
        f"{name}_sent": len(ours.sent),
        f"{name}_told": sum(told.values()),
        f"{name}_not_once": sum(taken[one] != 1 for one in ours.sent),  # must be 0
    }


async def run(seconds: float) -> dict[str, float | int]:
    """All gateways, one after another."""
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as folder:
        gateways = GatewayProcess(folder=Path(folder), ports=free_ports(), sms=True, email=True)
        await asyncio.to_thread(gateways.start, detached=False)
        try:
            for name in ROADS:
                figures |= await measure(name, gateways, seconds, f"sqlite:///{folder}/{name}.sqlite3")
        finally:
            await asyncio.to_thread(gateways.stop)
    return figures


def main() -> None:
    """10 s for each caller and gateway, or as BENCH_MESSAGE_SECONDS says."""
    logs.configure(level="warning")
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the dialer runs
    load = os.getloadavg()[0]
    figures = asyncio.run(run(float(os.environ.get("BENCH_MESSAGE_SECONDS", "10"))))
    print(json.dumps({"bench": "messages", "load_before": round(load, 2), **figures}), flush=True)


if __name__ == "__main__":
    main()
