"""An installation without a telephone network: it needs no switch, runs what it is for, and says why it runs nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dialer.app import Dialer
from dialer.domain.campaign import Job, JobState
from dialer.domain.codes import SystemCode
from dialer.domain.ids import OrgId
from dialer.domain.installation import InstallationMode
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.errors import BadInput, BadSettings
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.ports import free_ports
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.imports import import_contacts
from dialer.services.jobs import campaign_status, start_campaign
from dialer.settings import Settings
from dialer.store.store import Store
from tests.message_world import EMAIL, SMS
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

VOICE = """\
strategy: call
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done, Answer Human: {app: press1}}
"""
MODE = InstallationMode.NON_TELEPHONY


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A mail server with its people."""
    process = GatewayProcess(folder=tmp_path / "gateways", ports=free_ports(), sms=False, email=True)
    process.start(detached=False)
    try:
        yield process
    finally:
        process.stop()


def settings(folder: Path, mode: str, smtp: int = 25) -> Settings:
    gateway = {
        "name": "mail",
        "host": "127.0.0.1",
        "port": smtp,
        "security": "none",
        "sender": "The practice <practice@outdial.test>",
        "answers_domain": "outdial.test",
    }
    return Settings.model_validate(
        {
            "root": folder,
            "node": {"name": "desk", "data_dir": folder},
            "agents": {"mode": mode},
            "messages": {"secret": "0123456789abcdef" * 4, "email_wait_s": 1},
            "email_gateway": [gateway],
            "log": {"level": "error"},
        }
    )


@asynccontextmanager
async def without_telephony(folder: Path, smtp: int) -> AsyncIterator[tuple[Store, OrgId]]:
    """A running dialer, and three people on a list."""
    people = folder / "people.csv"
    rows = "".join(f"c-{index},+1212555710{index},ann{index}45@lab.test,Ann,Rome\n" for index in range(3))
    people.write_text("id,mobile,email,first_name,city\n" + rows)
    async with Dialer.started(settings(folder, "non_telephony", smtp)) as dialer:
        org = await dialer.store.write(lambda tx: tx.organisations.ensure("default"))
        report = await import_contacts(dialer.store, org, people, "People")
        assert (report.inserted, report.rejected) == (3, 0)
        yield dialer.store, org
        assert not dialer.ended


async def define(store: Store, org: OrgId, name: str, text: str, **how: Any) -> NewCampaign:
    """A campaign that is not yet kept."""
    strategy = await save_strategy(store, org, text)
    return NewCampaign(name=name, strategy=strategy.name, contact_lists=("People",), **how)


async def until(store: Store, org: OrgId, name: str, state: JobState) -> Job:
    """The job, once it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            job = (await campaign_status(store, org, name)).job
            if job is not None and job.state is state:
                return job
            await asyncio.sleep(0.05)


@pytest.mark.row(135)
async def test_without_telephony_calls_and_text_messages_are_refused_and_emails_run(tmp_path: Path, mail: GatewayProcess) -> None:
    async with without_telephony(tmp_path, mail.ports.smtp) as (store, org):
        refused = [
            await define(store, org, "Calls", VOICE),
            await define(store, org, "Texts", SMS),
            *[
                await define(store, org, kind.value, VOICE, pacing=Pacing(kind=kind))
                for kind in PacingKind
                if kind.value != "manual"
            ],
        ]
        for new in refused:
            with pytest.raises(BadInput, match="no telephony"):
                await create_campaign(store, org, new, mode=MODE)
        manual = await define(store, org, "By hand", VOICE, pacing=Pacing(kind=PacingKind.MANUAL))
        await create_campaign(store, org, manual, mode=MODE)
        await create_campaign(store, org, await define(store, org, "Mails", EMAIL), mode=MODE)
        job = await start_campaign(store, org, "Mails", by="test", mode=MODE)
        await until(store, org, "Mails", JobState.COMPLETED)
        sent = await store.read(lambda tx: tx.attempts.of_job(job.id))
        assert [one.code for one in sent] == [SystemCode.EMAIL_SENT] * 3
        assert len([one for one in mail.truth() if one["event"] == "accepted"]) == 3


async def test_what_was_started_by_who_knows_no_settings_rests_with_the_reason(tmp_path: Path) -> None:
    async with without_telephony(tmp_path, 25) as (store, org):
        await create_campaign(store, org, await define(store, org, "Calls", VOICE))
        job = await start_campaign(store, org, "Calls", by="schedule")
        assert "no telephony" in (await until(store, org, "Calls", JobState.PAUSED)).because
        assert not await store.read(lambda tx: tx.attempts.of_job(job.id))


async def test_with_telephony_a_switch_is_needed(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="nothing can be dialled"):
        async with Dialer.started(settings(tmp_path, "mixed")):
            pass
