"""Call pausing knows what came up in the last minutes, at any rate of calls and over any length of time."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import Campaign
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId, CampaignId, JobId, OrgId
from dialer.errors import BadInput
from dialer.services.holding import held_because
from dialer.services.knobs import check_knobs, parse_hold
from dialer.store.code_counts import SLOT, CodeCounts, slot_of
from dialer.store.store import Store, Tx
from tests.launch_kit import Launch

pytestmark = [pytest.mark.integration, pytest.mark.row(87)]

BUSY, ERROR, DONE = (one.value for one in (SystemCode.CALL_BUSY, SystemCode.NETWORK_ERROR, SystemCode.DISCONNECTED_BY_USER))
NOW = datetime(2026, 5, 11, 12, 0, 3, tzinfo=UTC)


def make_job(tx: Tx, org_id: OrgId) -> JobId:
    tx.contact_lists(org_id).create("people")
    campaign = tx.campaigns(org_id).create(
        Campaign(
            id=CampaignId(0),
            org_id=org_id,
            name="C",
            strategy="x",
            contact_lists=("people",),
            holds=(parse_hold(f"share 50 {ERROR}"), parse_hold(f"count 3 {BUSY} in 1")),
        )
    )
    return tx.jobs(org_id).create(campaign, strategy_text="x", list_ids=tx.campaigns(org_id).list_ids(campaign.id), by="t").id


def test_all_attempts_of_the_minutes_count_however_many_they_are(store: Store, org_id: OrgId) -> None:
    """Thirty calls a second: errors until two minutes ago. The newest few thousand alone would show that all is well."""

    def work(tx: Tx) -> JobId:
        job_id = make_job(tx, org_id)
        counts = CodeCounts(tx.connection)
        for index in range(9000):
            at = NOW - timedelta(seconds=300) + timedelta(seconds=index / 30)
            counts.add(job_id, ERROR if index < 5400 else DONE, at)
        return job_id

    job_id = store.write_now(work)

    def held(after_s: float) -> str:
        at = NOW + timedelta(seconds=after_s)
        return store.read_now(lambda tx: held_because(tx, tx.jobs(None).get(job_id), at))

    assert held(0) == f"held: 60 % {ERROR} in 5 min"
    assert held(60) == f"held: 51 % {ERROR} in 5 min"
    assert held(120) == ""
    assert held(600) == ""


def test_the_last_minutes_are_right_to_the_slot_for_any_history(store: Store, org_id: OrgId, rng: random.Random) -> None:
    job_id = store.write_now(lambda tx: make_job(tx, org_id))
    moments = sorted(NOW + timedelta(seconds=rng.expovariate(1 / 900)) for _ in range(400))
    ended = [(at, rng.choice([BUSY, BUSY, ERROR, DONE])) for at in moments]

    def work(tx: Tx) -> None:
        for at, code in ended:
            CodeCounts(tx.connection).add(job_id, code, at)

    store.write_now(work)
    for minutes in (0.2, 1.0, 5.0, 60.0, 24 * 60.0):
        for at in rng.sample(moments, 20):
            since = at - timedelta(minutes=minutes)
            found = store.read_now(lambda tx, since=since: tx.jobs(None).recent_codes(job_id, since=since))  # type: ignore[misc]
            assert found == Counter(code for moment, code in ended if slot_of(moment) >= slot_of(since)), (since, SLOT)
    assert store.read_now(lambda tx: tx.jobs(None).code_counts(job_id)) == Counter(code for _, code in ended)


async def test_a_late_code_moves_out_of_the_minutes_in_which_the_first_one_fell(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id)
    later = NOW + timedelta(minutes=30)
    first, second, third = (await launch.run(NOW)).to_place
    await launch.end(first.id, DONE, NOW)
    await launch.end(second.id, DONE, NOW + timedelta(minutes=20))
    await launch.end(third.id, DONE, later)

    def recent(minutes: float) -> dict[str, int]:
        since = later - timedelta(minutes=minutes)
        return store.read_now(lambda tx: tx.jobs(None).recent_codes(launch.job.id, since=since))

    def replace_code(attempt_id: AttemptId) -> None:
        (attempt,) = (one for one in launch.attempts() if one.id == attempt_id)
        store.write_now(lambda tx: tx.attempts.replace_code(attempt, BUSY, source="operator", at=later))

    assert (recent(1), recent(15), recent(60)) == ({DONE: 1}, {DONE: 2}, {DONE: 3})
    replace_code(first.id)
    assert (recent(1), recent(15), recent(60)) == ({DONE: 1, BUSY: 1}, {DONE: 2, BUSY: 1}, {DONE: 2, BUSY: 1})
    replace_code(third.id)
    assert (recent(1), recent(15)) == ({BUSY: 2}, {DONE: 1, BUSY: 2})
    replace_code(second.id)
    assert recent(60) == {BUSY: 3}


async def test_a_look_back_over_more_than_a_day_is_refused(store: Store, org_id: OrgId) -> None:
    job_id = store.write_now(lambda tx: make_job(tx, org_id))
    campaign = store.read_now(lambda tx: tx.jobs(None).get(job_id)).definition
    with pytest.raises(BadInput, match="at most 1440"):
        check_knobs(replace(campaign, holds=(parse_hold("count 3 Call Busy in 1441"),)))
