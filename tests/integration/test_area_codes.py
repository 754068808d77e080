"""The area-code table in either database: kept, locked, imported, and asked before what a number alone tells."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.area_code_import import AreaCodeImport, import_area_codes
from dialer.services.area_codes import (
    add_area_code,
    area_code,
    list_area_codes,
    lock_area_code,
    remove_area_code,
)
from dialer.services.import_file import ImportOptions, import_file
from dialer.store.store import Store

pytestmark = pytest.mark.integration

PEOPLE = """id,mobile,home,time_zone
1,(205) 555-0100,+442079460958,
2,(207) 555-0100,,America/Denver
3,2085550100,,
4,(303) 555-0100,,
5,+16025550100,,
"""


@pytest.fixture
def other_org(store: Store, org_id: OrgId) -> OrgId:
    """Another organisation."""
    return store.write_now(lambda tx: tx.organisations.ensure("other"))


def zones_of(store: Store, org_id: OrgId, name: str) -> dict[str, tuple[str, ...]]:
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name(name))
    people = store.read_now(lambda tx: tx.contacts(org_id).page(found.id))
    return {f"{person.user_contact_id} {one.name}": one.zones for person in people for one in person.addresses}


async def table_of(store: Store, org_id: OrgId) -> list[str]:
    rows = await list_area_codes(store, org_id)
    return [f"+{row.calling_code} {row.digits} {row.zone}{' locked' if row.locked else ''}" for row in rows]


@pytest.mark.row(98)
async def test_the_table_goes_before_the_number_and_behind_the_contacts_own_zone(
    store: Store, org_id: OrgId, other_org: OrgId, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    for digits, zone in (("205-209", "America/Chicago"), ("208", "America/Los_Angeles"), ("602", "America/Hermosillo")):
        await add_area_code(store, org_id, area_code("1", digits, zone))
    import_file(store, org_id, file, "People")
    assert zones_of(store, org_id, "People") == {
        "1 mobile": ("America/Chicago",),
        "1 home": ("Europe/London",),  # another country: the number tells
        "2 mobile": ("America/Denver",),  # the contact's own
        "3 mobile": ("America/Los_Angeles",),  # a row inside the range
        "4 mobile": ("America/Denver",),  # no row: the number tells
        "5 mobile": ("America/Hermosillo",),
    }
    import_file(store, other_org, file, "People")
    assert zones_of(store, other_org, "People")["5 mobile"] == ("America/Phoenix",), "another organisation's table"

    def asked(number: str) -> str:
        return store.read_now(lambda tx: tx.area_codes(org_id).zone_of(number))

    assert [asked(one) for one in ("+12055550100", "+12085550100", "+13035550100", "+442055550100")] == [
        "America/Chicago",
        "America/Los_Angeles",
        "",
        "",
    ]


@pytest.mark.row(98)
async def test_what_is_locked_survives_an_import(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await add_area_code(store, org_id, area_code("1", "205-209", "America/Chicago", locked=True))
    await add_area_code(store, org_id, area_code("1", "212", "America/Chicago"))
    await add_area_code(store, org_id, area_code("1", "999", "UTC"))
    rows = [
        ["Area Code", "State", "Time Zone", "DST", "Locked"],
        ["205 - 209", "Alabama", "America/New_York", "yes", ""],  # the locked row itself
        ["207", "Maine", "America/New_York", "yes", ""],  # inside it
        ["2071", "Maine", "America/New_York", "yes", ""],  # longer, and inside it
        ["203-210", "", "America/Denver", "yes", ""],  # around it: the locked one is narrower
        ["208-215", "", "America/Denver", "yes", ""],  # across it
        ["212", "New York", "America/New_York", "yes", "yes"],
        ["602", "Arizona", "America/Phoenix", "no", ""],
        ["604", "", "America/Phoenix", "yes", ""],  # the clocks do not change there
        ["602", "", "America/Denver", "", ""],
        ["6o3", "", "America/Denver", "", ""],
        ["605", "", "Dakota", "", ""],
    ]
    file, errors = tmp_path / "codes.csv", tmp_path / "errors.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=";").writerows(rows)
    done = await import_area_codes(store, org_id, file, errors_to=errors)
    assert done == AreaCodeImport(rows=11, added=2, changed=1, kept_locked=3, rejected=5, errors_file=errors)
    assert await table_of(store, org_id) == [
        "+1 203-210 America/Denver",
        "+1 205-209 America/Chicago locked",
        "+1 212 America/New_York locked",
        "+1 602 America/Phoenix",
        "+1 999 UTC",
    ]
    with errors.open(newline="", encoding="utf-8") as told:
        reasons = {int(one["line"]): one["reason"] for one in csv.DictReader(told)}
    assert sorted(reasons) == [6, 9, 10, 11, 12]
    assert "crosses 205-209" in reasons[6]
    assert "do not change in America/Phoenix" in reasons[9]

    again = await import_area_codes(store, org_id, file, replace_all=True)
    assert (again.added, again.changed, again.same, again.kept_locked, again.removed) == (0, 0, 3, 3, 1)
    assert "+1 999 UTC" not in await table_of(store, org_id)

    await lock_area_code(store, org_id, "1", "205-209", locked=False)
    unlocked = await import_area_codes(store, org_id, file)
    assert (unlocked.changed, unlocked.added, unlocked.kept_locked) == (1, 2, 0)


@pytest.mark.row(98)
async def test_rows_are_added_changed_locked_and_removed(store: Store, org_id: OrgId) -> None:
    assert await add_area_code(store, org_id, area_code("90", "212", "Europe/Istanbul", state="İstanbul"))
    assert not await add_area_code(store, org_id, area_code("+90", "212", "Asia/Nicosia"))
    assert await add_area_code(store, org_id, area_code("1", "205-209", "America/Chicago"))
    with pytest.raises(Conflict, match="crosses 205-209"):
        await add_area_code(store, org_id, area_code("1", "207-212", "America/Denver"))
    assert (await lock_area_code(store, org_id, "90", "212", locked=True)).locked
    assert [row.digits for row in await list_area_codes(store, org_id, "+90")] == ["212"]
    await remove_area_code(store, org_id, "90", "212")
    assert await table_of(store, org_id) == ["+1 205-209 America/Chicago"]
    for absent in ("205", "210-212"):
        with pytest.raises(NotFound):
            await remove_area_code(store, org_id, "1", absent)


async def test_a_file_without_its_columns_changes_nothing(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("digits,state\n212,New York\n")
    with pytest.raises(BadInput, match="no column is called zone"):
        await import_area_codes(store, org_id, file, replace_all=True)


@pytest.mark.row(98)
def test_the_table_is_kept_from_the_command_line(ready_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "dialer.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path}"\n[database]\nurl = "{ready_url}"\n')
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "160")
    store = Store(ready_url)
    store.close_now()

    def run(*words: str, fails: bool = False) -> str:
        result = CliRunner().invoke(app, ["contacts", "area-codes", *words], catch_exceptions=False)
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    assert "+1 205-209 is in America/Chicago" in run("add", "205-209", "--zone", "America/Chicago", "--state", "Alabama")
    assert "no such time zone" in run("add", "210", "--zone", "Texas", fails=True)
    assert "is locked" in run("lock", "205-209")
    (tmp_path / "codes.csv").write_text("digits\tzone\n205-209\tUTC\n602\tAmerica/Phoenix\n6\tMars\n")
    told = run("import", str(tmp_path / "codes.csv"))
    assert "3 rows: 1 added, 0 changed, 0 as they were, 1 kept out by locked rows, 1 rejected; 0 removed" in told
    assert "codes-errors.csv" in told
    listed = [line.split() for line in run("list").splitlines()]
    assert ["│", "+1", "│", "205-209", "│", "Alabama", "│", "America/Chicago", "│", "yes", "│", "locked", "│"] in listed
    assert ["│", "+1", "│", "602", "│", "│", "America/Phoenix", "│", "no", "│", "│"] in listed
    assert "is not locked" in run("unlock", "205-209")
    assert "is removed" in run("remove", "205-209")
    assert "no area code 205-209" in run("remove", "205-209", fails=True)
    assert "1 rows" in run("list", "--country", "1")


async def test_an_import_beside_a_change_of_the_table_sees_one_whole_table(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    """The table is read once, when an import begins."""
    people, codes = tmp_path / "people.csv", tmp_path / "codes.csv"
    people.write_text("id,mobile\n" + "".join(f"{n},+1205{2000000 + n}\n" for n in range(2000)))
    codes.write_text("digits,zone\n205,America/Denver\n")
    options = ImportOptions(batch_size=100)
    importing = asyncio.to_thread(import_file, store, org_id, people, "People", options)
    await asyncio.gather(importing, import_area_codes(store, org_id, codes))
    assert len(set(zones_of(store, org_id, "People").values())) == 1
