"""The main job from end to end on a real Asterisk: a blood-donation campaign, from a CSV file to completion codes.

Everything is the shipped product; only the telephone network is synthetic (dialer.lab), and it writes down who was called.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dialer.app import Dialer
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState, JobTotals
from dialer.domain.codes import CustomCode, SystemCode
from dialer.domain.ids import JobId, OrgId
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED, behaviour_of
from dialer.lab.containers import ContainerLab
from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from dialer.lab.truth import Truth
from dialer.resources import resource
from dialer.services.campaigns import NewCampaign, create_campaign, parse_pace, save_strategy
from dialer.services.codes import create_code
from dialer.services.imports import ImportReport, import_contacts
from dialer.services.jobs import start_campaign
from dialer.settings import Settings, load_settings
from dialer.store.store import Store

Say = Callable[[str], None]

CAMPAIGN = "Blood donation"
CONTACT_LIST = "Donors"
CODES = (
    CustomCode(name=INTERESTED, description="pressed 1", is_rpc=True, is_success=True, is_closure=True),
    CustomCode(name=NOT_INTERESTED, description="pressed 2", is_rpc=True, is_closure=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The demo's result: every attempt against what the phone network says happened."""

    attempts: tuple[Attempt, ...]
    codes: dict[str, int]
    mismatches: tuple[str, ...]

    def as_json(self) -> str:
        """The last line of the demo."""
        return json.dumps(
            {
                "demo": "blood_donation",
                "attempts": len(self.attempts),
                "codes": self.codes,
                "mismatches": len(self.mismatches),
            }
        )


def lab_settings(lab: Lab, data_dir: Path) -> Settings:
    """The settings with which a dialer drives the lab."""
    switch = lab.switch
    return Settings.model_validate(
        {
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

    def __init__(self, lab: Lab | ContainerLab, settings: Settings, dialer: Dialer, say: Say) -> None:
        self.lab, self.settings, self.dialer, self._say = lab, settings, dialer, say

    @classmethod
    @asynccontextmanager
    async def ready(cls, folder: Path, say: Say) -> AsyncIterator[Demo]:
        """Lab and dialer up, in `folder`, gone again afterwards."""
        say("Obtaining a speech synthesiser")
        tts = await asyncio.to_thread(obtain_tool, "espeak-ng", say)
        async with Lab.started(folder / "lab", say=say) as lab:
            settings = lab_settings(lab, folder / "data")
            say("Starting the dialer")
            async with Dialer.started(settings, tts=tts) as dialer:
                yield cls(lab, settings, dialer, say)

    @classmethod
    @asynccontextmanager
    async def beside(cls, lab_folder: Path, say: Say) -> AsyncIterator[Demo]:
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
        store = self.store
        org = await self._organisation()
        for code in CODES:
            await create_code(store, org, code)
        self._say("Importing the donors")
        report = await import_contacts(store, org, resource("samples/donors.csv"), CONTACT_LIST)
        strategy = await save_strategy(
            store, org, resource("strategies/blood_donation_demo.yaml").read_text(encoding="utf-8"), "blood_donation_demo.yaml"
        )
        await create_campaign(
            store,
            org,
            NewCampaign(
                name=CAMPAIGN,
                strategy=strategy.name,
                contact_lists=(CONTACT_LIST,),
                codes=tuple(code.name for code in CODES),
                pace=parse_pace("10/second", max_ports=40),
            ),
        )
        return report

    async def start(self) -> JobId:
        """Start the campaign."""
        job = await start_campaign(self.store, await self._organisation(), CAMPAIGN, by="demo")
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
        """Compare every attempt with the phone network's own log."""
        attempts = await self.store.read(lambda tx: tx.attempts.of_job(job_id))
        return judge(attempts, self.lab.truth())


def judge(attempts: Sequence[Attempt], truth: Sequence[Truth]) -> Verdict:
    """Every attempt against the truth log: dialled at most once, at the right number, with the code that its number gives."""
    calls = Counter(one.attempt_id for one in truth)
    numbers = {one.attempt_id: one.number for one in truth}
    known = {one.id for one in attempts}
    mismatches = [f"{one.attempt_id}: called, and not in the ledger" for one in truth if one.attempt_id not in known]
    for one in attempts:
        never_dialled = one.code in (SystemCode.RESTRICTED_DNC, SystemCode.NO_CALLABLE_ADDRESS)
        if calls[one.id] != (0 if never_dialled else 1):
            mismatches.append(f"{one.id}: called {calls[one.id]} times")
        elif not never_dialled:
            expected = behaviour_of(one.address).code
            if one.code != expected:
                mismatches.append(f"{one.id}: {one.address[-2:]} should be {expected}, is {one.code}")
            if numbers[one.id].lstrip("+") != one.address.lstrip("+"):
                mismatches.append(f"{one.id}: another number was called")
    counted = Counter(one.code or "none" for one in attempts)
    return Verdict(attempts=tuple(attempts), codes=dict(sorted(counted.items())), mismatches=tuple(mismatches))
