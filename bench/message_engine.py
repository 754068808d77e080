"""How fast messages leave through the whole dialer: a job that writes to a list, with the intent and all news on disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from bench.databases import opened, postgres
from bench.message_list import OURS, prepared
from bench.messages import ROADS, SENDER, WORKERS, Caller
from dialer.app_messages import MessageParts, make_messages
from dialer.channels.no_voice import NoVoice
from dialer.cli.serve import SWITCH_INTERVAL_S
from dialer.domain.campaign import JobState
from dialer.domain.ids import JobId
from dialer.engine.clock import SystemClock
from dialer.engine.engine import Engine, EngineOptions
from dialer.engine.replies import ReplyDesk
from dialer.engine.trunk import Trunk
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.ports import free_ports
from dialer.services.jobs import start_campaign
from dialer.settings import load_settings
from dialer.store.store import Store

SECRET = "s" * 32
MESSAGES = {"twilio": 4000, "smpp": 6000, "email": 6000}


def settings_text(name: str, gateways: GatewayProcess, web: str, lmtp: int) -> str:
    """The settings of a dialer with this gateway of the laboratory."""
    plan = gateways.plan
    shared = f'[web]\nlisten = "{web}"\npublic_url = "http://{web}"\n[messages]\nsecret = "{SECRET}"\nemail_wait_s = 5\n'
    return (
        shared
        + {
            "twilio": f"""\
[[sms_gateway]]
name = "twilio"
type = "twilio"
account_sid = "{plan["account_sid"]}"
secret = "{plan["auth_token"]}"
api_url = "{gateways.twilio_url}"
sender = "{OURS}"
max_in_flight = 200
""",
            "smpp": f"""\
[[sms_gateway]]
name = "centre"
type = "smpp"
host = "127.0.0.1"
port = {plan["smpp"]}
system_id = "{plan["system_id"]}"
secret = "{plan["password"]}"
sender = "{OURS}"
window = 100
tag_messages = true
""",
            "email": f"""\
[[email_gateway]]
name = "mail"
host = "127.0.0.1"
port = {plan["smtp"]}
security = "none"
sender = "{SENDER}"
answers_domain = "mail.example.org"
connections = 20
lmtp = "127.0.0.1:{lmtp}"
""",
        }[name]
    )


def listen(address: str) -> socket.socket:
    """A socket on a port of the settings."""
    host, _, port = address.rpartition(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, int(port)))
    return sock


@contextlib.asynccontextmanager
async def engine_of(store: Store, parts: MessageParts, replies: ReplyDesk | None = None) -> AsyncIterator[Engine]:
    """The dialer of an installation without telephones."""
    engine = Engine(
        store=store,
        voice=NoVoice(),
        clock=SystemClock(),
        trunks=[Trunk(name="", caller_id="")],
        options=EngineOptions(node="bench", drain_s=5.0),
        channels=parts.channels,
        messages=parts.book,
        replies=replies,
    )
    engine.treatment_ready()
    task = asyncio.create_task(engine.run(), name="engine")
    try:
        await asyncio.sleep(1.0)
        yield engine
    finally:
        engine.drain()
        await task


async def ours(store: Store, name: str, gateways: GatewayProcess, folder: Path, count: int) -> dict[str, float | int]:
    """One job over the whole list; the figures of the time from its first message to its last."""
    org = await prepared(store, name, count)
    web = f"127.0.0.1:{free_ports().control}"
    lmtp = free_ports().control
    path = folder / f"{name}.toml"
    path.write_text(settings_text(name, gateways, web, lmtp), encoding="utf-8")
    parts = make_messages(load_settings(path, environ={}), store, SystemClock(), listen)
    assert parts is not None
    await parts.start()
    gateways.tell("/answers", {"lmtp": f"127.0.0.1:{lmtp}"})
    before = len(accepted(gateways))
    try:
        async with engine_of(store, parts):
            cpu_s = time.process_time()
            job = await start_campaign(store, org, "Bench", by="bench")
            deadline = time.monotonic() + 300
            while (await store.read(lambda tx: tx.jobs(None).get(job.id))).state is not JobState.COMPLETED:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{name}: the job did not end")
                await asyncio.sleep(0.1)
            cpu_s = time.process_time() - cpu_s
    finally:
        await parts.stop()
    taken = accepted(gateways)[before:]
    took_s = _at(taken[-1]) - _at(taken[0])
    codes = Counter(one.code for one in store.read_now(lambda tx: tx.attempts.of_job(JobId(job.id))))
    return {
        "per_s": round((len(taken) - 1) / took_s, 1),
        "cpu_ms": round(1000 * cpu_s / count, 2),
        "sent": len(taken),
        "not_once": sum(times != 1 for times in Counter(one["attempt_id"] for one in taken).values()),
        "again": codes["Not Launched"],
        "ended": sum(times for code, times in codes.items() if code in ("SMS Delivered", "Email Sent")),
    }


def accepted(gateways: GatewayProcess) -> list[dict[str, Any]]:
    """What the laboratory's gateways took, by their own log."""
    return [entry for entry in gateways.truth() if entry["event"] == "accepted"]


def _at(entry: dict[str, Any]) -> float:
    from datetime import datetime

    return datetime.fromisoformat(str(entry["at"])).timestamp()


async def run(seconds: float, names: list[str], databases: list[str]) -> dict[str, float | int]:
    """Each gateway: the bare caller, and then a job on each database."""
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        urls = {"sqlite": f"sqlite:///{folder}/NAME.sqlite3"}
        if "postgresql" in databases:
            urls["postgresql"] = stack.enter_context(postgres(folder))
        gateways = GatewayProcess(folder=folder / "lab", ports=free_ports(), sms=True, email=True)
        await asyncio.to_thread(gateways.start, detached=False)
        try:
            for name in names:
                async with ROADS[name][0](gateways, Counter()) as send:
                    bare = await Caller(send).run(seconds, WORKERS[name])
                figures[f"{name}_bare_per_s"] = round(bare, 1)
                for database in databases:
                    async with opened(urls[database].replace("NAME", name)) as store:
                        one = await ours(store, name, gateways, folder, MESSAGES[name])
                    figures |= {f"{name}_{database}_{key}": value for key, value in one.items()}
                    figures[f"{name}_{database}_ratio"] = round(one["per_s"] / bare, 3)
        finally:
            await asyncio.to_thread(gateways.stop)
    return figures


def main() -> None:
    """Every gateway on SQLite, or as BENCH_GATEWAYS, BENCH_DATABASES and BENCH_MESSAGE_SECONDS (of the bare caller) say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the dialer runs
    load = os.getloadavg()[0]
    names = os.environ.get("BENCH_GATEWAYS", "twilio,smpp,email").split(",")
    databases = os.environ.get("BENCH_DATABASES", "sqlite").split(",")
    figures = asyncio.run(run(float(os.environ.get("BENCH_MESSAGE_SECONDS", "5")), names, databases))
    print(json.dumps({"bench": "message_engine", "load_before": round(load, 2), **figures}), flush=True)


if __name__ == "__main__":
    main()
