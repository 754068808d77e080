"""Attempts, contacts and codes go out as CSV: whole, in any script, in the columns that are wanted, and masked what is masked."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.contact import NewContact
from dialer.domain.dnc import DncKind
from dialer.domain.export import ExportContent, ExportOf, ExportScope, Only, Per
from dialer.domain.ids import CampaignId, OrgId
from dialer.errors import BadInput, NotFound
from dialer.services.dnc import add_to_dnc, list_dnc
from dialer.services.dnc_import import import_dnc
from dialer.services.export import export_file, export_to
from dialer.services.export_contacts import contacts_sheet
from dialer.services.organisations import create_organisation
from dialer.services.whole_file import remove_stale_parts, whole_file
from dialer.store.store import Store, Tx
from tests.export_kit import AT, IBAN, NAMES, called_job, read
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

CONTACTS = ExportContent(of=ExportOf.CONTACTS)
ALL = ExportScope(at=AT)


def export(store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope = ALL, **more: Any) -> list[dict[str, str]]:
    """The rows of an export."""
    out = io.BytesIO()
    count = export_to(store, org_id, content, scope, out, **more)
    rows = read(out.getvalue(), content.delimiter)
    assert count == len(rows)
    return rows


@pytest.mark.row(83)
async def test_contacts_go_out_with_their_attributes_and_the_result_of_their_last_attempt(store: Store, org_id: OrgId) -> None:
    launch = await called_job(store, org_id)
    rows = {row["contact_id"]: row for row in export(store, org_id, CONTACTS)}
    assert list(rows) == ["d0", "d1", "d2", "d9"]
    assert rows["d0"]["name"] == NAMES["d0"]
    assert rows["d1"]["name"] == "'=1+1", "no spreadsheet computes it"
    assert rows["d2"]["name"] == NAMES["d2"]
    assert (rows["d0"]["mobile"], rows["d0"]["home"], rows["d9"]["home"]) == ("+15550100000", "", "+15550109999")
    assert rows["d0"]["iban"] == "•" * (len(IBAN) - 2) + IBAN[-2:]
    last = {name: value for name, value in rows["d0"].items() if name.startswith("last_") and value}
    assert last.pop("last_attempt_id")
    assert rows["d0"]["successful_attempts"] == "1"
    assert last == {
        "last_code": "Interested",
        "last_code_source": "app",
        "last_system_code": "Answer Human",
        "last_address_name": "mobile",
        "last_channel": "voice",
        "last_address_value": "+15550100000",
        "last_attempt_at": "2026-03-01T09:30:00.000Z",
        "last_answered_at": "2026-03-01T09:30:07.000Z",
        "last_ended_at": "2026-03-01T09:30:20.000Z",
        "last_duration_s": "20.0",
        "last_talk_s": "13.0",
        "last_handler": "initial",
        "last_campaign": "Blood",
        "last_job_id": str(launch.job.id),
        "last_completion_code": "Interested",
        "last_attempt_time": "2026-03-01T09:30:00+00:00",
        "last_successful_attempt_time": "2026-03-01T09:30:00+00:00",
        "last_address": "mobile",
    }
    assert (rows["d1"]["last_code"], rows["d9"]["last_code"], rows["d9"]["attempts"]) == ("Call Busy", "", "0")
    assert export(store, org_id, CONTACTS, unmask=True)[0]["iban"] == IBAN


@pytest.mark.row(83)
async def test_successfully_attempted_contacts_can_be_had_alone(store: Store, org_id: OrgId) -> None:
    await called_job(store, org_id)
    everybody = ["d0", "d1", "d2", "d9"]
    # The call to d2 never left; d0 was reached, and ended with a code that is flagged as a success.
    table = {Only.ALL: everybody, Only.ATTEMPTED: ["d0", "d1"], Only.REACHED: ["d0"], Only.SUCCESS: ["d0"]}
    for only, who in table.items():
        assert [row["contact_id"] for row in export(store, org_id, replace(CONTACTS, only=only))] == who
        attempts = export(store, org_id, ExportContent(of=ExportOf.ATTEMPTS, only=only))
        assert sorted(row["contact_id"] for row in attempts) == [one for one in who if one != "d9"]


async def test_of_several_campaigns_each_contact_is_there_once_with_what_that_campaign_did(store: Store, org_id: OrgId) -> None:
    blood = await called_job(store, org_id)
    other = await Launch.ready(store, org_id, name="Other")
    (one,) = (await other.run(AT, 1)).to_place
    await other.end(one.id, "Ring No Answer", AT)
    of_campaign = ExportScope(campaign_id=blood.job.campaign_id, at=AT)
    of_job = ExportScope(job_id=other.job.id, at=AT)
    assert [(row["contact_id"], row["last_code"]) for row in export(store, org_id, CONTACTS, of_campaign)] == [
        ("d0", "Interested"),
        ("d1", "Call Busy"),
        ("d2", "Not Launched"),
    ]
    (row,) = export(store, org_id, CONTACTS, of_job)
    assert (row["contact_id"], row["last_code"], row["state"], row["attempts"]) == ("d0", "Ring No Answer", "finished", "1")
    assert export(store, org_id, CONTACTS)[0]["last_code"] == "Ring No Answer"
    for scope in (ALL, of_campaign):
        in_pages = contacts_sheet(store, org_id, CONTACTS, scope, page=2).pages
        assert [len(page) for page in in_pages] == ([2, 2] if scope is ALL else [2, 1])
    with pytest.raises(BadInput, match="is one of 'Other'"):
        export(store, org_id, CONTACTS, replace(of_job, campaign_id=blood.job.campaign_id))


@pytest.mark.row(83)
async def test_columns_delimiter_and_byte_order_mark_are_chosen(store: Store, org_id: OrgId) -> None:
    await called_job(store, org_id)
    content = ExportContent(
        of=ExportOf.ATTEMPTS, columns=("contact_id", "attribute.code", "code", "name"), delimiter=";", bom=True
    )
    out = io.BytesIO()
    export_to(store, org_id, content, ALL, out)
    assert out.getvalue().startswith("\ufeffcontact_id;attribute.code;code;name\r\n".encode())
    assert "\r\nd0;own;Interested;Zoë Çelik 🦀\r\n".encode() in out.getvalue()
    assert NAMES["d2"] in [row["name"] for row in read(out.getvalue(), ";")]
    assert "city" in export(store, org_id, ExportContent(of=ExportOf.ATTEMPTS, attributes=True))[0]
    assert "city" not in export(store, org_id, ExportContent(of=ExportOf.ATTEMPTS))[0]
    recent = ExportContent(of=ExportOf.ATTEMPTS, days=1)
    assert len(export(store, org_id, recent, ExportScope(at=AT.replace(hour=10)))) == 3
    assert export(store, org_id, recent, ExportScope(at=AT.replace(day=2, hour=10))) == []


@pytest.mark.row(83)
async def test_codes_go_out_with_their_numbers_by_job_and_by_campaign(store: Store, org_id: OrgId) -> None:
    launch = await called_job(store, org_id)
    rows = export(store, org_id, ExportContent(of=ExportOf.CODES))
    assert {(row["job_id"], row["code"], row["kind"], row["success"], row["attempts"], row["percent"]) for row in rows} == {
        (str(launch.job.id), "Interested", "custom", "yes", "1", "33.33"),
        (str(launch.job.id), "Call Busy", "system", "", "1", "33.33"),
        (str(launch.job.id), "Not Launched", "system", "", "1", "33.33"),
    }
    together = export(store, org_id, ExportContent(of=ExportOf.CODES, per=Per.CAMPAIGN))
    assert "job_id" not in together[0]
    assert {row["campaign"] for row in together} == {"Blood"}


async def test_do_not_call_lists_go_out_and_come_in_again(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    other = await create_organisation(store, "other")
    later = datetime(2126, 5, 11, tzinfo=UTC)
    await add_to_dnc(store, org_id, "+12125550100", reason="=asked")
    await add_to_dnc(store, org_id, "+12125550101", ends_at=later)
    await add_to_dnc(store, org_id, "c-17", kind=DncKind.CONTACT)
    await add_to_dnc(store, other, "+12125550199")
    path = tmp_path / "dnc.csv"
    dnc = ExportContent(of=ExportOf.DNC)
    assert export_file(store, org_id, dnc, ALL, path) == 3
    rows = read(path.read_bytes())
    assert [(row["value"], row["kind"], row["reason"], row["until"], row["common"]) for row in rows] == [
        ("+12125550100", "address", "'=asked", "", "no"),
        ("+12125550101", "address", "", "2126-05-11T00:00:00.000Z", "no"),
        ("c-17", "contact", "", "", "no"),
    ]
    empty = await create_organisation(store, "restored")
    came_in = import_dnc(store, empty, path)
    assert (came_in.added, came_in.rejected) == (2, 1), "what names a contact is imported as such"
    assert {one.value: one.ends_at for one in await list_dnc(store, empty)} == {"+12125550100": None, "+12125550101": later}
    with pytest.raises(BadInput, match="belong to no campaign"):
        export(store, org_id, dnc, ExportScope(campaign_id=CampaignId(1), at=AT))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"columns": ("contact_id", "nme")}, "no column nme"),
    ({"columns": ("contact_id", "contact_id")}, "named twice"),
    ({"delimiter": "x"}, "comma, semicolon, tab, pipe"),
    ({"days": -1}, "-1 days"),
    ({"contact_list": "Nobody's"}, "no contact list"),
]


async def test_what_cannot_be_exported_is_told_before_anything_is_written(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await Launch.ready(store, org_id)
    for content, told in WRONG:
        with pytest.raises((BadInput, NotFound), match=told):
            export_file(store, org_id, replace(CONTACTS, **content), ALL, tmp_path / "out.csv")
    assert not list(tmp_path.glob("*out.csv*"))


async def test_an_export_that_fails_leaves_the_older_file_as_it_was(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await called_job(store, org_id)
    path = tmp_path / "out.csv"
    export_file(store, org_id, CONTACTS, ALL, path)
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"MB would be left free on its disk.*make room and try again"):
        export_file(store, org_id, CONTACTS, ALL, path, keep_free=1 << 60)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if "out.csv" in one.name] == ["out.csv"]


def test_a_full_disk_is_told_in_plain_words_and_leaves_no_half_file(ready_url: str, tmp_path: Path) -> None:
    """The same as a full disk for the one who writes: no file of the process may grow beyond a limit."""
    store = Store(ready_url)

    def people(tx: Tx) -> None:
        org_id = tx.organisations.ensure("default")
        rows = [NewContact(user_contact_id=f"c{index}", attributes={"note": "x" * 1000}) for index in range(200)]
        tx.contacts(org_id).upsert_batch(tx.contact_lists(org_id).ensure("Many", ["note"]).id, rows)

    store.write_now(people)
    store.close_now()
    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{ready_url}"\n')
    done = subprocess.run(
        [sys.executable, "-m", "dialer", "export", "contacts", "out.csv", "--config", str(config)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "out.csv: cannot be written: File too large (nothing of it is kept: make room and try again)" in done.stderr
    assert not [one for one in tmp_path.iterdir() if "out.csv" in one.name]


def test_a_killed_export_leaves_what_was_there_and_its_rest_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with whole_file(path) as out:
        out.write(b"whole")
    program = (
        "import os, signal, sys; from pathlib import Path; from dialer.services.whole_file import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as out: out.write(b'x' * 10_000_000); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[2], timeout=30)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"whole"
    (rest,) = tmp_path.glob(".out.csv.*.part")
    remove_stale_parts(tmp_path)
    assert rest.exists(), "it may still be written"
    os.utime(rest, (0, 0))
    remove_stale_parts(tmp_path)
    assert not rest.exists()
