"""DNC lists from files: checked, timed, counted to the last number, every refused row with its reason, in either database."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialer.domain.dnc import DncKind
from dialer.domain.ids import OrgId
from dialer.domain.phone_checks import PhoneFormat, RejectPattern
from dialer.errors import BadInput, NotFound
from dialer.services.contacts import change_phone_checks
from dialer.services.dnc import Onto, count_dnc, list_dnc
from dialer.services.dnc_import import DncImportOptions, import_dnc
from dialer.store.store import Store

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)

FILE = """phone;reason;days;until
+12125550100;asked;;
(212) 888-8888;asked;;
+902125550;asked;;
0212 555 01 23;asked;3;
+12125550104;;;2026-06-01
+12125550105;asked;0;
+12125550106;asked;soon;
+12125550107;asked;;2026-05-01
call me;asked;;
+12125550100;again;;
anna@example.org;by mail;;
"""


@pytest.mark.row(105)
async def test_patterns_formats_and_times_are_honoured_and_every_row_is_counted(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    await change_phone_checks(store, org_id, add_format=PhoneFormat(calling_code="90", min_length=10, max_length=10))
    file, errors = tmp_path / "dnc.csv", tmp_path / "out" / "errors.csv"
    file.write_text(FILE, encoding="utf-8")
    options = DncImportOptions(
        region="TR", zone="Europe/Istanbul", check_patterns=True, check_formats=True, reason="imported", errors_to=errors
    )
    done = import_dnc(store, org_id, file, options, now=NOW)
    assert (done.processed, done.added, done.already, done.rejected) == (11, 4, 1, 6)
    assert (done.matched_pattern, done.format_failed) == (1, 1)
    kept = {entry.value: (entry.reason, entry.ends_at) for entry in await list_dnc(store, org_id)}
    assert kept == {
        "+12125550100": ("asked", None),
        "+902125550123": ("asked", datetime(2026, 5, 13, 21, tzinfo=UTC)),  # midnight in Istanbul
        "+12125550104": ("imported", datetime(2026, 5, 31, 21, tzinfo=UTC)),
        "anna@example.org": ("by mail", None),
    }
    assert done.errors_file == errors
    with errors.open(newline="", encoding="utf-8") as told:
        reasons = {int(one["line"]): one["reason"] for one in csv.DictReader(told)}
    assert list(reasons) == [3, 4, 7, 8, 9, 10]
    for line, words in {3: "reject pattern", 4: "format of its country", 7: "0 days", 8: "whole number", 9: "has passed"}.items():
        assert words in reasons[line]
    again = import_dnc(store, org_id, file, options, now=NOW)
    assert (again.added, again.already, again.rejected) == (0, 5, 6)


@pytest.mark.row(105)
async def test_a_number_is_listed_in_the_form_in_which_an_import_keeps_it(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    turkish = PhoneFormat(calling_code="90", min_length=10, max_length=10, prefix="212")
    await change_phone_checks(
        store, org_id, add_format=turkish, add_pattern=RejectPattern(pattern="2125550101", calling_code="90")
    )
    file = tmp_path / "dnc.csv"
    file.write_text("+905550100\n+905550101\n")
    unchecked = import_dnc(store, org_id, file, DncImportOptions(onto=Onto(common=True)))
    assert (unchecked.added, unchecked.rejected) == (2, 0)
    checked = import_dnc(store, org_id, file, DncImportOptions(check_formats=True, check_patterns=True))
    assert (checked.added, checked.matched_pattern) == (1, 1)
    assert [entry.value for entry in await list_dnc(store, org_id)] == ["+902125550100"]


@pytest.mark.row(105)
async def test_a_timed_row_never_shortens_an_entry_and_a_later_end_lengthens_it(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    file = tmp_path / "dnc.csv"

    async def end_after(rows: str) -> datetime | None:
        file.write_text("number,days\n" + rows)
        import_dnc(store, org_id, file, now=NOW)
        (entry,) = await list_dnc(store, org_id)
        return entry.ends_at

    assert await end_after("+12125550100,2\n+12125550100,5\n") == datetime(2026, 5, 16, tzinfo=UTC)
    assert await end_after("+12125550100,1\n") == datetime(2026, 5, 16, tzinfo=UTC)
    assert await end_after("+12125550100,\n") is None
    assert await end_after("+12125550100,9\n") is None


@pytest.mark.row(105)
@pytest.mark.parametrize(
    ("kind", "text", "listed"),
    [
        (DncKind.CONTACT, "customer_id,contact_id\n7,d1\n8,d2\n", ["d1", "d2"]),
        (DncKind.CUSTOMER, "customer_id,contact_id\n7,d1\n8,d2\n", ["7", "8"]),
        (DncKind.CONTACT, "d1\n# left\nd2\n", ["d1", "d2"]),
        (DncKind.ADDRESS, "# from the CRM\nreason,number\nasked,+12125550100\n", ["+12125550100"]),  # names after a remark
        (DncKind.ADDRESS, "name|number\nAna|+12125550100\n", ["+12125550100"]),
        (DncKind.ADDRESS, "\ufeff+12125550100\r\n+12125550101\r\n", ["+12125550100", "+12125550101"]),
    ],
)
async def test_a_column_is_found_by_its_name_or_is_the_first(
    store: Store, org_id: OrgId, tmp_path: Path, kind: DncKind, text: str, listed: list[str]
) -> None:
    file = tmp_path / "dnc.csv"
    file.write_text(text, encoding="utf-8")
    done = import_dnc(store, org_id, file, DncImportOptions(kind=kind))
    assert (done.added, done.rejected) == (len(listed), 0)
    assert [entry.value for entry in await list_dnc(store, org_id)] == listed


async def test_nothing_is_listed_when_the_file_or_the_list_makes_no_sense(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = tmp_path / "dnc.csv"
    with pytest.raises(BadInput, match="no such file"):
        import_dnc(store, org_id, file)
    file.write_text("+12125550100\n")
    with pytest.raises(NotFound):
        import_dnc(store, org_id, file, DncImportOptions(onto=Onto(name="nowhere")))
    with pytest.raises(BadInput, match="no region 'XX'"):
        import_dnc(store, org_id, file, DncImportOptions(region="XX"))
    with pytest.raises(BadInput, match="too long"):
        import_dnc(store, org_id, file, DncImportOptions(reason="x" * 201))
    assert await count_dnc(store, org_id) == 0
