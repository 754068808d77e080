"""A whole dialer on the lab, started, killed and judged from outside: for acceptance and fault tests."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Campaign, Finish, Job, JobState, Pace, PaceUnit
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import CampaignId, JobId
from dialer.domain.pacing_plan import Pacing
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED
from dialer.lab.lab import Lab
from dialer.lab.truth import Truth
from dialer.store.store import Store
from dialer.store.tx import Tx
from tests.forked import Forked
from tests.patience import PATIENCE_S, Watch

APPS = Path(__file__).parent / "apps"
CODES = (INTERESTED, NOT_INTERESTED, "Connected", "Wanted to be connected")  # what the apps of these tests may say
EXHAUSTED = Finish()  # no criterion: a job ends when everybody was called
ANSI = re.compile(r"\x1b\[[0-9;]*m")

STRATEGY = """\
strategy: test
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 15
      detect_machine: {amd}
      addresses: [{{attribute: mobile, from: "{opens}", to: "{closes}"}}]
      results:
        otherwise: done
        Answer Human: {{app: {app}, parameters: {{seconds: "{seconds}"}}}}
        Call Answered: {{app: {app}, parameters: {{seconds: "{seconds}"}}}}
        Silence Detected: {{next_state: done}}
        Answer Machine: {{app: announcement, parameters: {{message: This is the blood donation service. Goodbye.}}}}
{rows}
"""

TOML = """\
[node]
name = "{node}"
data_dir = "data"
[database]
url = "{url}"
[[switch]]
name = "{switch}"
host = "{host}"
port = {port}
username = "{username}"
secret = "{secret}"
max_cps = {cps}
[[trunk]]
name = "{trunk}"
switch = "{switch}"
caller_id = "{caller_id}"
tag_calls = true
max_cps = {cps}
[ivr]
listen = "{listen}"
{advertise}
workers = {workers}
stall_s = 3
apps = [{apps}]
prompts = [{prompts}]
[ivr.tts]
command = [{tts}]
[pdc]
timeout_s = 20
[agents]
listen = "{desk}"
[dialling]
sweep_s = 4
drain_s = 3
"""


@dataclass
class Rig:
    """One dialer with one database on a shared lab."""

    lab: Lab
    folder: Path
    tts: Sequence[str]
    node: str = "rig"
    cps: float = 20
    workers: int = 2
    host: str = ""
    port: int = 0
    database_url: str = ""
    ivr_listen: str = "127.0.0.1:0"
    ivr_advertise: str = ""  # where the switch is to bring answered calls, if not to ivr_listen
    desk_listen: str = ""  # where agents' programs connect; "" = nowhere
    apps: Path | None = None
    prompts: Path | None = None
    anew: bool = False  # start the program as a user does; otherwise it is there at once (tests/forked.py)
    process: Forked | subprocess.Popen[bytes] | None = field(default=None, init=False)
    _store: Store | None = field(default=None, init=False)

    # ── setting up ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def config(self) -> Path:
        """The settings file of this dialer."""
        return self.folder / "config" / "dialer.toml"

    @property
    def store(self) -> Store:
        """The dialer's database, seen from outside."""
        if self._store is None:
            self._store = Store(self.database_url or f"sqlite:///{self.folder}/outdial.sqlite3")
            self._store.migrate()
        return self._store

    def write_config(self) -> None:
        """The settings by which the dialer finds the lab."""
        switch = self.lab.switch
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self._share_prompts()
        self.config.write_text(
            TOML.format(
                node=self.node,
                url=self.database_url or f"sqlite:///{self.folder}/outdial.sqlite3",
                switch=switch.name,
                host=self.host or switch.host,
                port=self.port or switch.port,
                username=switch.username,
                secret=switch.secret,
                trunk=self.lab.trunk,
                caller_id=self.lab.caller_id,
                cps=self.cps,
                workers=self.workers,
                listen=self.ivr_listen,
                desk=self.desk_listen,
                advertise=f'advertise = "{self.ivr_advertise}"' if self.ivr_advertise else "",
                apps=f'"{self.apps}"' if self.apps else "",
                prompts=f'"{self.prompts}"' if self.prompts else "",
                tts=", ".join(f'"{word}"' for word in self.tts),
            )
        )

    def _share_prompts(self) -> None:
        """The prompts of all dialers of a lab are spoken once."""
        mine, spoken = self.folder / "data" / "prompts", self.lab.folder / "spoken"
        if not mine.exists():
            spoken.mkdir(exist_ok=True)
            mine.parent.mkdir(exist_ok=True)
            mine.symlink_to(spoken)

    def campaign(
        self,
        numbers: Sequence[str],
        *,
        app: str = "blood_donation",
        amd: bool = False,
        seconds: float = 5,
        rows: str = "",
        hours: tuple[str, str] = ("00:00", "24:00"),
        strategy: str = "",
        pace_per_s: float = 20,
        max_ports: int = 100,
        finish: Finish = EXHAUSTED,
        attributes: Mapping[str, str] | None = None,
        contacts: Sequence[NewContact] = (),
        name: str = "Test",
        pacing: Pacing | None = None,
    ) -> JobId:
        """A campaign that calls these numbers once each, and its queued job.

        `seconds` is for the app "holds". `contacts` go before `numbers`; `strategy` before everything that words one.
        """
        opens, closes = hours
        text = strategy or STRATEGY.format(app=app, amd=str(amd).lower(), rows=rows, seconds=seconds, opens=opens, closes=closes)
        people = list(contacts) or [
            NewContact(
                user_contact_id=f"{name}-{index}",
                time_zone="Europe/Berlin",
                attributes=dict(attributes or {"first_name": "Ada"}),
                addresses=(NewAddress(name="mobile", value=one, zones=("Europe/Berlin",)),),
            )
            for index, one in enumerate(numbers)
        ]

        def work(tx: Tx) -> JobId:
            org = tx.organisations.ensure("default")
            for code in CODES:
                if tx.codes(org).find(code) is None:
                    tx.codes(org).create(CustomCode(name=code))
            contact_list = tx.contact_lists(org).create(f"{name} list", ["mobile", "first_name", "donor"])
            tx.contacts(org).upsert_batch(contact_list.id, people, on_duplicate="update")
            stored = tx.strategies(org).add_version(name, text)
            campaign = tx.campaigns(org).create(
                Campaign(
                    id=CampaignId(0),
                    org_id=org,
                    name=name,
                    strategy=stored.name,
                    contact_lists=(contact_list.name,),
                    codes=CODES,
                    pace=Pace(calls=pace_per_s, per=PaceUnit.SECOND, max_ports=max_ports),
                    finish=finish,
                    pacing=pacing or Pacing(),
                )
            )
            job = tx.jobs(org).create(
                campaign, strategy_text=stored.text, list_ids=tx.campaigns(org).list_ids(campaign.id), by="test"
            )
            return job.id

        return self.store.write_now(work)

    # ── running ───────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, **env: str) -> None:
        """Start the dialer; its log goes to dialer.log."""
        self.write_config()
        words, environment = ("dialer", "serve", "--config", str(self.config)), {**os.environ, **env}
        if not self.anew:
            self.process = Forked(*words, out=self.folder / "dialer.log", env=environment)
            return
        with (self.folder / "dialer.log").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
            )

    def kill(self) -> None:
        """SIGKILL, and reap."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM, and wait for its orderly end."""
        if self.process is None:
            return 0
        if (ended := self.process.poll()) is not None:
            return ended
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(5)
            raise

    def close(self) -> None:
        """Leave nothing behind."""
        with suppress(subprocess.TimeoutExpired):
            self.stop()
        if self._store is not None:
            self._store.close_now()
            self._store = None

    def log(self) -> str:
        """What the dialer wrote."""
        path = self.folder / "dialer.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def died(self) -> None:
        """Wait for the dialer to die by itself (a failpoint)."""
        assert self.process is not None
        await self.until(lambda: self.process is not None and self.process.poll() is not None, "the dialer dies")

    async def ended_s(self) -> float:
        """Wait for its end; how many seconds that took, of those in which the machine had time for it."""
        watch = self.watch()
        while self.process is not None and self.process.poll() is None:
            watch.lost_s()
            assert not watch.is_over(PATIENCE_S), "it has not ended"
            await asyncio.sleep(0.05)
        return watch.spent_s()

    def watch(self) -> Watch:
        """A watch, started now, that runs while the machine has time for the dialer, its switch, its callees and this test."""
        return Watch(self._pids)

    def _pids(self) -> list[int]:
        ours = [os.getpid(), self.lab.switch_pid, self.lab.carrier_pid]
        return ours if self.process is None else [*ours, self.process.pid, *self.workers_pids()]

    def workers_pids(self) -> list[int]:
        """The processes that the dialer has started."""
        assert self.process is not None
        try:
            return [int(one) for one in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]
        except OSError:  # it has ended
            return []

    def states(self) -> list[tuple[datetime, str]]:
        """The switch's states as the dialer saw them, with their times."""
        found = re.findall(r"^(\S+Z) .*switch_state .*state=(\w+)", ANSI.sub("", self.log()), re.MULTILINE)
        return [(datetime.fromisoformat(at), state) for at, state in found]

    async def became(self, state: str, *, after: datetime) -> datetime:
        """Wait until the switch is in a state that it entered after a moment; gives when."""

        def since() -> list[datetime]:
            return [at for at, one in self.states() if one == state and at > after]

        await self.until(lambda: bool(since()), f"the switch becomes {state}")
        return since()[0]

    @property
    def desk_url(self) -> str:
        """Where agents' programs connect; "" until the dialer serves it."""
        found = re.findall(r"agents' desk up .*desk=(\S+)", ANSI.sub("", self.log()))
        return f"http://{found[-1]}" if found else ""

    def up(self, job_id: JobId) -> int:
        """How many answered calls of a job are up."""
        return sum(one.answered_at is not None and one.code is None for one in self.attempts(job_id))

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, bounded, until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}\n{self.log()[-6000:]}"
            await asyncio.sleep(0.05)

    async def completed(self, job_id: JobId) -> Job:
        """Wait for the job's end."""
        await self.until(lambda: self.job(job_id).state is JobState.COMPLETED, f"job completes ({self.codes(job_id)})")
        return self.job(job_id)

    # ── judging ───────────────────────────────────────────────────────────────────────────────────────────────────

    def job(self, job_id: JobId) -> Job:
        """The job as it stands."""
        return self.store.read_now(lambda tx: tx.jobs(None).get(job_id))

    def attempts(self, job_id: JobId) -> list[Attempt]:
        """The ledger of a job."""
        return self.store.read_now(lambda tx: tx.attempts.of_job(job_id))

    def why(self, job_id: JobId) -> str:
        """Why the job places as many calls as it does, as the dialer told last."""
        told = self.store.read_now(lambda tx: tx.node_statuses.all())
        return next((one.jobs[int(job_id)].because for one in told if int(job_id) in one.jobs), "")

    def codes(self, job_id: JobId) -> dict[str, int]:
        """How often each code was recorded; attempts without one count as "open"."""
        return dict(Counter(one.code or "open" for one in self.attempts(job_id)))

    def calls(self) -> list[Truth]:
        """Calls of this rig's attempts, by the phone network's own log (the lab is shared)."""
        known = self.store.read_now(lambda tx: {one for (one,) in tx.connection.exec_driver_sql("SELECT id FROM attempts")})
        return [one for one in self.lab.truth() if one.attempt_id in known]

    def check_invariants(self, job_id: JobId) -> None:
        """I1, I2, I3, I12 and I15 after a run: asserts with the evidence."""
        attempts = self.attempts(job_id)
        calls = Counter(one.attempt_id for one in self.calls())
        twice = {attempt: count for attempt, count in calls.items() if count > 1}
        assert not twice, f"dialled twice: {twice}"
        open_ones = [one.id for one in attempts if one.code is None]
        assert not open_ones, f"without a code: {open_ones}"
        counted = sum(self.store.read_now(lambda tx: tx.jobs(None).code_counts(job_id)).values())
        assert counted == len(attempts), "an attempt was counted twice or not at all"
        assert self.job(job_id).state is JobState.COMPLETED

    def overlapping(self, job_id: JobId) -> list[tuple[str, str]]:
        """Pairs of attempts on one contact that lived at the same time (I1)."""
        pairs: list[tuple[str, str]] = []
        attempts = self.attempts(job_id)
        for index, one in enumerate(attempts):
            for other in attempts[index + 1 :]:
                if one.contact_id == other.contact_id:
                    end = one.ended_at or datetime.now(UTC)
                    if other.intent_at < end:
                        pairs.append((one.id, other.id))
        return pairs


def number(index: int, ending: str) -> str:
    """A number of the synthetic network: `ending` says what the callee does."""
    return f"+1555{index:05d}{ending}"
