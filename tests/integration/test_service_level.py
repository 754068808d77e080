"""A service level is counted by the database, so that a dialer that begins anew knows who was late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId, new_attempt_id
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.domain.service_level import ServiceLevel
from dialer.pacing.waits import Stand
from dialer.services.budgets import evidence
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import FastClock, running, until
from tests.floor_kit import crew, dismiss, hire, make_job

pytestmark = pytest.mark.integration

LEVEL = ServiceLevel(percent=90, within_s=0.2)
PLAN = Pacing(kind=PacingKind.PREDICTIVE, level=LEVEL)
WAITS = (0.0, 0.05, 0.2, 0.25, 1.4, 2.6)  # seconds until an agent had them


def put_answers(store: Store, job_id: JobId) -> None:
    """People who answered two minutes ago and waited: six of them for an agent, one in vain, one who hung up at once."""
    answered = datetime.now(UTC) - timedelta(minutes=2)

    def work(tx: Tx) -> None:
        contacts = tx.job_contacts.claim_due(job_id, limit=8, now=answered, owner="n", lease_until=answered)
        org = tx.organisations.ensure("default")
        for one, wait_s in zip(contacts, (*WAITS, None, None), strict=True):
            attempt_id, in_vain = new_attempt_id(), one is contacts[-2]
            tx.attempts.begin([_intent(attempt_id, org, job_id, one.contact_id, answered)])
            tx.attempts.person_answered(attempt_id, answered, "")
            joined = None if wait_s is None else answered + timedelta(seconds=wait_s)
            if joined is not None:
                tx.attempts.agent_joined(attempt_id, joined, "ann")
            code = "Nuisance Call" if in_vain else "Sale"
            ended = answered + timedelta(seconds=0.1 if one is contacts[-1] else 30)
            closing = Closing(code=code, source="agent", system_code=code if in_vain else "", ended_at=ended, joined_at=joined)
            tx.attempts.close(attempt_id, closing)
            tx.job_contacts.finish(job_id, one.contact_id, at=ended, because="done", last_code=code)

    store.write_now(work)


def _intent(attempt_id: AttemptId, org: OrgId, job_id: JobId, contact_id: ContactId, at: datetime) -> Attempt:
    return Attempt(
        id=attempt_id,
        org_id=org,
        job_id=job_id,
        contact_id=contact_id,
        handler="initial",
        address_name="mobile",
        address=f"+4931{contact_id:07d}",
        trunk="trunk",
        switch="switch",
        node="n",
        nonce="0",
        state=AttemptState.INTENT,
        intent_at=at - timedelta(seconds=9),
    )


async def test_who_was_late_is_known_by_the_database_and_after_a_restart(store: Store, tmp_path: Path) -> None:
    job_id = make_job(store, 20, PLAN)
    put_answers(store, job_id)
    counted = Stand(answered=7, late=4)  # 0.25, 1.4 and 2.6 s, and who found nobody
    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    job, _, ledger = await evidence(store, org, job_id, now=datetime.now(UTC))
    assert job.definition.pacing.level == LEVEL
    assert ledger.stand(LEVEL, datetime.now(UTC)) == counted

    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{store.url.render_as_string(hide_password=False)}"\n')
    words = ["pacing", "evidence", str(job_id), "--config", str(config)]
    told = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert "service level: 42.86% of 7 had an agent in time; wanted: 90 % in 0.2 s" in told.output

    clock = FastClock(factor=10)
    voice = FakeVoice(clock, default=FakeCallee(ring_s=0.1, answer_s=None))
    staff = await hire(store, 4)
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice)) as engine:
        _, tasks = await crew(engine, staff, clock)
        await until(lambda: job_id in engine.floor.jobs and len(voice.calls) >= 4)
        picture = engine.floor.jobs.picture(job_id)
        assert (picture.timed, picture.late) == (7, 4)
        assert len(voice.calls) == 4, "one line for each agent: the level was missed before the restart"
        await dismiss(tasks)
