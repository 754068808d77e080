"""Contacts that are excluded, deleted or added while a job runs; imports with every check on, counted to the last number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.domain.attributes import AttributeType
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.domain.phone_checks import PhoneFormat
from dialer.errors import BadInput, NotFound
from dialer.services.contacts import (
    add_to_job,
    change_phone_checks,
    define_attribute,
    delete_contact,
    exclude_contact,
    include_contact,
)
from dialer.services.dnc import add_to_dnc
from dialer.services.import_file import ImportOptions, import_file
from dialer.store.store import Store, Tx
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def launch(store: Store, org_id: OrgId) -> Launch:
    """A running job over three donors."""
    return await Launch.ready(store, org_id)


@pytest.mark.row(94)
async def test_an_excluded_contact_is_dropped_by_a_running_job_until_the_exclusion_ends(
    store: Store, org_id: OrgId, launch: Launch
) -> None:
    claims = await launch.claim(NOW)
    ends = await exclude_contact(store, org_id, "Donors", "d0", days=1, zone="Europe/Istanbul", now=NOW)
    assert ends == datetime(2026, 5, 11, 21, tzinfo=UTC)
    assert [one.address for one in (await launch.commit(claims, NOW)).to_place] == ["+15550100001", "+15550100002"]
    for attempt in launch.attempts():
        await launch.end(attempt.id, "Fax Machine", NOW)
    later = await Launch.ready(store, org_id, name="Later")
    assert len((await later.run(ends)).to_place) == 3
    assert await include_contact(store, org_id, "Donors", "d0")
    with pytest.raises(BadInput):
        await exclude_contact(store, org_id, "Donors", "d0", now=NOW)


@pytest.mark.row(99)
async def test_a_deleted_contact_is_not_dialled_whether_untouched_claimed_or_waiting_for_a_retry(
    store: Store, org_id: OrgId, launch: Launch
) -> None:
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Call Busy", NOW)  # d0 waits for its retry
    claims = await launch.claim(NOW, 1)  # d1 is claimed, d2 untouched
    for user in ("d0", "d1", "d2"):
        await delete_contact(store, org_id, "Donors", user)
    assert not (await launch.commit(claims, NOW)).to_place
    assert not (await launch.run(NOW + HOUR)).to_place
    kept = store.read_now(lambda tx: tx.history(org_id).page())
    assert [(one.attempt.address, one.user_contact_id.split()[0]) for one in kept] == [("+15550100000", "deleted")]
    with pytest.raises(NotFound):
        await delete_contact(store, org_id, "Donors", "d0")


async def test_a_contact_of_another_list_is_added_to_a_running_job_once(store: Store, org_id: OrgId, launch: Launch) -> None:
    friend = NewContact(user_contact_id="f", addresses=(NewAddress(name="mobile", value="+15550109999", zones=("UTC",)),))

    def put(tx: Tx) -> None:
        tx.contacts(org_id).upsert_batch(tx.contact_lists(org_id).create("Friends").id, [friend])

    store.write_now(put)
    assert await add_to_job(store, org_id, "Blood", "Friends", "f")
    assert not await add_to_job(store, org_id, "Blood", "Friends", "f")
    assert not await add_to_job(store, org_id, "Blood", "Donors", "d2"), "the job comes to it by itself"
    assert "+15550109999" in [one.address for one in (await launch.run(datetime.now(UTC) + HOUR)).to_place]


CSV = """id,mobile,age
1,+12125550100,40
2,+12120000000,41
3,+902125550,42
4,+12125550104,43
5,+12125550105,old
1,+12125550100,44
"""


@pytest.mark.row(90, 96, 97)
async def test_every_counter_of_an_import_is_exact(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    await define_attribute(store, org_id, "Age", kind=AttributeType.INTEGER)
    await change_phone_checks(store, org_id, add_format=PhoneFormat(calling_code="90", min_length=10, max_length=10))
    await add_to_dnc(store, org_id, "+12125550104")
    options = ImportOptions(check_patterns=True, check_formats=True, check_dnc=True)
    done = import_file(store, org_id, file, "People", options)
    assert (done.processed, done.inserted, done.updated, done.ignored, done.rejected) == (6, 2, 1, 0, 3)
    assert (done.matched_pattern, done.format_failed, done.matched_dnc, done.deleted) == (1, 1, 1, 0)
    again = import_file(store, org_id, file, "People", ImportOptions(on_duplicate="ignore", delete_first=True))
    assert (again.deleted, again.inserted, again.ignored) == (2, 4, 1)
    people = await store.read(lambda tx: tx.contact_lists(org_id).by_name("People"))
    assert await store.read(lambda tx: tx.contacts(org_id).count(people.id)) == 4


@pytest.mark.row(91)
async def test_unknown_attributes_are_added_or_refused(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,mobile\n1,+12125550100\n")
    import_file(store, org_id, file, "People")
    file.write_text("id,mobile,shoe_size\n1,+12125550100,43\n")
    with pytest.raises(BadInput, match="shoe_size"):
        import_file(store, org_id, file, "People", ImportOptions(new_attributes="refuse"))
    assert import_file(store, org_id, file, "People").updated == 1
