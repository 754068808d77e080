"""Every repository keeps what it is given, and sees the rows of its own organisation only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from dialer.domain.campaign import Campaign, Finish, Job, JobState, Pace, PaceUnit
from dialer.domain.codes import CustomCode, NextAction
from dialer.domain.ids import CampaignId, ContactId, ContactListId, JobId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.store import Store, Tx
from dialer.store.tables import Instant
from tests.campaign_texts import donor

pytestmark = pytest.mark.integration


@pytest.fixture
def other_org(store: Store, org_id: OrgId) -> OrgId:
    """Another organisation; what the tests make belongs to the first one."""
    return store.write_now(lambda tx: tx.organisations.create("somebody else"))


@pytest.fixture
def list_id(store: Store, org_id: OrgId) -> ContactListId:
    """A list with three contacts."""

    def work(tx: Tx) -> ContactListId:
        made = tx.contact_lists(org_id).create("Donors", ["city", "donor"])
        tx.contacts(org_id).upsert_batch(made.id, [donor(index) for index in range(3)])
        return made.id

    return store.write_now(work)


def campaign_for(org_id: OrgId) -> Campaign:
    return Campaign(
        id=CampaignId(0),
        org_id=org_id,
        name="Blood",
        strategy="blood_donation",
        contact_lists=("donors",),
        codes=("INTERESTED",),
        trunk="main",
        caller_id="+15550100",
        pace=Pace(calls=7.5, per=PaceUnit.SECOND, min_ports=2, max_ports=9),
        finish=Finish(after_codes={"Interested": 50}),
    )


@pytest.fixture
def job(store: Store, org_id: OrgId, list_id: ContactListId) -> Job:
    """A queued job of a campaign over the list."""

    def work(tx: Tx) -> Job:
        tx.codes(org_id).create(CustomCode(name="Interested"))
        made = tx.campaigns(org_id).create(campaign_for(org_id))
        return tx.jobs(org_id).create(made, strategy_text="strategy: x", list_ids=[list_id], by="test")

    return store.write_now(work)


def test_a_job_keeps_its_definition_and_its_own_pace(store: Store, org_id: OrgId, job: Job) -> None:
    assert job.state is JobState.QUEUED
    assert job.definition == replace(campaign_for(org_id), id=job.campaign_id, contact_lists=("Donors",), codes=("Interested",))
    faster = Pace(calls=100, per=PaceUnit.HOUR, min_ports=0, max_ports=3)
    changed = store.write_now(lambda tx: tx.jobs(org_id).edit(job.id, pace=faster, definition=job.definition))
    assert changed.pace == faster
    assert changed.definition.pace == job.pace
    assert store.read_now(lambda tx: tx.campaigns(org_id).get(job.campaign_id)).pace == job.pace


def test_every_contact_of_a_job_is_counted_in_one_place(store: Store, org_id: OrgId, job: Job) -> None:
    def claim_one(tx: Tx) -> None:
        now = datetime.now(UTC)
        tx.job_contacts.claim_due(job.id, limit=1, now=now, owner="n", lease_until=now + timedelta(seconds=30))

    store.write_now(claim_one)
    totals = store.read_now(lambda tx: tx.jobs(org_id).totals(job.id))
    assert (totals.untouched, totals.claimed, totals.contacts, totals.attempts) == (2, 1, 3, 0)


WALKS = [
    [JobState.RUNNING, JobState.PAUSED, JobState.RUNNING, JobState.STOPPING, JobState.COMPLETED],
    [JobState.RUNNING, JobState.COMPLETED],
    [JobState.RUNNING, JobState.PAUSED, JobState.STOPPING, JobState.COMPLETED],
    [JobState.COMPLETED],
]


@pytest.mark.parametrize("walk", WALKS)
def test_a_job_may_walk_this_way(store: Store, org_id: OrgId, job: Job, walk: list[JobState]) -> None:
    for state in walk:
        moved = store.write_now(lambda tx, state=state: tx.jobs(None).set_state(job.id, state, because="b", by="t"))  # type: ignore[misc]
        assert moved.state is state
    assert (moved.started_at is not None) == (JobState.RUNNING in walk)
    assert moved.ended_at is not None
    assert store.read_now(lambda tx: tx.jobs(None).not_completed()) == []


@pytest.mark.parametrize(
    "walk",
    [
        [JobState.PAUSED],  # nothing runs yet
        [JobState.RUNNING, JobState.QUEUED],
        [JobState.RUNNING, JobState.RUNNING],
        [JobState.RUNNING, JobState.STOPPING, JobState.RUNNING],
        [JobState.COMPLETED, JobState.RUNNING],
        [JobState.RUNNING, JobState.STOPPING, JobState.STOPPING],  # it is stopping already
    ],
)
def test_a_job_may_not_walk_that_way(store: Store, org_id: OrgId, job: Job, walk: list[JobState]) -> None:
    def go(state: JobState) -> None:
        store.write_now(lambda tx: tx.jobs(org_id).set_state(job.id, state, because="b", by="t"))

    for state in walk[:-1]:
        go(state)
    with pytest.raises(Conflict):
        go(walk[-1])


def test_a_stopping_job_can_be_stopped_by_force(store: Store, org_id: OrgId, job: Job) -> None:
    def go(state: JobState, force: bool) -> Job:
        return store.write_now(lambda tx: tx.jobs(org_id).set_state(job.id, state, because="b", by="t", force=force))

    go(JobState.RUNNING, force=False)
    assert not go(JobState.STOPPING, force=False).force
    assert go(JobState.STOPPING, force=True).force
    assert go(JobState.COMPLETED, force=False).force  # the record says how it ended


def test_a_campaign_has_one_job_at_a_time(store: Store, org_id: OrgId, job: Job) -> None:
    def again(tx: Tx) -> Job:
        return tx.jobs(org_id).create(tx.campaigns(org_id).get(job.campaign_id), strategy_text="x", list_ids=[], by="t")

    with pytest.raises(Conflict, match="not over yet"):
        store.write_now(again)
    store.write_now(lambda tx: tx.jobs(org_id).set_state(job.id, JobState.COMPLETED, because="b", by="t"))
    second = store.write_now(again)
    assert [one.id for one in store.read_now(lambda tx: tx.jobs(org_id).by_campaign(job.campaign_id))] == [second.id, job.id]


def test_a_strategy_is_a_new_version_only_when_its_text_is_new(store: Store, org_id: OrgId) -> None:
    def save(text: str) -> int:
        return store.write_now(lambda tx: tx.strategies(org_id).add_version("s", text)).version

    assert [save("one"), save("one"), save("two"), save("one")] == [1, 1, 2, 3]
    assert [one.version for one in store.read_now(lambda tx: tx.strategies(org_id).all())] == [3]
    assert store.read_now(lambda tx: tx.strategies(org_id).version("s", 2)).text == "two"


def test_a_code_keeps_all_its_properties(store: Store, org_id: OrgId) -> None:
    code = CustomCode(
        name="Söz verdi", description="d", is_rpc=True, is_success=True, is_closure=True, is_answer_machine=True, add_to_dnc=True,
        next_action=NextAction.STOP, active=False,
    )  # fmt: skip
    store.write_now(lambda tx: tx.codes(org_id).create(code))
    assert store.read_now(lambda tx: tx.codes(org_id).find("SÖZ VERDI")) == code


# What each repository says to somebody who asks for another organisation's row.
FOREIGN: dict[str, Callable[[Tx, OrgId, Job, ContactListId, ContactId], object]] = {
    "contact list by name": lambda tx, org, job, lst, one: tx.contact_lists(org).find("Donors"),
    "contact lists": lambda tx, org, job, lst, one: tx.contact_lists(org).all(),
    "sizes of lists": lambda tx, org, job, lst, one: tx.contact_lists(org).sizes(),
    "contact": lambda tx, org, job, lst, one: tx.contacts(org).get(one),
    "contact by the user's id": lambda tx, org, job, lst, one: tx.contacts(org).find(lst, "d0"),
    "contacts called": lambda tx, org, job, lst, one: tx.contacts(org).called("d0"),
    "contacts by number": lambda tx, org, job, lst, one: tx.contacts(org).with_number("+15550100100"),
    "contacts of a list": lambda tx, org, job, lst, one: tx.contacts(org).page(lst),
    "number of contacts": lambda tx, org, job, lst, one: tx.contacts(org).count(lst),
    "addresses": lambda tx, org, job, lst, one: tx.contacts(org).addresses_of([one])[one],
    "attribute names": lambda tx, org, job, lst, one: tx.contacts(org).attribute_names(one),
    "attribute": lambda tx, org, job, lst, one: tx.contacts(org).set_attribute(one, "city", "x"),
    "batch": lambda tx, org, job, lst, one: tx.contacts(org).upsert_batch(lst, [donor(0)]),
    "list attributes": lambda tx, org, job, lst, one: tx.contact_lists(org).set_attributes(lst, ["x"]),
    "dnc": lambda tx, org, job, lst, one: tx.dnc(org).listed(["+15550100666"]),
    "dnc page": lambda tx, org, job, lst, one: tx.dnc(org).page(),
    "dnc entry": lambda tx, org, job, lst, one: tx.dnc(org).get("+15550100666"),
    "dnc count": lambda tx, org, job, lst, one: tx.dnc(org).count(),
    "dnc removal": lambda tx, org, job, lst, one: tx.dnc(org).remove("+15550100666"),
    "code": lambda tx, org, job, lst, one: tx.codes(org).find("Interested"),
    "codes": lambda tx, org, job, lst, one: tx.codes(org).all(),
    "codes of a campaign": lambda tx, org, job, lst, one: tx.codes(org).of_campaign(job.campaign_id),
    "campaigns of a code": lambda tx, org, job, lst, one: tx.codes(org).campaigns_with("Interested"),
    "association": lambda tx, org, job, lst, one: tx.codes(org).associate(job.campaign_id, []),
    "code edit": lambda tx, org, job, lst, one: tx.codes(org).edit("Interested", CustomCode(name="Mine")),
    "strategy": lambda tx, org, job, lst, one: tx.strategies(org).find("s"),
    "strategies": lambda tx, org, job, lst, one: tx.strategies(org).all(),
    "strategy version": lambda tx, org, job, lst, one: tx.strategies(org).version("s", 1),
    "campaign": lambda tx, org, job, lst, one: tx.campaigns(org).get(job.campaign_id),
    "campaign by name": lambda tx, org, job, lst, one: tx.campaigns(org).by_name("Blood"),
    "campaigns": lambda tx, org, job, lst, one: tx.campaigns(org).all(),
    "lists of a campaign": lambda tx, org, job, lst, one: tx.campaigns(org).list_ids(job.campaign_id),
    "campaign with a foreign list": lambda tx, org, job, lst, one: tx.campaigns(org).create(campaign_for(org)),
    "job": lambda tx, org, job, lst, one: tx.jobs(org).get(job.id),
    "job for update": lambda tx, org, job, lst, one: tx.jobs(org).get_for_update(job.id),
    "jobs of a campaign": lambda tx, org, job, lst, one: tx.jobs(org).by_campaign(job.campaign_id),
    "open jobs": lambda tx, org, job, lst, one: tx.jobs(org).not_completed(),
    "jobs": lambda tx, org, job, lst, one: tx.jobs(org).all(),
    "job state": lambda tx, org, job, lst, one: tx.jobs(org).set_state(job.id, JobState.RUNNING, because="b", by="t"),
    "job pace": lambda tx, org, job, lst, one: tx.jobs(org).edit(job.id, pace=Pace(), definition=job.definition),
    "job codes": lambda tx, org, job, lst, one: tx.jobs(org).code_counts(job.id),
    "job totals": lambda tx, org, job, lst, one: tx.jobs(org).totals(job.id),
    "new job": lambda tx, org, job, lst, one: tx.jobs(org).create(job.definition, strategy_text="", list_ids=[], by="t"),
    "history": lambda tx, org, job, lst, one: tx.history(org).latest(job_id=job.id),
    "history page": lambda tx, org, job, lst, one: tx.history(org).page(),
}


def test_no_repository_sees_or_changes_another_organisations_rows(
    store: Store, org_id: OrgId, other_org: OrgId, list_id: ContactListId, job: Job
) -> None:
    def prepare(tx: Tx) -> ContactId:
        tx.dnc(org_id).add("+15550100666")
        tx.strategies(org_id).add_version("s", "text")
        return tx.contacts(org_id).page(list_id)[0].id

    contact_id = store.write_now(prepare)
    before = store.read_now(snapshot)
    for question, ask in FOREIGN.items():
        try:
            answer = store.write_now(lambda tx, ask=ask: ask(tx, other_org, job, list_id, contact_id))  # type: ignore[misc]
        except NotFound:
            answer = None
        assert not answer, question
        assert store.read_now(snapshot) == before, question


def snapshot(tx: Tx) -> list[object]:
    """Everything that the database holds."""
    tables = sa.inspect(tx.connection).get_table_names()
    return [sorted(map(repr, tx.connection.execute(sa.text(f"SELECT * FROM {name}")))) for name in tables]


def test_the_engines_view_of_jobs_spans_organisations(store: Store, org_id: OrgId, other_org: OrgId, job: Job) -> None:
    assert [one.id for one in store.read_now(lambda tx: tx.jobs(None).not_completed())] == [job.id]
    assert store.read_now(lambda tx: tx.jobs(None).get(JobId(job.id))).org_id == org_id


def test_an_instant_is_the_same_to_the_microsecond_on_every_database() -> None:
    stored = Instant()
    for micro in range(0, 1_000_000, 7919):
        at = datetime(2026, 11, 1, 5, 59, 59, micro, tzinfo=UTC)
        value = stored.process_bind_param(at, None)
        assert stored.process_result_value(value, None) == at
    with pytest.raises(ValueError, match="naive"):
        stored.process_bind_param(datetime(2026, 1, 1), None)  # noqa: DTZ001  the mistake itself
