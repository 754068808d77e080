"""A dialer as its users run it, `dialer serve` on an embedded database, with the load lab for its telephone network."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.load_lab import LoadLab, cpu_s
from dialer.domain.campaign import Campaign, Job, Pace, PaceUnit
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import CampaignId, JobId
from dialer.store.store import Store
from dialer.store.tx import Tx

APPS = Path(__file__).parent / "apps"
CODE = "Interested"

STRATEGY = """\
strategy: bench
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 15
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Call Answered: {app: press_one}
        Answer Human: {app: press_one}
"""

TOML = """\
[node]
name = "bench"
data_dir = "data"
[[switch]]
name = "{switch}"
host = "{host}"
port = {port}
username = "{username}"
secret = "{secret}"
max_cps = {cps}
max_channels = 2000
[[trunk]]
name = "{trunk}"
switch = "{switch}"
caller_id = "{caller_id}"
tag_calls = true
max_cps = {cps}
max_channels = 2000
[ivr]
workers = {workers}
max_calls = 2000
apps = ["{apps}"]
prompts = ["{prompts}"]
[dialling]
drain_s = 3
[log]
level = "{log_level}"
json = true
"""


@dataclass(frozen=True, slots=True)
class Served:
    """The running dialer and its database, seen from outside."""

    store: Store
    pid: int
    prompted_file: Path
    log_file: Path

    def prompted(self) -> dict[str, float]:
        """When each contact's prompt was ordered: seconds of the epoch by the user's contact id."""
        lines = (line.split("|") for line in self.prompted_file.read_text().splitlines())
        return {contact: float(at) for contact, at in lines}

    def cpu_s(self) -> float:
        """CPU time of the engine and its workers so far."""
        return sum(cpu_s(pid) for pid in self.pids())

    def pids(self) -> list[int]:
        """The engine and its workers."""
        return _family(self.pid)

    async def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait, bounded, until something is so."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {within_s:.0f} s: {what}\n{self.log_file.read_text()[-4000:]}")
            await asyncio.sleep(0.25)

    def start_job(self, calls: int, *, per_s: float) -> JobId:
        """A campaign over so many new contacts, and its queued job."""
        return self.store.write_now(lambda tx: _job(tx, calls, per_s))

    def job(self, job_id: JobId) -> Job:
        """The job as it stands."""
        return self.store.read_now(lambda tx: tx.jobs(None).get(job_id))


@contextlib.asynccontextmanager
async def served(load: LoadLab, *, cps: float, workers: int = 2, log_level: str = "info") -> AsyncIterator[Served]:
    """`dialer serve` for as long as the block runs; it has come to rest when the block begins."""
    folder = load.folder / "dialer"
    prompts = folder / "prompts" / "en"
    prompts.mkdir(parents=True)
    for sound in (load.lab.sounds / "en").glob("beep.*"):  # the very sound that the bare probe plays
        shutil.copy(sound, prompts / f"press_one.ask{sound.suffix}")
    switch, config = load.lab.switch, folder / "dialer.toml"
    config.write_text(
        TOML.format(
            switch=switch.name,
            host=switch.host,
            port=switch.port,
            username=switch.username,
            secret=switch.secret,
            trunk=load.lab.trunk,
            caller_id=load.lab.caller_id,
            cps=cps,
            workers=workers,
            apps=APPS,
            prompts=prompts.parent,
            log_level=log_level,
        )
    )
    store = Store(f"sqlite:///{folder}/data/outdial.sqlite3")
    store.migrate()
    prompted_file, log_file = folder / "prompted", folder / "dialer.log"
    process = _serve(config, log_file, prompted_file)
    try:
        dialer = Served(store, process.pid, prompted_file, log_file)
        await dialer.until(lambda: len(dialer.pids()) > workers and _ready(store), 60, "the dialer is up")
        while (before := dialer.cpu_s()) is not None:
            await asyncio.sleep(0.5)
            if dialer.cpu_s() - before < 0.05:
                break
        yield dialer
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, 20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        store.close_now()


def _serve(config: Path, log_file: Path, prompted_file: Path) -> subprocess.Popen[bytes]:
    with log_file.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "dialer", "serve", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "BENCH_PROMPTED": str(prompted_file)},
        )


def _ready(store: Store) -> bool:
    nodes = store.read_now(lambda tx: tx.node_statuses.all())
    return any(one.state == "ready" for node in nodes for one in node.switches.values())


def _family(pid: int) -> list[int]:
    pids = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            pids += _family(int(child))
    return pids


def _job(tx: Tx, calls: int, per_s: float) -> JobId:
    org = tx.organisations.ensure("default")
    tx.codes(org).create(CustomCode(name=CODE))
    people = tx.contact_lists(org).create("Bench", ["mobile"])
    tx.contacts(org).upsert_batch(people.id, [_contact(index) for index in range(calls)], on_duplicate="update")
    strategy = tx.strategies(org).add_version("bench", STRATEGY)
    campaign = tx.campaigns(org).create(
        Campaign(
            id=CampaignId(0),
            org_id=org,
            name="Bench",
            strategy=strategy.name,
            contact_lists=(people.name,),
            codes=(CODE,),
            pace=Pace(calls=per_s, per=PaceUnit.SECOND, max_ports=2000),
        )
    )
    lists = tx.campaigns(org).list_ids(campaign.id)
    return tx.jobs(org).create(campaign, strategy_text=strategy.text, list_ids=lists, by="bench").id


def _contact(index: int) -> NewContact:
    address = NewAddress(name="mobile", value=f"+1555{index:07d}", zones=("Europe/Berlin",))
    return NewContact(user_contact_id=f"bench-{index}", time_zone="Europe/Berlin", attributes={}, addresses=(address,))
