"""How soon an opt-out binds when it stands in a burst of replies, and how many replies a second a whole dialer takes.

Everybody has been written to and waits for an answer. Then a process of its own posts hundreds of signed webhooks at one
moment, each over a connection that is open already: a provider has many machines. A reply is answered when it is on disk, and so
is the DNC entry of a STOP: the answer to it is what is timed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import selectors
import socket
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus

import structlog

from bench.bare_probe import percentile_ms
from bench.databases import opened, postgres
from bench.message_engine import engine_of, listen, settings_text
from bench.message_list import OURS, prepared
from dialer.app_messages import make_messages, make_replies
from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId, OrgId
from dialer.domain.received import AnswerState, Received, TakenFor
from dialer.engine.clock import SystemClock
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.ports import free_ports
from dialer.services.jobs import start_campaign
from dialer.settings import load_settings
from dialer.store.store import Store

BURST = 500
LOOK_S = 0.02
WAITS_S = 60.0  # for the answers to one burst
STRATEGY = """\
strategy: bench
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Hello ${first_name}, will you give blood on Tuesday? Answer 1 for yes."
      results: {otherwise: done, SMS Delivered: {next_state: wait}, No Match: {next_state: wait}}
      wait: {for_s: 7200}
      replies:
        rows:
          - {words: ["1", "yes"], code: Coming, set: {city: "${reply}"}}
          - {words: ["2", "no"], code: Not Coming}
          - {pattern: "(?P<day>monday|friday)", set: {city: "${day}"}}
        otherwise: {code: No Match}
