"""Results are told to others: each at least once, a contact's in their order, whatever the other side does meanwhile."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from dialer.channels.json_lines import JsonLines
from dialer.channels.webhook import Webhook, WebhookConfig
from dialer.cli.commands import app as cli
from dialer.domain.dnc import DncKind
from dialer.domain.ids import ContactId, OrgId, new_event_id
from dialer.domain.node_status import NodeStatus, TargetStatus
from dialer.engine.publisher import Publisher, Target
from dialer.ports import ResultTarget
from dialer.services.late_codes import record_late_code
from dialer.services.publishing import backlog, give_up
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store, Tx
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.campaign_texts import STRATEGY
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
SECRET = "a secret of the tests"
PUBLISHES = STRATEGY.replace("otherwise: done", "otherwise: done\n        publish: true")
BUSY = FakeCallee(ring_s=0.01, answer_s=None, hangup_s=0.02, cause=17, tech_cause=486)


@dataclass
class Site:
    """A web server that is told of results. `answer` gives the status for each event, `heard` is what came, in order."""

    answer: Callable[[dict[str, Any]], int] = lambda event: 204
    heard: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    url: str = ""

    async def on_post(self, request: web.Request) -> web.Response:
        """Check the signature as the specification says, and keep what was told."""
        self.asked += 1
        body = await request.read()
        content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(SECRET.encode(), content, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{mac}"
        event = json.loads(body)
        assert event["event_id"] == request.headers["webhook-id"]
        status = self.answer(event)
        if status < 300:
            self.heard.append(event)
        return web.Response(status=status)

    def codes(self) -> dict[str, list[str]]:
        """The codes of each contact in the order in which they came, doubles left out."""
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for one in self.heard:
            found[one["contact_id"]].setdefault(one["event_id"], one["code"])
        return {contact: list(codes.values()) for contact, codes in sorted(found.items())}


@asynccontextmanager
async def site(answer: Callable[[dict[str, Any]], int] = lambda event: 204) -> AsyncIterator[Site]:
    """Run such a server."""
    made = Site(answer)
    app = web.Application()
    app.router.add_post("/results", made.on_post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/results"
    try:
        yield made
    finally:
        await runner.cleanup()


def webhook(url: str) -> Webhook:
    return Webhook(WebhookConfig(url=url, secret=SECRET, timeout_s=2.0))


@asynccontextmanager
async def telling(store: Store, **ports: ResultTarget) -> AsyncIterator[Publisher]:
    """Run a publisher on a clock that lets pauses pass quickly."""
    publisher = Publisher(store=store, clock=FastClock(20), targets={name: Target(port=port) for name, port in ports.items()})
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def waiting(store: Store) -> dict[str | None, int]:
    return {one.target: one.results for one in store.read_now(lambda tx: tx.outbox.backlog())}


def put(store: Store, org_id: OrgId, *results: str) -> None:
    """Make results as if they had just been recorded, each "contact code"."""

    def work(tx: Tx) -> None:
        for contact, code in (text.split() for text in results):
            event_id = new_event_id()
            body = {"event_id": event_id, "contact_id": contact, "code": code}
            tx.outbox.add(org_id, ContactId(int(contact[1:]) + 1), event_id, body)

    store.write_now(work)


@pytest.mark.row(52)
async def test_a_running_job_tells_every_final_code_once_it_is_recorded(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    text = PUBLISHES.replace("app: press1", "app: press1, next_state: done").replace("intervals_s: [30, 60]", "intervals_s: [1]")
    launch = await Launch.ready(store, org_id, strategy=text)
    store.write_now(lambda tx: tx.dnc(org_id).add("d2", kind=DncKind.CONTACT))
    clock, file = FastClock(20), tmp_path / "results.jsonl"
    async with site() as web_site:
        ports: dict[str, ResultTarget] = {"web": webhook(web_site.url), "file": JsonLines(file)}
        targets = {name: Target(port=port) for name, port in ports.items()}
        async with running(store, FakeVoice(clock, default=BUSY), clock=clock, targets=targets) as engine:
            await until(completed(store, launch.job.id))
            await until(lambda: not waiting(store))
            # It counts what it has told once the database has noted it, which others can see first.
            await until(lambda: {name: one.told for name, one in engine._publisher.status().items()} == {"web": 7, "file": 7})
    busy = ["Call Busy"] * 3
    assert web_site.codes() == {"d0": busy, "d1": busy, "d2": ["Restricted DNC"]}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(one["event_id"] for one in lines) == sorted(one["event_id"] for one in web_site.heard)
    first = next(one for one in lines if one["contact_id"] == "d0")
    attempt = launch.attempts()[0]
    assert {name: first[name] for name in ("type", "organisation", "campaign", "channel", "address", "code", "source")} == {
        "type": "attempt.ended",
        "organisation": "default",
        "campaign": "Blood",
        "channel": "voice",
        "address": "+15550100000",
        "code": "Call Busy",
        "source": "network",
    }
    assert attempt.intent_at - datetime.fromisoformat(first["intent_at"]) < timedelta(milliseconds=1)
    assert file.stat().st_mode & 0o007 == 0


async def test_a_code_that_is_recorded_late_is_told_with_the_one_before(store: Store, org_id: OrgId) -> None:
    waits = PUBLISHES.replace("Call Busy: {retry: {count: 2, intervals_s: [30, 60]}}", "Call Busy: {next_state: wait}")
    launch = await Launch.ready(store, org_id, strategy=waits, count=1)
    (attempt,) = (await launch.run(NOW)).to_place
    await launch.end(attempt.id, "Call Busy", NOW)
    await record_late_code(store, org_id, "d0", "interested", strategy_of=StrategyShelf(), now=NOW, job_id=launch.job.id)
    async with site() as web_site, telling(store, web=webhook(web_site.url)):
        await until(lambda: not waiting(store))
    assert [(one["type"], one["code"], one.get("code_before")) for one in web_site.heard] == [
        ("attempt.ended", "Call Busy", None),
        ("attempt.code_replaced", "Interested", "Call Busy"),
    ]


async def test_what_no_strategy_publishes_is_not_kept(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=1)
    (attempt,) = (await launch.run(NOW)).to_place
    await launch.end(attempt.id, "Interested", NOW)
    assert waiting(store) == {}


@pytest.mark.row(52)
async def test_a_target_that_is_away_is_told_later_in_order_and_holds_up_no_other(store: Store, org_id: OrgId) -> None:
    put(store, org_id, "d0 A", "d1 A", "d0 B", "d0 C", "d1 B")
    up = False
    async with (
        site(lambda event: 204 if up else 503) as slow,
        site() as quick,
        telling(store, slow=webhook(slow.url), quick=webhook(quick.url)) as publisher,
    ):
        await until(lambda: waiting(store) == {"slow": 5})
        await until(lambda: publisher.status()["slow"].because == "it answers 503")
        assert quick.codes() == {"d0": ["A", "B", "C"], "d1": ["A", "B"]}
        up = True
        await until(lambda: not waiting(store))
        await until(lambda: publisher.status()["slow"].because == "")
    assert slow.codes() == quick.codes()
    assert slow.asked < 25, "it is not asked all the time"


@ON_SQLITE
async def test_a_result_that_is_refused_holds_up_its_own_contact_alone(store: Store, org_id: OrgId) -> None:
    put(store, org_id, "d0 A", "d0 bad", "d0 C", "d1 A", "d1 B")
    mended = False
    async with (
        site(lambda event: 422 if event["code"] == "bad" and not mended else 200) as web_site,
        telling(store, web=webhook(web_site.url)) as publisher,
    ):
        await until(lambda: waiting(store) == {"web": 2})
        assert web_site.codes() == {"d0": ["A"], "d1": ["A", "B"]}
        assert publisher.status()["web"].because == "refused, and told again later: it answers 422"
        mended = True
        await until(lambda: not waiting(store))
    assert web_site.codes()["d0"] == ["A", "bad", "C"]


@ON_SQLITE
async def test_nobody_is_followed_elsewhere_and_a_hanging_target_is_given_up(store: Store, org_id: OrgId) -> None:
    put(store, org_id, "d0 A")

    async with site(lambda event: 302) as web_site, telling(store, web=webhook(web_site.url)) as publisher:
        await until(lambda: "it answers 302" in publisher.status()["web"].because)
    opened: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: opened.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    hook = Webhook(WebhookConfig(url=f"http://127.0.0.1:{port}/", secret=SECRET, timeout_s=0.2))
    async with telling(store, web=hook) as publisher:
        await until(lambda: publisher.status()["web"].because.startswith("no answer"))
    silent.close()
    for writer in opened:
        writer.close()
        await writer.wait_closed()
    assert waiting(store) == {"web": 1}


async def test_results_wait_for_a_target_to_be_named_and_can_be_given_up(store: Store, org_id: OrgId) -> None:
    put(store, org_id, "d0 A", "d1 A")
    async with telling(store):
        await asyncio.sleep(0.1)
    assert waiting(store) == {None: 2}
    async with site(lambda event: 500) as web_site, telling(store, web=webhook(web_site.url)):
        await until(lambda: waiting(store) == {"web": 2})
    assert await give_up(store, "web") == 2
    assert await backlog(store) == []


async def test_a_target_of_one_organisation_hears_of_no_other(store: Store, org_id: OrgId) -> None:
    other = store.write_now(lambda tx: tx.organisations.create("Other"))
    put(store, org_id, "d0 mine")
    put(store, other, "d1 theirs")
    async with site() as web_site:
        target = Target(port=webhook(web_site.url), organisation="other")
        publisher = Publisher(store=store, clock=FastClock(20), targets={"web": target})
        task = asyncio.create_task(publisher.run())
        await until(lambda: not waiting(store))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert web_site.codes() == {"d1": ["theirs"]}


@ON_SQLITE
async def test_a_file_with_half_a_line_goes_on_with_whole_ones_and_may_be_moved_away(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    path = tmp_path / "logs" / "results.jsonl"
    path.parent.mkdir()
    path.write_text('{"code":"before"}\n{"code":"to')
    put(store, org_id, "d0 A", "d1 B")
    async with telling(store, file=JsonLines(path)):
        await until(lambda: not waiting(store))
        assert [json.loads(line)["code"] for line in path.read_text().splitlines()] == ["before", "A", "B"]
        path.rename(tmp_path / "old.jsonl")
        put(store, org_id, "d0 C")
        await until(lambda: not waiting(store))
    assert [json.loads(line)["code"] for line in path.read_text().splitlines()] == ["C"]


@ON_SQLITE
async def test_a_file_that_cannot_be_written_loses_nothing(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.mkdir()
    put(store, org_id, "d0 A")
    async with telling(store, file=JsonLines(path)) as publisher:
        await until(lambda: "cannot be written" in publisher.status()["file"].because)
        path.rmdir()
        await until(lambda: not waiting(store))
    assert len(path.read_text().splitlines()) == 1


RECORDS = """
import asyncio, sys
from datetime import UTC, datetime
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.completion import record_completion
from dialer.store.attempts import Closing
from dialer.store.store import Store
store = Store(sys.argv[1])
now = datetime.now(UTC)
closing = Closing(code="Interested", source="network", system_code="Answer Human", ended_at=now)
asyncio.run(record_completion(store, sys.argv[2], closing, StrategyShelf()))
"""
TELLS = """
import asyncio, sys
from dialer.channels.webhook import Webhook, WebhookConfig
from dialer.engine.clock import SystemClock
from dialer.engine.publisher import Publisher, Target
from dialer.store.store import Store
port = Webhook(WebhookConfig(url=sys.argv[2], secret=sys.argv[3]))
asyncio.run(Publisher(store=Store(sys.argv[1]), clock=SystemClock(), targets={"web": Target(port=port)}).run())
"""


async def killed(script: str, *arguments: str, at: str) -> None:
    """Run a program that kills itself with SIGKILL at a failpoint."""
    env = {**os.environ, "OUTDIAL_FAIL": f"{at}:kill9"}
    run = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, *arguments], env=env, timeout=60, check=False)
    assert run.returncode == -signal.SIGKILL


@pytest.mark.row(52)
@ON_SQLITE
async def test_a_kill_between_any_two_steps_loses_no_result(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=PUBLISHES, count=1)
    (attempt,) = (await launch.run(NOW)).to_place
    url = store.url.render_as_string(hide_password=False)
    await killed(RECORDS, url, attempt.id, at="K9")  # the code is committed, and nobody was told
    assert launch.codes() == {"d0": "Interested"}
    async with site() as web_site:
        await killed(TELLS, url, web_site.url, SECRET, at="W1")  # told, and not noted
        assert len(web_site.heard) == 1
        async with telling(store, web=webhook(web_site.url)):
            await until(lambda: not waiting(store))
    assert Counter(one["event_id"] for one in web_site.heard).most_common() == [(web_site.heard[0]["event_id"], 2)]
    assert web_site.codes() == {"d0": ["Interested"]}


def test_the_command_shows_what_waits_and_why_and_gives_it_up(
    ready_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{ready_url}"\n[[publish]]\nname = "log"\nfile = "results.jsonl"\n')
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    store = Store(ready_url)
    org = store.write_now(lambda tx: tx.organisations.ensure("default"))
    put(store, org, "d0 A", "d1 A", "d0 B")
    store.write_now(lambda tx: tx.outbox.give_out({"log": None, "gone": None}, limit=2))
    seen = TargetStatus(told=1234, refused=0, because="the disk is full")
    status = NodeStatus(node="n", at=datetime.now(UTC), targets={"log": seen})
    store.write_now(lambda tx: tx.node_statuses.put(status))
    store.close_now()

    def run(*words: str, code: int = 0) -> list[str]:
        result = CliRunner().invoke(cli, ["publish", *words], env={"COLUMNS": "160"})
        assert result.exit_code == code, result.output
        return [" ".join(line.replace("│", " ").split()) for line in result.output.splitlines()]

    shown = run("status")
    assert any(line.startswith("log results.jsonl 2 0:00:") and "1,234 the disk is full" in line for line in shown), shown
    assert any(line.startswith("gone 2 0:00:") and "not in the settings" in line for line in shown), shown
    assert any(line.startswith("none (not given out yet) 1") for line in shown), shown
    assert run("drop", "gone", "--yes") == ["gone: 2 results given up"]
    assert run("drop", "gone", "--yes", code=2) == ["no result waits for 'gone'"]
