"""A campaign's pacing is kept with it, checked against its codes, and changed while its job runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.campaign import JobState
from dialer.domain.ids import OrgId
from dialer.domain.inbound_plan import Blend, InboundPlan
from dialer.domain.pacing_plan import (
    AbandonBudget,
    AbandonCount,
    BudgetWindow,
    EcrWatch,
    ExpertRatio,
    Pacing,
    PacingKind,
    PredictiveStyle,
    StartPoint,
)
from dialer.domain.service_level import ServiceLevel
from dialer.errors import BadInput
from dialer.services import jobs
from dialer.services.campaigns import as_new, edit_campaign, list_campaigns
from dialer.services.codes import passivate_code
from dialer.services.pacing_plans import active_codes, agent_codes
from dialer.store.store import Store
from tests.campaign_texts import ready_campaign

pytestmark = pytest.mark.integration

PLAN = Pacing(
    kind=PacingKind.PREDICTIVE,
    style=PredictiveStyle.EXPERT_CALLING_RATIO,
    budget=AbandonBudget(
        percent=2.5, window=BudgetWindow.MONTH, start=StartPoint.GREETING_END, count=AbandonCount.OFCOM, group="UK"
    ),
    level=ServiceLevel(percent=98.5, within_s=0.4),
    ratio=ExpertRatio(watch=EcrWatch.UPDATE_TIME, first_hit_rate=0.3, samples=80),
    preview_s=20.0,
    wrap_up_s=None,
    default_code="interested",
    nuisance_message="sorry",
    skills={"Turkish": 4},
    inbound=InboundPlan(queues=("support", "sales"), levels=(2, 3, 4), waits_s=(20.0, 40.0, 60.0), blend=Blend.AUTOMATIC),
)


async def test_every_word_of_a_plan_is_kept_with_the_campaign_and_with_its_job(store: Store, org_id: OrgId) -> None:
    made = await ready_campaign(store, org_id)
    assert made.pacing == Pacing()
    kept = await edit_campaign(store, org_id, "Blood", replace(as_new(made), pacing=PLAN), by="test")
    assert kept.pacing == replace(PLAN, default_code="Interested")  # as the ledger writes it
    assert (await list_campaigns(store, org_id))[0].pacing == kept.pacing
    assert (await jobs.start_campaign(store, org_id, "Blood", by="test")).definition.pacing == kept.pacing


async def test_a_default_code_that_no_agent_can_say_is_refused(store: Store, org_id: OrgId) -> None:
    new = as_new(await ready_campaign(store, org_id))
    plan = Pacing(kind=PacingKind.PREVIEW, default_code="Call Busy")
    with pytest.raises(BadInput, match="Call Busy"):
        await edit_campaign(store, org_id, "Blood", replace(new, pacing=plan), by="test")
    manual = replace(plan, kind=PacingKind.MANUAL)
    assert (await edit_campaign(store, org_id, "Blood", replace(new, pacing=manual), by="test")).pacing == manual


async def test_the_pacing_of_a_running_job_is_changed_without_a_restart(store: Store, org_id: OrgId) -> None:
    new = as_new(await ready_campaign(store, org_id))
    progressive = Pacing(kind=PacingKind.PROGRESSIVE, lines_per_agent=1.5)
    await edit_campaign(store, org_id, "Blood", replace(new, pacing=progressive), by="test")
    job = await jobs.start_campaign(store, org_id, "Blood", by="test")
    await store.write(lambda tx: tx.jobs(None).set_state(job.id, JobState.RUNNING, because="", by="engine"))
    preview = jobs.JobEdit(pacing=Pacing(kind=PacingKind.PREVIEW, preview_s=15))
    changed = await jobs.edit_job(store, org_id, "Blood", preview, by="test", version=1)
    assert (changed.id, changed.state, changed.version) == (job.id, JobState.RUNNING, 2)
    assert changed.definition.pacing.preview_s == 15
    with pytest.raises(BadInput, match="lose its agents"):
        await jobs.edit_job(store, org_id, "Blood", jobs.JobEdit(pacing=Pacing()), by="test")


@pytest.mark.row(138)
async def test_agents_choose_from_the_codes_that_are_active_now(store: Store, org_id: OrgId) -> None:
    new = as_new(await ready_campaign(store, org_id))
    plan = Pacing(kind=PacingKind.PREVIEW, wrap_up_s=15, script="Good morning")
    await edit_campaign(store, org_id, "Blood", replace(new, pacing=plan), by="test")
    job = await jobs.start_campaign(store, org_id, "Blood", by="test")
    rules = plan.rules(agent_codes(plan, await active_codes(store, job)))
    assert (rules.codes[0], rules.wrap_up_s, rules.script) == ("Interested", 15, "Good morning")
    await passivate_code(store, org_id, "Interested")
    assert await active_codes(store, job) == ()
