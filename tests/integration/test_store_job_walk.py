"""A job walks its lists through an index: filtered, sorted, each contact once, and late comers too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from dialer.domain.campaign import Campaign, JobState
from dialer.domain.contact import NewContact
from dialer.domain.filter import Compare, Comparison, Filter, Sort
from dialer.domain.ids import CampaignId, ContactId, ContactListId, JobId, OrgId
from dialer.store.store import Store, Tx
from dialer.store.tables import job_contacts

pytestmark = [pytest.mark.integration, pytest.mark.row(81)]

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PEOPLE: dict[str, dict[str, str]] = {
    "ann": {"city": "Ankara", "age": "41"},
    "bob": {"city": "Bursa", "age": "9"},
    "cem": {"city": "ankara", "age": "100"},
    "dia": {"city": "", "age": "x"},
    "eve": {"age": "9.5"},
    "fay": {"city": "50%_off", "age": "-3"},
}


def put(tx: Tx, org_id: OrgId, people: Mapping[str, dict[str, str]], name: str = "people") -> ContactListId:
    made = tx.contact_lists(org_id).ensure(name, ["city", "age"])
    rows = [NewContact(user_contact_id=one, attributes=attributes) for one, attributes in people.items()]
    tx.contacts(org_id).upsert_batch(made.id, rows)
    return made.id


def make_job(tx: Tx, org_id: OrgId, chosen: Filter, order: Sort | None, lists: Sequence[str] = ("people",)) -> JobId:
    found = tx.campaigns(org_id).all()
    new = Campaign(
        id=CampaignId(0),
        org_id=org_id,
        name=f"C{len(found)}",
        strategy="x",
        contact_lists=tuple(lists),
        filter=chosen,
        sort=order,
    )
    campaign = tx.campaigns(org_id).create(new)
    list_ids = tx.campaigns(org_id).list_ids(campaign.id)
    return tx.jobs(org_id).create(campaign, strategy_text="x", list_ids=list_ids, by="test").id


def walked(store: Store, org_id: OrgId, job_id: JobId, *, step: int = 2, now: datetime = NOW) -> list[str]:
    """Claim until nobody is left; give their ids in the order of the claims."""

    def work(tx: Tx) -> list[str]:
        claims = tx.job_contacts.claim_due(job_id, limit=step, now=now, owner="n", lease_until=NOW)
        return [tx.contacts(org_id).get(one.contact_id).user_contact_id for one in claims]

    found: list[str] = []
    while part := store.write_now(work):
        found += part
    return found


def chosen(attribute: str, compare: str, *values: str, numeric: bool = False) -> Filter:
    return Filter(any_of=((Comparison(attribute=attribute, compare=Compare(compare), values=values, numeric=numeric),),))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (chosen("city", "=", "ANKARA"), "ann cem"),
        (chosen("city", "!=", "ankara"), "bob fay"),  # those without a city fit neither
        (chosen("city", "like", "*ka?a"), "ann cem"),
        (chosen("city", "like", "50%_*"), "fay"),  # SQL's own wildcards are ordinary characters
        (chosen("city", "not like", "a*"), "bob fay"),
        (chosen("city", "in", "bursa", "Ankara"), "ann bob cem"),
        (chosen("city", "not in", "bursa", "Ankara"), "fay"),
        (chosen("city", "is null"), "dia eve"),
        (chosen("city", "is not null"), "ann bob cem fay"),
        (chosen("age", "between", "9", "41", numeric=True), "ann bob eve"),
        (chosen("age", ">", "41", numeric=True), "cem"),
        (chosen("age", "<=", "9", numeric=True), "bob fay"),
        (chosen("age", "is null", numeric=True), "dia"),
        (chosen("contact_id", ">=", "EVE"), "eve fay"),
        (chosen("language", "=", "en"), "ann bob cem dia eve fay"),
        (chosen("o'dd \\ %na:me", "is not null"), ""),  # an attribute's name is never a piece of SQL
    ],
)
def test_only_contacts_that_fit_are_called(store: Store, org_id: OrgId, condition: Filter, expected: str) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, PEOPLE)
        return make_job(tx, org_id, condition, None)

    job_id = store.write_now(work)
    assert " ".join(walked(store, org_id, job_id)) == expected
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert (totals.contacts, totals.untouched, totals.excluded) == (6, 0, 6 - len(expected.split()))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Sort(attribute="city"), "dia eve fay ann bob cem"),  # by character code: capitals come first
        (Sort(attribute="city", descending=True), "cem bob ann fay eve dia"),
        (Sort(attribute="age", numeric=True), "dia fay bob eve ann cem"),
        (Sort(attribute="age", numeric=True, descending=True), "cem ann eve bob fay dia"),
        (Sort(attribute="language"), "ann bob cem dia eve fay"),  # one key for all: as imported
    ],
)
@pytest.mark.parametrize("step", [1, 4])
def test_contacts_come_in_the_order_asked_for(store: Store, org_id: OrgId, order: Sort, expected: str, step: int) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, PEOPLE)
        return make_job(tx, org_id, Filter(), order)

    job_id = store.write_now(work)
    assert " ".join(walked(store, org_id, job_id, step=step)) == expected


def test_an_order_holds_across_lists_and_late_comers_follow(store: Store, org_id: OrgId) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, {"a": {"age": "3"}, "b": {"age": "1"}}, "first")
        put(tx, org_id, {"c": {"age": "2"}, "d": {"age": "4"}}, "second")
        return make_job(
            tx, org_id, chosen("age", "<", "4", numeric=True), Sort(attribute="age", numeric=True), ("first", "second")
        )

    job_id = store.write_now(work)
    assert walked(store, org_id, job_id) == ["b", "c", "a"]
    store.write_now(lambda tx: put(tx, org_id, {"e": {"age": "0"}, "f": {"age": "9"}}, "first"))
    assert store.read_now(lambda tx: tx.job_contacts.has_untouched(job_id))
    assert walked(store, org_id, job_id) == ["e"]
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert (totals.contacts, totals.untouched, totals.excluded) == (6, 0, 2)


def test_an_overlooked_contact_is_found_before_the_end(store: Store, org_id: OrgId) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, PEOPLE)
        return make_job(tx, org_id, chosen("city", "=", "Bursa"), None)

    job_id = store.write_now(work)
    assert walked(store, org_id, job_id) == ["bob"]
    assert not store.read_now(lambda tx: tx.job_contacts.overlooked(job_id)).contacts
    store.write_now(lambda tx: put(tx, org_id, {"ann": {"city": "Bursa"}}))
    found = store.read_now(lambda tx: tx.job_contacts.overlooked(job_id)).contacts
    assert len(found) == 1
    assert store.write_now(lambda tx: tx.job_contacts.take_overlooked(job_id, found)) == 1
    assert store.write_now(lambda tx: tx.job_contacts.take_overlooked(job_id, found)) == 0, "each contact once"
    assert walked(store, org_id, job_id, now=datetime.now(UTC)) == ["ann"]
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert (totals.contacts, totals.untouched, totals.excluded) == (6, 0, 4)


def test_only_what_has_changed_is_looked_at_again_and_a_filter_on_the_history_looks_at_everybody(
    store: Store, org_id: OrgId
) -> None:
    now = datetime.now(UTC)
    store._now = lambda: now - timedelta(hours=3)
    store.write_now(lambda tx: put(tx, org_id, PEOPLE))
    store._now = lambda: now
    by_city = store.write_now(lambda tx: make_job(tx, org_id, chosen("city", "=", "Bursa"), None))
    by_history = store.write_now(lambda tx: make_job(tx, org_id, chosen("total_attempts", "=", "0", numeric=True), None))
    assert walked(store, org_id, by_city) == ["bob"]
    assert len(walked(store, org_id, by_history)) == 6

    def forget(tx: Tx) -> None:  # as if the walk had passed all of them, and nobody had been taken
        tx.connection.execute(sa.delete(job_contacts))

    store.write_now(forget)
    assert not store.read_now(lambda tx: tx.job_contacts.overlooked(by_city)).contacts, "nobody has changed since it began"
    assert len(store.read_now(lambda tx: tx.job_contacts.overlooked(by_history)).contacts) == 6
    store.write_now(lambda tx: put(tx, org_id, {"bob": {"age": "10"}}))
    assert len(store.read_now(lambda tx: tx.job_contacts.overlooked(by_city)).contacts) == 1


@pytest.mark.parametrize("order", [None, Sort(attribute="age", numeric=True)])
def test_contacts_that_are_deleted_leave_the_count_of_the_place_where_they_stood(
    store: Store, org_id: OrgId, order: Sort | None
) -> None:
    def work(tx: Tx) -> tuple[JobId, list[ContactId]]:
        list_id = put(tx, org_id, {f"p{index}": {"age": f"{index:02d}", "odd": str(index % 2)} for index in range(12)})
        people = [one.id for one in tx.contacts(org_id).page(list_id, limit=20)]
        return make_job(tx, org_id, chosen("odd", "=", "1"), order), people

    job_id, people = store.write_now(work)
    store.write_now(lambda tx: tx.job_contacts.claim_due(job_id, limit=3, now=NOW, owner="n", lease_until=NOW))

    def counted() -> tuple[int, int, int, int]:
        totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
        return totals.claimed, totals.finished, totals.excluded, totals.untouched

    assert counted() == (3, 0, 3, 6)
    store.write_now(lambda tx: tx.contact_rules(org_id).remove([people[0]]))  # left out by the filter
    assert counted() == (3, 0, 2, 6)
    store.write_now(lambda tx: tx.contact_rules(org_id).remove([people[1], people[8]]))  # claimed; not looked at yet
    assert counted() == (2, 1, 2, 5)
    walked(store, org_id, job_id)
    assert counted() == (5, 1, 4, 0)


def test_a_contact_that_changes_its_place_in_a_sorted_walk_is_counted_once(store: Store, org_id: OrgId) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, {f"p{index}": {"age": str(index)} for index in range(10)})
        return make_job(tx, org_id, chosen("age", ">=", "5", numeric=True), Sort(attribute="age", numeric=True))

    job_id = store.write_now(work)
    (first,) = store.write_now(lambda tx: tx.job_contacts.claim_due(job_id, limit=1, now=NOW, owner="n", lease_until=NOW))
    assert store.read_now(lambda tx: tx.contacts(org_id).get(first.contact_id)).user_contact_id == "p5"
    store.write_now(lambda tx: put(tx, org_id, {"p1": {"age": "7.5"}, "p9": {"age": "0"}, "p8": {"age": "2"}}))
    assert walked(store, org_id, job_id) == ["p6", "p7", "p1"], "left out at first, it comes by its new age"
    assert not store.read_now(lambda tx: tx.job_contacts.overlooked(job_id)).contacts
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert (totals.contacts, totals.claimed, totals.untouched, totals.excluded) == (10, 4, 0, 6)


def test_a_recycled_job_calls_those_who_ended_with_a_code(store: Store, org_id: OrgId) -> None:
    def work(tx: Tx) -> JobId:
        put(tx, org_id, PEOPLE)
        job_id = make_job(tx, org_id, Filter(), None)
        for index, one in enumerate(tx.job_contacts.claim_due(job_id, limit=9, now=NOW, owner="n", lease_until=NOW)):
            code = "Call Busy" if index % 2 else "Answer Human"
            tx.job_contacts.finish(job_id, one.contact_id, at=NOW, because="", last_code=code)
        tx.jobs(None).set_state(job_id, JobState.COMPLETED, because="", by="test")
        job = tx.jobs(None).get(job_id)
        codes = ["Call Busy", "No Input"]
        made = tx.jobs(org_id).create(
            job.definition,
            strategy_text="x",
            list_ids=tx.campaigns(org_id).list_ids(job.campaign_id),
            by="test",
            recycled_from=job_id,
            recycled_codes=codes,
        )
        return made.id

    job_id = store.write_now(work)
    assert walked(store, org_id, job_id) == ["bob", "dia", "fay"]


def test_a_claim_reads_a_bounded_part_of_the_index(store: Store, org_id: OrgId) -> None:
    order = Sort(attribute="age", numeric=True)

    def work(tx: Tx) -> JobId:
        put(tx, org_id, {f"p{index}": {"age": str(index % 3)} for index in range(5000)})
        return make_job(tx, org_id, chosen("age", "=", "nobody"), order)

    job_id = store.write_now(work)
    claims = store.write_now(lambda tx: tx.job_contacts.claim_due(job_id, limit=5, now=NOW, owner="n", lease_until=NOW))
    assert claims == []
    totals = store.read_now(lambda tx: tx.jobs(None).totals(job_id))
    assert totals.excluded == 4000, "it stops after a while, and goes on at the next claim"
    plan = store.read_now(lambda tx: plan_of_sorted_step(tx, order))
    assert "ix_contacts_sort_" in plan


def plan_of_sorted_step(tx: Tx, order: Sort) -> str:
    """Ask the database how it would read the next contacts in this order."""
    from sqlalchemy import select, text

    from dialer.store.contact_filter import sort_key
    from dialer.store.tables import contacts

    dialect = tx.connection.dialect
    key = sort_key(order, dialect.name)
    query = select(contacts.c.id).where(contacts.c.list_id == 1, key > 1).order_by(key, contacts.c.id).limit(5)
    said = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace(":", "\\:").replace("%%", "%")
    if dialect.name == "postgresql":
        tx.connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(tx.connection.scalars(text(f"EXPLAIN {said}")))
    return "\n".join(row[3] for row in tx.connection.execute(text(f"EXPLAIN QUERY PLAN {said}")))
