"""A campaign from end to end on a real Asterisk: blood donation, from a CSV file to completion codes, or another sample.

Everything is the shipped product; only the telephone network is synthetic (dialer.lab), and it writes down who was called.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from dialer.app import Dialer
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState, JobTotals
from dialer.domain.codes import CustomCode, SystemCode
from dialer.domain.ids import JobId, OrgId
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED, behaviour_of
from dialer.lab.containers import ContainerLab
from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from dialer.resources import resource
from dialer.services.campaigns import NewCampaign, create_campaign, parse_pace, save_strategy
from dialer.services.codes import create_code
from dialer.services.imports import ImportReport, import_contacts
from dialer.services.jobs import start_campaign
from dialer.settings import Settings, load_settings
from dialer.store.store import Store

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A campaign that comes with the program."""

    name: str  # of the demo
    campaign: str
    contact_list: str
    contacts: str  # the file of contacts, and that of the strategy: a path, or a name that `resource` knows
    strategy: str
    codes: tuple[CustomCode, ...]
    finish_after: Mapping[str, int] = field(default_factory=dict)
    writes: bool = False  # also text messages and mails: the lab needs gateways


BLOOD_DONATION = Sample(
    name="blood_donation",
    campaign="Blood donation",
    contact_list="Donors",
    contacts="samples/donors.csv",
    strategy="strategies/blood_donation_demo.yaml",
    codes=(
        CustomCode(name=INTERESTED, description="pressed 1", is_rpc=True, is_success=True, is_closure=True),
        CustomCode(name=NOT_INTERESTED, description="pressed 2", is_rpc=True, is_closure=True),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The demo's result: every attempt against what the networks say happened."""

    sample: str
    because: str = ""  # why the job ended
    attempts: tuple[Attempt, ...]
    codes: dict[str, int]
    mismatches: tuple[str, ...]

    def as_json(self) -> str:
        """The last line of the demo."""
        return json.dumps(
            {
                "demo": self.sample,
                "attempts": len(self.attempts),
                "codes": self.codes,
                "ended": self.because,
                "mismatches": len(self.mismatches),
            },
            ensure_ascii=False,
        )


def lab_settings(lab: Lab, data_dir: Path, **more: Any) -> Settings:
    """The settings with which a dialer drives the lab; `more` are further sections of a settings file."""
    switch = lab.switch
    return Settings.model_validate(
        more
        | {
            "root": data_dir,
            "node": {"name": "demo", "data_dir": data_dir},
            "switch": [
                {
                    "name": switch.name,
                    "host": switch.host,
                    "port": switch.port,
                    "username": switch.username,
                    "secret": switch.secret,
                    "max_cps": 20,
                }
            ],
            "trunk": [{"name": lab.trunk, "switch": switch.name, "caller_id": lab.caller_id, "tag_calls": True, "max_cps": 20}],
            "dialling": {"drain_s": 5},
            "log": {"level": "warning"},
        }
    )


class Demo:
    """A lab, a dialer and the sample campaign."""

    def __init__(
        self, lab: Lab | ContainerLab, settings: Settings, dialer: Dialer, say: Say, sample: Sample = BLOOD_DONATION
    ) -> None:
        self.lab, self.settings, self.dialer, self.sample, self._say = lab, settings, dialer, sample, say
        self._began = datetime.now(UTC)

    @classmethod
    @asynccontextmanager
    async def ready(cls, folder: Path, say: Say, sample: Sample = BLOOD_DONATION) -> AsyncIterator[Self]:
        """Lab and dialer up, in `folder`, gone again afterwards."""
        say("Obtaining a speech synthesiser")
        tts = await asyncio.to_thread(obtain_tool, "espeak-ng", say)
        async with (
            Lab.started(folder / "lab", say=say, messages=sample.writes) as lab,
            cls.on(lab, folder, tts, say, sample) as demo,
        ):
            yield demo

    @classmethod
    @asynccontextmanager
    async def on(
        cls, lab: Lab, folder: Path, tts: Sequence[str], say: Say, sample: Sample = BLOOD_DONATION
    ) -> AsyncIterator[Self]:
        """The dialer alone, on a lab that is up; its data is in `folder`. `tts` is the command that speaks."""
        settings = cls.settings_for(lab, folder / "data")
        say("Starting the dialer")
        async with Dialer.started(settings, tts=tts) as dialer:
            yield cls(lab, settings, dialer, say, sample)

    @classmethod
    def settings_for(cls, lab: Lab, data_dir: Path) -> Settings:
        """The settings of the dialer."""
        return lab_settings(lab, data_dir)

    @classmethod
    @asynccontextmanager
    async def beside(cls, lab_folder: Path, say: Say) -> AsyncIterator[Self]:
        """The dialer alone, on a switch and a carrier that run already as containers; its database is gone afterwards."""
        lab = ContainerLab.reading(lab_folder)
        settings = load_settings(lab.settings_file)
        # Below the data folder, which the switch can read: prompts are rendered there.
        with TemporaryDirectory(prefix="demo-", dir=settings.data_dir, ignore_cleanup_errors=True) as data:
            node = settings.node.model_copy(update={"data_dir": Path(data)})
            log = settings.log.model_copy(update={"level": "warning"})
            settings = settings.model_copy(update={"node": node, "log": log})
            say("Starting the dialer")
            async with Dialer.started(settings) as dialer:
                yield cls(lab, settings, dialer, say)

    @property
    def store(self) -> Store:
        """The dialer's database."""
        return self.dialer.store

    async def prepare(self) -> ImportReport:
        """Organisation, codes, contacts and campaign, as an operator would create them."""
        store, sample = self.store, self.sample
        org = await self._organisation()
        for code in sample.codes:
            await create_code(store, org, code)
        self._say("Importing the contacts")
        report = await import_contacts(store, org, _file(sample.contacts), sample.contact_list)
        text = _file(sample.strategy).read_text(encoding="utf-8")
        strategy = await save_strategy(store, org, text, sample.strategy)
        await create_campaign(
            store,
            org,
            NewCampaign(
                name=sample.campaign,
                strategy=strategy.name,
                contact_lists=(sample.contact_list,),
                codes=tuple(code.name for code in sample.codes),
                pace=parse_pace("10/second", max_ports=40),
                finish_after=sample.finish_after,
            ),
        )
        return report

    async def start(self) -> JobId:
        """Start the campaign."""
        job = await start_campaign(self.store, await self._organisation(), self.sample.campaign, by="demo")
        return job.id

    async def _organisation(self) -> OrgId:
        return await self.store.write(lambda tx: tx.organisations.ensure("default"))

    async def progress(self, job_id: JobId) -> tuple[Job, JobTotals, dict[str, int]]:
        """Where the job stands."""
        return await self.store.read(
            lambda tx: (tx.jobs(None).get(job_id), tx.jobs(None).totals(job_id), tx.jobs(None).code_counts(job_id))
        )

    async def finished(self, job_id: JobId, watch: Callable[[JobTotals, dict[str, int]], None]) -> None:
        """Wait for the job's end; raises what ended the dialer if it dies first."""
        while True:
            job, totals, counts = await self.progress(job_id)
            watch(totals, counts)
            if job.state is JobState.COMPLETED:
                return
            if self.dialer.ended:
                await self.dialer.wait()
            await asyncio.sleep(0.2)

    def write_config(self) -> Path:
        """A settings file with which the `dialer` command can look at the running demo."""
        path = self.settings.data_dir.parent / "dialer.toml"
        switch, trunk = self.settings.switch[0], self.settings.trunk[0]
        path.write_text(
            f"""[node]
name = "operator"
data_dir = "{self.settings.data_dir}"
[[switch]]
name = "{switch.name}"
host = "{switch.host}"
port = {switch.port}
username = "{switch.username}"
secret = "{switch.secret.get_secret_value()}"
[[trunk]]
name = "{trunk.name}"
switch = "{trunk.switch}"
caller_id = "{trunk.caller_id}"
tag_calls = true
""",
            encoding="utf-8",
        )
        path.chmod(0o600)
        return path

    async def until_interrupted(self) -> None:
        """Until Ctrl-C or SIGTERM."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, stop.set)
        await stop.wait()

    async def verdict(self, job_id: JobId) -> Verdict:
        """Compare every attempt with the networks' own logs."""
        job, attempts = await self.store.read(lambda tx: (tx.jobs(None).get(job_id), tx.attempts.of_job(job_id)))
        seen = [Seen(attempt_id=one.attempt_id, address=one.number) for one in self.lab.truth() if one.at >= self._began]
        verdict = judge(self.sample.name, attempts, [*seen, *await self.seen_otherwise()], self.expected)
        return replace(verdict, because=job.because)

    async def seen_otherwise(self) -> Sequence[Seen]:
        """What other networks than the telephone's saw."""
        return ()

    def expected(self, attempt: Attempt) -> Expected:
        """How an attempt must have ended, by its address."""
        return expected_of_call(attempt)


def _file(name: str) -> Path:
    return Path(name) if Path(name).is_absolute() else resource(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A call or a message that arrived in a network, as that network's own log has it."""

    attempt_id: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How an attempt must have ended; `times` is how often its network must have seen it."""

    code: str
    times: int = 1


def expected_of_call(attempt: Attempt) -> Expected:
    """By the number's ending."""
    return Expected(code=behaviour_of(attempt.address).code)


def judge(
    sample: str, attempts: Sequence[Attempt], seen: Sequence[Seen], expected: Callable[[Attempt], Expected] = expected_of_call
) -> Verdict:
    """Every attempt against the logs: made at most once, to the right address, with the code that its address gives."""
    times = Counter(one.attempt_id for one in seen)
    addresses = {one.attempt_id: one.address for one in seen}
    known = {one.id for one in attempts}
    mismatches = [f"{one.attempt_id}: seen, and not in the ledger" for one in seen if one.attempt_id not in known]
    for one in attempts:
        barred = one.code in (SystemCode.RESTRICTED_DNC, SystemCode.NO_CALLABLE_ADDRESS)
        wanted = Expected(code=one.code or "", times=0) if barred else expected(one)
        if times[one.id] != wanted.times:
            mismatches.append(f"{one.id}: {one.channel.value} to {one.address} was seen {times[one.id]} times")
        elif one.code != wanted.code:
            mismatches.append(f"{one.id}: {one.channel.value} to {one.address[-14:]} should be {wanted.code}, is {one.code}")
        if one.id in addresses and addresses[one.id].lstrip("+") != one.address.lstrip("+"):
            mismatches.append(f"{one.id}: it went to another address")
    counted = Counter(one.code or "none" for one in attempts)
    codes = dict(sorted(counted.items()))
    return Verdict(sample=sample, attempts=tuple(attempts), codes=codes, mismatches=tuple(mismatches))
