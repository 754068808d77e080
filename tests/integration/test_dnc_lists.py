"""DNC lists bind the campaigns that they should, and no call passes them, however late an entry was made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.domain.dnc import DncKind
from dialer.domain.ids import ContactId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.services.dnc import Onto, add_to_dnc, remove_from_dnc
from dialer.services.dnc_groups import (
    create_dnc_list,
    dnc_groups,
    dnc_lists,
    drop_dnc_list,
    save_dnc_group,
    set_campaign_dnc,
)
from dialer.services.dnc_import import import_dnc
from dialer.store.store import Store
from dialer.store.tx import Tx
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)


@pytest.fixture
async def launch(store: Store, org_id: OrgId) -> Launch:
    """A running job over three donors."""
    return await Launch.ready(store, org_id)


@pytest.mark.row(102)
@pytest.mark.parametrize(
    ("kind", "value"), [(DncKind.ADDRESS, "+15550100000"), (DncKind.CONTACT, "d0"), (DncKind.CUSTOMER, "K-0")]
)
async def test_an_address_a_contact_and_a_customer_can_be_barred(launch: Launch, kind: DncKind, value: str) -> None:
    await add_to_dnc(launch.store, launch.org_id, value, kind=kind)
    await launch.run(NOW)
    assert launch.codes() == {"d0": "Restricted DNC", "d1": None, "d2": None}


@pytest.mark.row(104)
async def test_an_entry_made_after_the_claim_is_still_obeyed(launch: Launch) -> None:
    claims = await launch.claim(NOW)
    await add_to_dnc(launch.store, launch.org_id, "+15550100001")
    await launch.commit(claims, NOW)
    assert launch.codes()["d1"] == "Restricted DNC"


@pytest.mark.row(103)
async def test_the_common_list_and_the_organisations_own_bind_every_campaign(launch: Launch) -> None:
    await add_to_dnc(launch.store, launch.org_id, "+15550100000", onto=Onto(common=True))
    await add_to_dnc(launch.store, launch.org_id, "+15550100001")
    await launch.run(NOW)
    assert [one for one, code in launch.codes().items() if code == "Restricted DNC"] == ["d0", "d1"]


async def test_another_organisations_list_binds_nobody_here(launch: Launch) -> None:
    other = launch.store.write_now(lambda tx: tx.organisations.create("somebody else"))
    await add_to_dnc(launch.store, other, "+15550100000")
    await launch.run(NOW)
    assert set(launch.codes().values()) == {None}


async def test_a_named_list_binds_the_campaigns_of_its_groups_only(launch: Launch) -> None:
    store, org = launch.store, launch.org_id
    await create_dnc_list(store, org, "Asked in May")
    await add_to_dnc(store, org, "+15550100000", onto=Onto(name="asked in may"))
    numbers = ["+15550100000"]
    assert not store.read_now(lambda tx: tx.dnc(org).listed(numbers, campaign_id=launch.job.campaign_id))
    await save_dnc_group(store, org, "Donors' wishes", ["ASKED IN MAY"])
    await set_campaign_dnc(store, org, "Blood", ["donors' wishes"])
    assert [one.campaigns for one in await dnc_groups(store, org)] == [("Blood",)]
    await launch.run(NOW)
    assert launch.codes()["d0"] == "Restricted DNC"
    with pytest.raises(Conflict, match="in a group"):
        await drop_dnc_list(store, org, "Asked in May")


@pytest.mark.row(101)
async def test_a_timed_entry_ends_by_itself_and_adding_again_never_shortens_it(launch: Launch) -> None:
    store, org = launch.store, launch.org_id
    hour = timedelta(hours=1)

    def listed(at: datetime) -> bool:
        return bool(store.read_now(lambda tx: tx.dnc(org).listed(["+15550100000"], now=at)))

    def add(ends_at: datetime | None, at: datetime) -> bool:
        return store.write_now(lambda tx: tx.dnc(org).add("+15550100000", ends_at=ends_at, now=at))

    assert add(NOW + 2 * hour, NOW)
    assert not add(NOW + hour, NOW)
    assert listed(NOW + 2 * hour - timedelta(microseconds=1))
    assert not listed(NOW + 2 * hour)
    assert add(NOW + 4 * hour, NOW + 3 * hour), "the old entry was over"
    assert not add(None, NOW + 3 * hour)
    assert listed(NOW + timedelta(days=9999))


@pytest.mark.row(100)
async def test_there_are_limits_to_lists_and_groups(launch: Launch) -> None:
    store, org = launch.store, launch.org_id

    def two_hundred(tx: Tx) -> None:
        for index in range(200):
            tx.dnc(org).create_list(f"L{index}")
            tx.dnc(org).save_group(f"G{index}", [f"L{index}"])

    store.write_now(two_hundred)
    with pytest.raises(Conflict, match="200 DNC lists"):
        await create_dnc_list(store, org, "one more")
    with pytest.raises(Conflict, match="200 DNC groups"):
        await save_dnc_group(store, org, "one more", [])
    with pytest.raises(Conflict, match="at most 5 lists"):
        await save_dnc_group(store, org, "G0", [f"L{index}" for index in range(6)])
    with pytest.raises(Conflict, match="at most 5 DNC groups"):
        await set_campaign_dnc(store, org, "Blood", [f"G{index}" for index in range(6)])
    assert len(await dnc_lists(store, org)) == 200


async def test_an_import_keeps_good_lines_tells_bad_ones_and_may_be_repeated(launch: Launch, tmp_path: Path) -> None:
    file = tmp_path / "dnc.csv"
    lines = ["number,why\n", "+15550100000,asked\n", "not one\n", "12\n", '"+1 555 010 0001"\n', "# by letter\n", "a@b.example\n"]
    file.write_text("".join(lines))
    done = import_dnc(launch.store, launch.org_id, file)
    assert (done.added, done.already, [line for line, _, _ in done.first_rejected]) == (3, 0, [3, 4])
    again = import_dnc(launch.store, launch.org_id, file)
    assert (again.added, again.already) == (0, 3)


async def test_what_is_not_listed_cannot_be_removed(launch: Launch) -> None:
    with pytest.raises(NotFound):
        await remove_from_dnc(launch.store, launch.org_id, "+15550100000")
    with pytest.raises(NotFound):
        await add_to_dnc(launch.store, launch.org_id, "+15550100000", onto=Onto(name="nowhere"))


async def test_the_check_of_a_batch_costs_little_with_a_long_list(launch: Launch) -> None:
    store, org = launch.store, launch.org_id
    many = [(f"+1777{index:07d}", "x") for index in range(20_000)]
    store.write_now(lambda tx: tx.dnc(org).add_many(many))
    owned = store.read_now(lambda tx: tx.contacts(org).addresses_of([ContactId(one) for one in range(1, 4)]))

    def check(tx: Tx) -> str:
        tx.dnc(org).listed_for(owned, campaign_id=launch.job.campaign_id, now=NOW)
        if tx.connection.dialect.name != "sqlite":
            return "SEARCH"
        plan = "EXPLAIN QUERY PLAN SELECT 1 FROM dnc_entries WHERE list_id IN (1, 2) AND value IN ('a', 'b') AND kind = 'address'"
        return str(tx.connection.exec_driver_sql(plan).all())

    assert "SEARCH" in store.read_now(check), "through an index, not by reading the list"
