"""Contacts are stored by the batch, and a batch that comes again harms nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from dialer.domain.contact import NewAddress, NewContact, Upserted
from dialer.domain.ids import ContactListId, OrgId
from dialer.store.store import Store, Tx
from tests.campaign_texts import donor

pytestmark = pytest.mark.integration


@pytest.fixture
def list_id(store: Store, org_id: OrgId) -> ContactListId:
    """A list with three contacts."""

    def work(tx: Tx) -> ContactListId:
        made = tx.contact_lists(org_id).create("Donors", ["city", "donor"])
        tx.contacts(org_id).upsert_batch(made.id, [donor(index) for index in range(3)])
        return made.id

    return store.write_now(work)


def test_a_batch_of_contacts_is_kept_with_addresses_in_their_order(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    found = store.read_now(lambda tx: tx.contacts(org_id).page(list_id))
    assert [one.user_contact_id for one in found] == ["d0", "d1", "d2"]
    assert [address.name for address in found[0].addresses] == ["mobile", "home"]
    assert found[0].addresses[0].zones == ("America/New_York", "America/Toronto")
    assert found[0].attributes == {"city": "Ankara"}


@pytest.mark.row(93)
def test_updating_keeps_what_a_row_does_not_name(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    def work(tx: Tx) -> Upserted:
        contacts = tx.contacts(org_id)
        contacts.set_attribute(contacts.page(list_id)[1].id, "donor", "yes")
        again = replace(donor(1, city="Izmir"), addresses=(NewAddress(name="mobile", value="+15550100999"),))
        return contacts.upsert_batch(list_id, [again, donor(7)])

    assert store.write_now(work) == Upserted(inserted=1, updated=1)
    found = store.read_now(lambda tx: tx.contacts(org_id).find(list_id, "d1"))
    assert found is not None
    assert found.attributes == {"city": "Izmir", "donor": "yes"}
    assert {address.name: address.value for address in found.addresses} == {"mobile": "+15550100999", "home": "+15550100201"}


def test_an_empty_address_removes_the_one_of_that_name(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    emptied = replace(donor(1), addresses=(NewAddress(name="home", value=""),))
    store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, [emptied]))
    found = store.read_now(lambda tx: tx.contacts(org_id).find(list_id, "d1"))
    assert found is not None
    assert [address.name for address in found.addresses] == ["mobile"]


@pytest.mark.row(93)
def test_ignoring_duplicates_leaves_contacts_as_they_are(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    rows = [donor(0, city="Izmir"), donor(8, city="first"), donor(8, city="second")]
    counts = store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, rows, "ignore"))
    assert counts == Upserted(inserted=1, ignored=2)
    cities = {one.user_contact_id: one.attributes["city"] for one in store.read_now(lambda tx: tx.contacts(org_id).page(list_id))}
    assert cities == {"d0": "Ankara", "d1": "Ankara", "d2": "Ankara", "d8": "first"}


def test_of_two_rows_with_one_id_the_later_wins_an_update(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    rows = [donor(8, city="first"), donor(8, city="second")]
    assert store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, rows)) == Upserted(inserted=1, updated=1)
    found = store.read_now(lambda tx: tx.contacts(org_id).find(list_id, "d8"))
    assert found is not None
    assert found.attributes["city"] == "second"


def test_contacts_are_found_by_the_users_id_and_by_number(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    assert [one.user_contact_id for one in store.read_now(lambda tx: tx.contacts(org_id).called("d2"))] == ["d2"]
    assert [one.user_contact_id for one in store.read_now(lambda tx: tx.contacts(org_id).with_number("+15550100201"))] == ["d1"]
    assert store.read_now(lambda tx: tx.contact_lists(org_id).sizes()) == {list_id: 3}


def test_a_batch_of_thousands_takes_one_unit(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    rows = [NewContact(user_contact_id=f"u{i}", addresses=(NewAddress(name="m", value=f"+1777{i:07d}"),)) for i in range(5000)]
    assert store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, rows)).inserted == 5000
    assert store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, rows)).updated == 5000
    assert store.read_now(lambda tx: tx.contacts(org_id).count(list_id)) == 5003


def test_an_address_that_is_named_twice_in_a_row_is_the_later_one(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    twice = tuple(NewAddress(name="mobile", value=value) for value in ("+15550100301", "+15550100302"))
    store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, [replace(donor(9), addresses=twice)]))
    found = store.read_now(lambda tx: tx.contacts(org_id).find(list_id, "d9"))
    assert found is not None
    assert [address.value for address in found.addresses] == ["+15550100302"]


def _upserted(org_id: OrgId, list_id: ContactListId, part: list[NewContact], tx: Tx) -> Upserted:
    return tx.contacts(org_id).upsert_batch(list_id, part)


def test_two_imports_of_one_list_at_once_put_each_contact_on_it_once(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    other = Store(store.url.render_as_string(hide_password=False))
    many = [donor(index) for index in range(100, 1600)]

    def put(into: Store) -> int:
        done = 0
        for begin in range(0, len(many), 100):
            part = many[begin : begin + 100]
            upserted = into.write_now(partial(_upserted, org_id, list_id, part))
            done += upserted.inserted + upserted.updated
        return done

    try:
        with ThreadPoolExecutor(2) as both:
            assert list(both.map(put, (store, other))) == [len(many)] * 2
    finally:
        other.close_now()
    people = store.read_now(lambda tx: tx.contacts(org_id).page(list_id, limit=5000))
    assert {one.user_contact_id for one in people[3:]} == {one.user_contact_id for one in many}
    assert len(people) == 3 + len(many)
    assert all(len(one.addresses) == len(many[0].addresses) for one in people[3:])


def test_whatever_a_text_holds_comes_back_as_it_was(store: Store, org_id: OrgId, list_id: ContactListId) -> None:
    odd = ("\\N", "a\tb", "a\nb\r\n", "\\.", '"q"', "'", "{}", "ü İ 漢 \U0001f4de", "\\\\t", "%s :x $1 ?", " ")
    rows = [
        NewContact(
            user_contact_id=f"id {text}",
            attributes={"note": text, text: "key"},
            addresses=(NewAddress(name=text, value=text, zones=("UTC", "Europe/Paris")),),
        )
        for text in odd
    ]
    for _ in ("new", "there already"):
        store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(list_id, rows))
        people = store.read_now(lambda tx: tx.contacts(org_id).page(list_id))[3:]
        assert [(one.user_contact_id, one.attributes) for one in people] == [
            (row.user_contact_id, row.attributes) for row in rows
        ]
        kept = [(one.name, one.value, one.zones) for person in people for one in person.addresses]
        assert kept == [(text, text, ("UTC", "Europe/Paris")) for text in odd]
