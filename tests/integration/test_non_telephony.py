"""An installation without a telephone network: it needs no switch, runs what it is for, and says why it runs nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.app import Dialer
from dialer.domain.campaign import JobState
from dialer.errors import BadSettings
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.imports import import_contacts
from dialer.services.jobs import campaign_status, start_campaign
from dialer.settings import Settings
from tests.campaign_texts import STRATEGY

pytestmark = pytest.mark.integration


def settings(folder: Path, mode: str) -> Settings:
    return Settings.model_validate(
        {"root": folder, "node": {"name": "desk", "data_dir": folder}, "agents": {"mode": mode}, "log": {"level": "error"}}
    )


async def test_without_telephony_no_switch_is_needed_and_nothing_is_called(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("contact_id,mobile\nc-1,+15550100\n")
    async with Dialer.started(settings(tmp_path, "non_telephony")) as dialer:
        store = dialer.store
        org = await store.write(lambda tx: tx.organisations.ensure("default"))
        await import_contacts(store, org, people, "People")
        strategy = await save_strategy(store, org, STRATEGY.replace("        Interested: {next_state: done}\n", ""))
        await create_campaign(store, org, NewCampaign(name="Voice", strategy=strategy.name, contact_lists=("People",)))
        job = await start_campaign(store, org, "Voice", by="test")  # as a schedule does, which knows no settings
        async with asyncio.timeout(10):
            while job.state is not JobState.PAUSED:
                await asyncio.sleep(0.05)
                job = (await campaign_status(store, org, "Voice")).job or job
        assert "no telephony" in job.because
        assert not await store.read(lambda tx: tx.attempts.of_job(job.id))
        assert not dialer.ended


async def test_with_telephony_a_switch_is_needed(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="nothing can be dialled"):
        async with Dialer.started(settings(tmp_path, "mixed")):
            pass
