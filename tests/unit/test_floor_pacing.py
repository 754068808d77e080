"""A job's pacer goes on with what it has learned when its plan is changed under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.domain.campaign import Campaign, Job, JobState, Pace
from dialer.domain.ids import CampaignId, JobId, OrgId
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.engine.clock import SystemClock
from dialer.engine.floor.pacing import FloorPacing
from dialer.pacing.floor import Fact, Floor, Served
from dialer.pacing.snapshot import Memory, Snapshot

pytestmark = pytest.mark.unit

PREDICTIVE = Pacing(kind=PacingKind.PREDICTIVE)
PROGRESSIVE = Pacing(kind=PacingKind.PROGRESSIVE)


def job_with(plan: Pacing) -> Job:
    org, campaign = OrgId(1), CampaignId(1)
    definition = Campaign(id=campaign, org_id=org, name="Donors", strategy="s", contact_lists=("People",), pacing=plan)
    return Job(
        id=JobId(1),
        org_id=org,
        campaign_id=campaign,
        campaign_name="Donors",
        state=JobState.RUNNING,
        because="",
        strategy_text="",
        definition=definition,
        pace=Pace(),
        force=False,
        created_at=datetime(2026, 5, 11, tzinfo=UTC),
    )


def pacing_of(plan: Pacing) -> FloorPacing:
    def nobody() -> Floor:
        raise AssertionError("it is not looked at here")

    def nothing() -> list[Fact]:
        return []

    return FloorPacing(job_with(plan), nobody, nothing, SystemClock(), detected=False)


def test_another_budget_keeps_what_was_learned() -> None:
    pacing = pacing_of(PREDICTIVE)
    pacing.pacer.learn([Served(talk_s=90.0, wrap_s=10.0)] * 40)
    learned = pacing.memory()
    pacing.update(job_with(replace(PREDICTIVE, budget=replace(PREDICTIVE.budget, percent=1.0))))
    assert pacing.memory() == learned
    assert pacing.memory() != pacing_of(PREDICTIVE).memory()


def test_what_was_wanted_for_an_agent_who_has_left_since_is_not_placed() -> None:
    idle = 2
    pacing = FloorPacing(job_with(PROGRESSIVE), lambda: Floor(now_s=1.0, idle=idle), list, SystemClock(), detected=False)
    seen = Snapshot(now_s=1.0, room=0)
    decided = pacing.decide(seen, Memory())
    idle = 1
    kept = pacing.decide(replace(seen, now_s=1.1, room=9), decided.memory)
    assert kept.n == 2, "the floor is looked at a few times a second"
    pacing.look_anew()
    assert pacing.decide(replace(seen, now_s=1.1, room=9), kept.memory).n == 1


def test_a_pacer_that_learns_nothing_begins_anew() -> None:
    pacing = pacing_of(PREDICTIVE)
    pacing.pacer.learn([Served(talk_s=90.0, wrap_s=10.0)] * 40)
    pacing.update(job_with(replace(PREDICTIVE, kind=PacingKind.PREVIEW)))
    assert pacing.memory() is None
    assert pacing.name == "preview"
