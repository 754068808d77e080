"""Run the message gateways of a laboratory: a Twilio, a message centre and a mail server, with their people, in one process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from dialer.errors import BadInput
from dialer.lab.fake_mail import FakeMail
from dialer.lab.fake_smsc import FakeSmsc
from dialer.lab.fake_twilio import FakeTwilio
from dialer.lab.gateway_process import host_port
from dialer.lab.message_behaviours import GatewayFault
from dialer.lab.truth_log import TruthLog


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaysPlan:
    """What the process is to run; a port of 0 leaves a gateway out. The file that holds it is readable by its owner alone."""

    token: str  # what it answers with, so that we know our own from a neighbour's
    control: int
    twilio: int = 0
    smpp: int = 0
    smtp: int = 0
    account_sid: str = ""
    auth_token: str = field(default="", repr=False)
    system_id: str = ""
    password: str = field(default="", repr=False)
    sms_url: str = ""  # where messages to us go, as a user of Twilio enters it
    lmtp: str = ""  # host:port, where answers and bounces of mails go

    @classmethod
    def load(cls, path: Path) -> GatewaysPlan:
        return cls(**json.loads(path.read_text()))


class Gateways:
    """The gateways of one plan, and a way to plan their faults while they run.

    On the control port: GET /ready; POST /plan {"+15550100045": "hang after"} makes a number or an address misbehave (a fault of
    `GatewayFault`); POST /answers {"sms_url": ..., "lmtp": ...} says where answers go; POST /write {"from", "to", "text"} lets a
    person write to us by SMS; GET /truth.
    """

    def __init__(self, plan: GatewaysPlan, folder: Path) -> None:
        self.plan = plan
        self._logs = {name: TruthLog(folder / f"{name}.jsonl") for name in ("twilio", "smpp", "email")}
        self.twilio = FakeTwilio(
            account_sid=plan.account_sid, auth_token=plan.auth_token, truth=self._logs["twilio"], inbound_url=plan.sms_url
        )
        self.smsc = FakeSmsc(system_id=plan.system_id, password=plan.password, truth=self._logs["smpp"])
        self.mail = FakeMail(truth=self._logs["email"], answers_to=host_port(plan.lmtp), folder=folder / "mails")
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        if self.plan.twilio:
            await self.twilio.start(self.plan.twilio)
        if self.plan.smpp:
            await self.smsc.start(self.plan.smpp)
        if self.plan.smtp:
            await self.mail.start(self.plan.smtp)
        app = web.Application()
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/truth", self._truth)
        app.router.add_post("/plan", self._plan)
        app.router.add_post("/answers", self._answers)
        app.router.add_post("/write", self._write)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.plan.control).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self.twilio.stop()
        await self.smsc.stop()
        await self.mail.stop()
        for log in self._logs.values():
            log.close()

    async def _ready(self, request: web.Request) -> web.Response:
        return web.json_response({"token": self.plan.token, "pid": os.getpid()})

    async def _truth(self, request: web.Request) -> web.Response:
        entries = [entry for log in self._logs.values() for entry in log.entries]
        return web.json_response(sorted(entries, key=lambda entry: str(entry["at"])))

    async def _plan(self, request: web.Request) -> web.Response:
        try:
            planned = {str(address): GatewayFault(fault) for address, fault in (await request.json()).items()}
        except (ValueError, AttributeError) as wrong:
            return web.Response(status=400, text=f"{wrong}; there are: {', '.join(GatewayFault)}\n")
        for gateway in (self.twilio, self.smsc, self.mail):
            gateway.faults.update(planned)
        return web.Response(status=204)

    async def _answers(self, request: web.Request) -> web.Response:
        try:
            told = await request.json()
            if "sms_url" in told:
                self.twilio.inbound_url = str(told["sms_url"])
            if "lmtp" in told:
                self.mail.answers_to = host_port(str(told["lmtp"]))
        except (BadInput, ValueError, TypeError) as wrong:
            return web.Response(status=400, text=f"{wrong}\n")
        return web.Response(status=204)

    async def _write(self, request: web.Request) -> web.Response:
        try:
            told = await request.json()
            sender, to, text = (str(told[name]) for name in ("from", "to", "text"))
        except (ValueError, TypeError, KeyError) as wrong:
            return web.Response(status=400, text=f"{wrong!r}; an object with from, to and text is wanted\n")
        if self.smsc.sessions:
            await self.smsc.receive(sender, to, text)
        else:
            await self.twilio.receive(sender, to, text)
        return web.Response(status=204)


async def run(plan_file: Path) -> None:
    """Until a signal asks to end."""
    (plan_file.parent / "pid").write_text(f"{os.getpid()}\n")
    gateways = Gateways(GatewaysPlan.load(plan_file), plan_file.parent)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await gateways.start()
        await ended.wait()
    finally:
        await gateways.stop()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
