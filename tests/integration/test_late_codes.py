"""A code that becomes known after the call is the final one: it counts, it can end the job, and it acts on the number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.callback import CallbackState
from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.codes import CustomCode
from dialer.domain.ids import JobId, OrgId
from dialer.errors import Conflict
from dialer.services.callback_promise import Wanted
from dialer.services.callbacks import add_callback
from dialer.services.codes import create_code
from dialer.services.late_codes import record_late_code
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from tests.campaign_texts import STRATEGY
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
WAITS = STRATEGY.replace("otherwise: done", "otherwise: wait")


def counts(launch: Launch) -> dict[str, int]:
    """Give the job's count of codes, which must be what the ledger says."""
    ledger: dict[str, int] = {}
    for one in launch.attempts():
        if one.code is not None:
            ledger[one.code] = ledger.get(one.code, 0) + 1
    kept = launch.store.read_now(lambda tx: tx.jobs(None).code_counts(launch.job.id))
    assert kept == ledger
    return ledger


async def late(launch: Launch, contact: str, code: str, job_id: JobId | None = None) -> None:
    await record_late_code(launch.store, launch.org_id, contact, code, strategy_of=StrategyShelf(), now=NOW, job_id=job_id)


@pytest.mark.row(15, 77)
async def test_a_late_code_takes_the_place_of_the_one_before_and_ends_the_job_at_its_number(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=WAITS, finish_after={"Interested": 2})
    for attempt in (await launch.run(NOW)).to_place:
        await launch.end(attempt.id, "Disconnected by User", NOW)
    assert counts(launch) == {"Disconnected by User": 3}
    await late(launch, "d0", "interested")
    assert counts(launch) == {"Disconnected by User": 2, "Interested": 1}
    assert store.read_now(lambda tx: tx.jobs(None).get(launch.job.id)).state is JobState.RUNNING
    await late(launch, "d1", "Interested")
    assert counts(launch) == {"Disconnected by User": 1, "Interested": 2}
    ended = store.read_now(lambda tx: tx.jobs(None).get(launch.job.id))
    assert (ended.state, ended.because) == (JobState.STOPPING, "2 × Interested")
    first = next(one for one in launch.attempts() if one.code == "Interested")
    assert (first.system_code, first.code_source) == ("Disconnected by User", "operator")
    events = store.read_now(lambda tx: tx.attempts.events_of(first.id))
    assert [(kind, data.get("before")) for _, kind, data in events][-1] == ("late_code", "Disconnected by User")
    place = launch.place("d0")
    assert place is not None
    assert (place.state, place.last_code) == (JobContactState.FINISHED, "Interested")
    with pytest.raises(Conflict, match="does not wait"):
        await late(launch, "d0", "Interested")
    await late(launch, "d2", "Call Busy")  # the last one with its code: the count of that is gone
    assert counts(launch) == {"Interested": 2, "Call Busy": 1}


async def test_a_late_code_does_to_the_number_what_it_would_do_on_the_call(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Interested", add_to_dnc=True))
    launch = await Launch.ready(store, org_id, strategy=WAITS, count=2)
    called = {one.address for one in (await launch.run(NOW)).to_place}
    for attempt in launch.attempts():
        await launch.end(attempt.id, "No Input", NOW)
    await late(launch, "d0", "Interested")
    await late(launch, "d1", "Opted Out")
    assert store.read_now(lambda tx: tx.dnc(org_id).listed(called, now=NOW)) == called


@pytest.mark.row(106)
@pytest.mark.parametrize(("code", "kept"), [("Interested", True), ("Opted Out", False)])
async def test_a_late_code_does_not_lose_a_callback_that_was_promised_while_the_wait_was_ending(
    store: Store, org_id: OrgId, code: str, kept: bool
) -> None:
    launch = await Launch.ready(store, org_id, strategy=WAITS, count=1)
    (attempt,) = (await launch.run(NOW)).to_place
    await launch.end(attempt.id, "Disconnected by User", NOW)
    claims = await launch.claim(NOW + timedelta(days=2))  # its wait is over, and a node is about to go on with it
    assert [one.handler for one in claims] == ["wait"]
    at = NOW + timedelta(days=3)
    wanted, now = Wanted(at=at), NOW + timedelta(days=2)
    promised = await add_callback(store, org_id, "d0", wanted, strategy_of=StrategyShelf(), now=now, by="ann")
    await late(launch, "d0", code)
    callback, place = store.read_now(lambda tx: tx.callbacks(org_id).get(promised.id)), launch.place("d0")
    assert place is not None
    if kept:
        assert (callback.state, place.state, place.due_at) == (CallbackState.PENDING, JobContactState.SCHEDULED, at)
    else:
        assert (callback.state, place.state) == (CallbackState.CANCELLED, JobContactState.FINISHED)