"""
# What people say, in hundredths; who wrote to nobody is a stranger.
SAYS = {"1": 35, "2": 20, "yes please": 10, "Friday would be better": 8, "who knows, my dog is ill": 10, "HELP": 2, "STOP": 10}
SAYS |= {"please stop!": 2, "stranger": 3}
STOPS = {"STOP", "please stop!"}


@dataclass(slots=True)
class Reply:
    """One webhook, and what became of it: monotonic seconds, the same clock in all processes of a machine."""

    sender: str
    text: str
    request: bytes
    began: float = 0.0
    ended: float = 0.0
    barred: float = 0.0  # an opt-out: when somebody who looks all the time first saw the DNC entry
    status: int = 0


@dataclass(slots=True)
class Bursts:
    """All replies of a run."""

    replies: list[Reply] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def waits(self, *, stops: bool) -> list[float]:
        """How long they took."""
        return [one.ended - one.began for one in self.replies if (one.text in STOPS) is stops]


# -- the other side ------------------------------------------------------------------------------------------------------------


def burst(address: tuple[str, int], replies: list[Reply]) -> list[Reply]:
    """Post all at one moment. Runs in a process of its own."""
    waiting = selectors.DefaultSelector()
    open_now = [socket.create_connection(address, timeout=WAITS_S) for _ in replies]
    sockets = {sock.fileno(): sock for sock in open_now}
    for one, sock in zip(replies, open_now, strict=True):
        one.began = time.monotonic()
        sock.sendall(one.request)
        waiting.register(sock, selectors.EVENT_READ, one)
    deadline = time.monotonic() + WAITS_S
    while waiting.get_map() and time.monotonic() < deadline:
        for key, _ in waiting.select(timeout=1.0):
            told = sockets[key.fd].recv(65536)
            key.data.ended = time.monotonic()
            key.data.status = int(told.split(b" ", 2)[1]) if told.startswith(b"HTTP/") else 0
            waiting.unregister(key.fileobj)
    for sock in open_now:
        sock.close()
    return replies


def request(url: str, token: str, form: dict[str, str]) -> bytes:
    """A webhook as Twilio posts it."""
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(token).compute_signature(url, form)
    host, _, path = url.removeprefix("http://").partition("/")
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in form.items()).encode()
    head = (
        f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nX-Twilio-Signature: {signature}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def said(rng: random.Random, numbers: list[str], url: str, token: str, run: int) -> list[Reply]:
    """What these people say, and in which order they do."""
    texts = rng.choices(list(SAYS), weights=list(SAYS.values()), k=len(numbers))
    found = []
    for index, (number, text) in enumerate(zip(numbers, texts, strict=True)):
        sender, words = (f"+1444{run:03}{index:04}", "who are they?") if text == "stranger" else (number, text)
        form = {"MessageSid": f"SM{run:08}{index:024}", "From": sender, "To": OURS, "Body": words, "AccountSid": "AC1"}
        found.append(Reply(sender=sender, text=words, request=request(url, token, form)))
    return found


# -- ours ----------------------------------------------------------------------------------------------------------------------


async def ours(store: Store, gateways: GatewayProcess, folder: Path, runs: int) -> dict[str, float | int]:
    """Write to everybody, and let them answer, a burst after the other."""
    org = await prepared(store, "twilio", BURST * runs, strategy=STRATEGY, codes=("Coming", "Not Coming"))
    web = f"127.0.0.1:{free_ports().control}"
    path = folder / "dialer.toml"
    path.write_text(settings_text("twilio", gateways, web, 0), encoding="utf-8")
    settings, clock = load_settings(path, environ={}), SystemClock()
    parts = make_messages(settings, store, clock, listen)
    assert parts is not None
    desk = make_replies(settings, store, clock, parts, {})
    await parts.start()
    try:
        async with engine_of(store, parts, replies=desk):
            job = await start_campaign(store, org, "Bench", by="bench")
            await delivered(store, job.id, BURST * runs)
            numbers = [one.address for one in store.read_now(lambda tx: tx.attempts.of_job(job.id)) if one.code]
            seen = await bursts(
                store, org, f"http://{web}/hooks/twilio/twilio/inbound", gateways.plan["auth_token"], numbers, runs
            )
            await answered(store)
    finally:
        await parts.stop()
    return figures(store, org, seen)


async def delivered(store: Store, job_id: JobId, count: int) -> None:
    """Until everybody has the message, and waits."""
    deadline = time.monotonic() + 300
    while store.read_now(lambda tx: tx.attempts.code_counts(job_id)).get(SystemCode.SMS_DELIVERED, 0) < count:
        if time.monotonic() > deadline:
            raise SystemExit("the messages did not arrive")
        await asyncio.sleep(0.2)


async def answered(store: Store) -> None:
    """Until our own answers have left."""
    for _ in range(int(WAITS_S / 0.2)):
        if not any(one.answer_state in (AnswerState.DUE, AnswerState.SENDING) for one in kept(store)):
            return
        await asyncio.sleep(0.2)


async def watched(store: Store, org: OrgId, numbers: list[str]) -> dict[str, float]:
    """When each of these was first seen on the DNC list, by somebody who looks every few milliseconds."""
    found: dict[str, float] = {}
    deadline = time.monotonic() + WAITS_S
    while len(found) < len(set(numbers)) and time.monotonic() < deadline:
        now_on = await store.read(lambda tx: tx.dnc(org).listed(numbers))
        found |= dict.fromkeys(now_on - found.keys(), time.monotonic())
        await asyncio.sleep(LOOK_S)
    return found


async def bursts(store: Store, org: OrgId, url: str, token: str, numbers: list[str], runs: int) -> Bursts:
    """One after the other; the same people say the same in every run of the benchmark."""
    rng, seen = random.Random(7), Bursts()
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as elsewhere:
        for run in range(runs):
            replies = said(rng, numbers[run * BURST : (run + 1) * BURST], url, token, run)
            cpu_s = time.process_time()
            looking = asyncio.create_task(watched(store, org, [one.sender for one in replies if one.text in STOPS]))
            done = await asyncio.get_running_loop().run_in_executor(elsewhere, burst, (host, int(port)), replies)
            barred = await looking
            for one in done:
                one.barred = barred.get(one.sender, 0.0)
            seen.cpu_s += time.process_time() - cpu_s
            seen.replies += done
            seen.rates.append(len(done) / (max(one.ended for one in done) - min(one.began for one in done)))
            await asyncio.sleep(2.0)
    return seen


def kept(store: Store) -> list[Received]:
    """All that came."""
    return store.read_now(lambda tx: tx.received(None).after(0, limit=1_000_000))


def figures(store: Store, org: OrgId, seen: Bursts) -> dict[str, float | int]:
    """What was measured, and what is on record of it."""
    stops = [one.sender for one in seen.replies if one.text in STOPS]
    barred = [one.barred - one.began for one in seen.replies if one.text in STOPS]
    listed = store.read_now(lambda tx: tx.dnc(org).listed(stops))
    times = Counter(one.sender for one in kept(store))
    given = Counter(one.taken_for for one in kept(store))
    return {
        "per_s": round(sum(seen.rates) / len(seen.rates), 1),
        "dnc_ms_p50": percentile_ms(barred, 50),
        "dnc_ms_p99": percentile_ms(barred, 99),
        "dnc_ms_max": percentile_ms(barred, 100),
        "stop_ms_p50": percentile_ms(seen.waits(stops=True), 50),
        "stop_ms_p99": percentile_ms(seen.waits(stops=True), 99),
        "other_ms_p50": percentile_ms(seen.waits(stops=False), 50),
        "other_ms_p99": percentile_ms(seen.waits(stops=False), 99),
        "cpu_ms": round(1000 * seen.cpu_s / len(seen.replies), 2),
        "replies": len(seen.replies),
        "stops": len(stops),
        "taken_for_opt_out": given[TakenFor.OPT_OUT],
        "refused": sum(one.status != 200 for one in seen.replies),  # must be 0
        "not_barred": len(set(stops) - listed),  # must be 0
        "not_once": sum(times[one.sender] != 1 for one in seen.replies),  # must be 0
    }


async def run(databases: list[str], runs: int) -> dict[str, float | int]:
    """Each database."""
    found: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory(prefix="outdial-bench-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        urls = {"sqlite": f"sqlite:///{folder}/replies.sqlite3"}
        if "postgresql" in databases:
            urls["postgresql"] = stack.enter_context(postgres(folder))
        gateways = GatewayProcess(folder=folder / "lab", ports=free_ports(), sms=True, email=False)
        await asyncio.to_thread(gateways.start, detached=False)
        try:
            for database in databases:
                async with opened(urls[database]) as store:
                    one = await ours(store, gateways, folder, runs)
                found |= {f"{database}_{key}": value for key, value in one.items()}
        finally:
            await asyncio.to_thread(gateways.stop)
    return found


def main() -> None:
    """Three bursts on each database, or as BENCH_DATABASES and BENCH_BURSTS say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    load = os.getloadavg()[0]
    databases = os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(",")
    found = asyncio.run(run(databases, int(os.environ.get("BENCH_BURSTS", "3"))))
    print(json.dumps({"bench": "replies", "load_before": round(load, 2), **found}), flush=True)


if __name__ == "__main__":
    main()
