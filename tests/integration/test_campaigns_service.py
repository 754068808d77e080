"""A campaign is defined from parts that exist, runs once at a time, and moves only where its job can go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.campaign import Job, JobState, Pace, PaceUnit
from dialer.domain.ids import JobId, OrgId
from dialer.errors import BadInput, Conflict, NotFound, OutdialError
from dialer.services import jobs
from dialer.services.campaigns import NewCampaign, create_campaign, list_campaigns, save_strategy
from dialer.services.codes import passivate_code
from dialer.store.store import Store
from tests.campaign_texts import STRATEGY, ready_campaign

pytestmark = pytest.mark.integration

GOOD = NewCampaign(name="Second", strategy="ask", contact_lists=("Donors",), codes=("Interested",))


async def run(store: Store, job: Job, *states: JobState) -> None:
    """Move a job as the engine would."""
    for state in states:
        await store.write(lambda tx, state=state: tx.jobs(None).set_state(job.id, state, because="engine", by="engine"))  # type: ignore[misc]


async def test_a_campaign_is_kept_with_names_as_they_were_defined(store: Store, org_id: OrgId) -> None:
    made = await ready_campaign(store, org_id)
    assert (made.contact_lists, made.codes) == (("Donors",), ("Interested",))
    assert made.finish.after_codes == {"Interested": 2}  # as the ledger writes it
    assert await list_campaigns(store, org_id) == [made]


# What is wrong with a definition, the kind of error, and what it says.
REFUSED: list[tuple[dict[str, Any], type[OutdialError], str]] = [
    ({"name": " "}, BadInput, "name"),
    ({"name": "BLOOD"}, Conflict, "already"),
    ({"strategy": "nothing"}, NotFound, "strategy 'nothing'"),
    ({"contact_lists": ()}, BadInput, "nobody to call"),
    ({"contact_lists": ("nobody",)}, NotFound, "contact list 'nobody'"),
    ({"codes": ("Interested", "Unheard of")}, NotFound, "'Unheard of'"),
    ({"codes": ()}, BadInput, "Interested"),  # the strategy has a row for a code that the campaign does not use
    ({"trunk": "elsewhere"}, BadInput, "one of: main"),
    ({"caller_id": "0155"}, BadInput, "E.164"),
    ({"pace": Pace(calls=0)}, BadInput, "pace"),
    ({"pace": Pace(calls=float("nan"))}, BadInput, "pace"),
    ({"pace": Pace(calls=2000, per=PaceUnit.SECOND)}, BadInput, "pace"),
    ({"pace": Pace(max_ports=0)}, BadInput, "max ports"),
    ({"pace": Pace(min_ports=9, max_ports=3)}, BadInput, "min ports"),
    ({"finish_after": {"Keen": 3}}, BadInput, "associated with the campaign"),
    ({"finish_after": {"Attempt In Progress": 3}}, BadInput, "finish"),
    ({"finish_after": {"Interested": 0}}, BadInput, "at least 1"),
]


async def test_a_campaign_that_cannot_run_is_refused_and_says_why(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    for change, error, says in REFUSED:
        with pytest.raises(error, match=says):
            await create_campaign(store, org_id, replace(GOOD, **change), trunks=["main"])
    assert len(await list_campaigns(store, org_id)) == 1


@pytest.mark.row(77)
async def test_a_finish_criterion_may_name_a_system_code(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    made = await create_campaign(store, org_id, replace(GOOD, finish_after={"message PLAYED": 9}))
    assert made.finish.after_codes == {"Message Played": 9}


@pytest.mark.row(138)
async def test_a_passive_code_cannot_be_put_to_use(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    await passivate_code(store, org_id, "Interested")
    with pytest.raises(BadInput, match="passive"):
        await create_campaign(store, org_id, GOOD)


@pytest.mark.row(37)
async def test_a_draft_starts_no_campaign(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    await save_strategy(store, org_id, STRATEGY.replace("completed", "draft"))
    with pytest.raises(BadInput, match="draft"):
        await jobs.start_campaign(store, org_id, "Blood", by="test")


@pytest.mark.row(54)
async def test_a_running_job_keeps_the_strategy_with_which_it_started(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    job = await jobs.start_campaign(store, org_id, "blood", by="test")
    newer = STRATEGY.replace("[30, 60]", "[5]")
    assert (await save_strategy(store, org_id, newer)).version == 2
    assert (await save_strategy(store, org_id, newer)).version == 2
    status = await jobs.campaign_status(store, org_id, "Blood")
    assert status.job is not None
    assert status.job.strategy_text == job.strategy_text == STRATEGY
    assert status.totals is not None
    assert (status.job.state, status.totals.contacts, status.totals.untouched) == (JobState.QUEUED, 3, 3)


async def test_a_campaign_runs_once_at_a_time(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    first = await jobs.start_campaign(store, org_id, "Blood", by="test")
    with pytest.raises(Conflict, match="not over yet"):
        await jobs.start_campaign(store, org_id, "Blood", by="test")
    assert (await jobs.stop_campaign(store, org_id, "Blood", by="test")).state is JobState.COMPLETED  # it had not begun
    second = await jobs.start_campaign(store, org_id, "Blood", by="test")
    assert [job.id for job in await jobs.list_jobs(store, org_id)] == [second.id, first.id]
    earlier = await jobs.campaign_status(store, org_id, "Blood", job_id=first.id)
    assert earlier.job is not None
    assert earlier.job.because == "stopped before it began"
    with pytest.raises(BadInput, match="not one of the campaign"):
        await jobs.campaign_status(store, org_id, "Blood", job_id=JobId(999))


@pytest.mark.row(80)
async def test_pause_resume_stop_and_force_stop_say_where_the_job_stands(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    job = await jobs.start_campaign(store, org_id, "Blood", by="test")
    await run(store, job, JobState.RUNNING)
    assert (await jobs.pause_campaign(store, org_id, "Blood", by="ann")).state is JobState.PAUSED
    assert (await jobs.resume_campaign(store, org_id, "Blood", by="ann")).state is JobState.RUNNING
    stopping = await jobs.stop_campaign(store, org_id, "Blood", by="ann")
    assert (stopping.state, stopping.force) == (JobState.STOPPING, False)
    assert (await jobs.stop_campaign(store, org_id, "Blood", by="ann", force=True)).force
    await run(store, job, JobState.COMPLETED)


Action = Callable[[Store, OrgId], Awaitable[object]]
PAUSE: Action = lambda store, org: jobs.pause_campaign(store, org, "Blood", by="t")  # noqa: E731  a table of sentences
RESUME: Action = lambda store, org: jobs.resume_campaign(store, org, "Blood", by="t")  # noqa: E731
STOP: Action = lambda store, org: jobs.stop_campaign(store, org, "Blood", by="t")  # noqa: E731
FASTER: Action = lambda store, org: jobs.change_pace(store, org, "Blood", Pace(calls=9))  # noqa: E731


@pytest.mark.parametrize(
    ("states", "action"),
    [
        ((), PAUSE),  # still queued
        ((), RESUME),
        ((JobState.RUNNING,), RESUME),
        ((JobState.RUNNING, JobState.PAUSED), PAUSE),
        ((JobState.RUNNING, JobState.STOPPING), RESUME),
        ((JobState.RUNNING, JobState.STOPPING), STOP),
        ((JobState.COMPLETED,), PAUSE),
        ((JobState.COMPLETED,), STOP),
        ((JobState.COMPLETED,), FASTER),
    ],
)
async def test_what_does_not_fit_the_state_is_a_conflict(
    store: Store, org_id: OrgId, states: tuple[JobState, ...], action: Action
) -> None:
    await ready_campaign(store, org_id)
    job = await jobs.start_campaign(store, org_id, "Blood", by="test")
    await run(store, job, *states)
    with pytest.raises(Conflict):
        await action(store, org_id)


async def test_the_pace_of_a_running_job_can_be_changed(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    await jobs.start_campaign(store, org_id, "Blood", by="test")
    changed = await jobs.change_pace(store, org_id, "Blood", Pace(calls=5, per=PaceUnit.SECOND, max_ports=7))
    assert (changed.pace.calls_per_s, changed.pace.max_ports) == (5.0, 7)
    with pytest.raises(BadInput):
        await jobs.change_pace(store, org_id, "Blood", Pace(calls=-1))
