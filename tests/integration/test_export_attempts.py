"""Attempts go out as CSV that any program can read and no spreadsheet executes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.campaign import Job
from dialer.domain.contact import Contact, NewAddress, NewContact
from dialer.domain.export import ExportContent, ExportOf, ExportScope
from dialer.domain.ids import AttemptId, JobId, OrgId, new_attempt_id
from dialer.errors import NotFound
from dialer.services.dnc import add_to_dnc, count_dnc, list_dnc, remove_from_dnc
from dialer.services.dnc_import import import_dnc
from dialer.services.export import export_to
from dialer.services.export_attempts import attempts_sheet
from dialer.services.jobs import start_campaign
from dialer.services.organisations import create_organisation
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx
from tests.campaign_texts import ready_campaign

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)


def _intent(attempt_id: AttemptId, org_id: OrgId, job: Job, contact: Contact) -> Attempt:
    return Attempt(
        id=attempt_id,
        org_id=org_id,
        job_id=job.id,
        contact_id=contact.id,
        handler="initial",
        address_name="mobile",
        address=contact.addresses[0].value,
        trunk="main",
        switch="main",
        node="n",
        nonce="n",
        state=AttemptState.INTENT,
        intent_at=AT,
    )


def put_attempts(tx: Tx, org_id: OrgId, job: Job, count: int, note: str = "") -> list[AttemptId]:
    """Write closed attempts, as many as wanted, to contacts of the job's list; the last one stays alive."""
    list_id = tx.contact_lists(org_id).by_name("Donors").id
    rows = [
        NewContact(user_contact_id=f"=c{i}", addresses=(NewAddress(name="mobile", value=f"+1777{i:07d}"),)) for i in range(count)
    ]
    tx.contacts(org_id).upsert_batch(list_id, rows)
    ids = []
    for contact in tx.contacts(org_id).page(list_id, limit=count + 3)[-count:]:
        one = new_attempt_id()
        ids.append(one)
        tx.attempts.begin([_intent(one, org_id, job, contact)])
    for one in ids[:-1]:
        tx.attempts.update_open(one, {"app": "press1", "app_note": note})
        tx.attempts.close(one, Closing(code="Interested", source="app", system_code="Answer Human", ended_at=AT, cause=16))
    return sorted(ids)


async def running_job(store: Store, org_id: OrgId) -> Job:
    await ready_campaign(store, org_id)
    return await start_campaign(store, org_id, "Blood", by="test")


def exported(
    store: Store, org_id: OrgId, *, campaign: str | None = None, job_id: JobId | None = None, **content: Any
) -> list[dict[str, str]]:
    campaign_id = None if campaign is None else store.read_now(lambda tx: tx.campaigns(org_id).by_name(campaign).id)
    out = io.BytesIO()
    wanted = ExportContent(of=ExportOf.ATTEMPTS, **content)
    count = export_to(store, org_id, wanted, ExportScope(campaign_id=campaign_id, job_id=job_id, at=AT), out)
    text = out.getvalue().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert count == len(rows)
    assert text.count("\r\n") >= count + 1
    return rows


@pytest.mark.row(15)
async def test_every_attempt_is_one_line_with_its_facts(store: Store, org_id: OrgId) -> None:
    job = await running_job(store, org_id)
    note = 'says "maybe",\nthen =1+1'
    ids = await store.write(lambda tx: put_attempts(tx, org_id, job, 3, note))
    rows = exported(store, org_id, campaign="BLOOD")
    assert [row["attempt_id"] for row in rows] == ids
    first = next(row for row in rows if row["code"])
    assert (first["campaign"], first["contact_list"], first["job_id"]) == ("Blood", "Donors", str(job.id))
    assert first["contact_id"].startswith("'=c")
    assert first["address"].startswith("+1777")
    assert (first["intent_at"], first["ended_at"], first["answered_at"]) == ("2026-03-01T09:30:00.123Z",) * 2 + ("",)
    assert (first["code"], first["code_source"], first["system_code"], first["cause"]) == (
        "Interested",
        "app",
        "Answer Human",
        "16",
    )
    assert first["app_note"] == note
    alive = next(row for row in rows if not row["code"])
    assert alive["system_code"] == "Attempt In Progress"


async def test_more_than_a_page_is_exported_whole_and_in_order(store: Store, org_id: OrgId) -> None:
    job = await running_job(store, org_id)
    ids = await store.write(lambda tx: put_attempts(tx, org_id, job, 25))
    for scope in (ExportScope(at=AT), ExportScope(job_id=job.id, at=AT), ExportScope(campaign_id=job.campaign_id, at=AT)):
        sheet = attempts_sheet(store, org_id, ExportContent(of=ExportOf.ATTEMPTS), scope, page=10)
        assert [line.row.attempt.id for page in sheet.pages for line in page] == ids


async def test_an_organisation_exports_its_own_attempts_only(store: Store, org_id: OrgId) -> None:
    job = await running_job(store, org_id)
    await store.write(lambda tx: put_attempts(tx, org_id, job, 2))
    other = await create_organisation(store, "other")
    assert exported(store, other) == []
    for scope in ({"job_id": job.id}, {"campaign": "Blood"}, {"job_id": JobId(999)}):
        with pytest.raises(NotFound):
            exported(store, other, **scope)


async def test_numbers_go_on_the_dnc_list_in_one_form_and_come_off_it(store: Store, org_id: OrgId) -> None:
    assert await add_to_dnc(store, org_id, "(212) 555-0100", reason="asked") == ("+12125550100", True)
    assert await add_to_dnc(store, org_id, "+1 212 555 0100") == ("+12125550100", False)
    assert [(entry.value, entry.reason) for entry in await list_dnc(store, org_id)] == [("+12125550100", "asked")]
    assert await remove_from_dnc(store, org_id, "212-555-0100") == "+12125550100"
    with pytest.raises(NotFound):
        await remove_from_dnc(store, org_id, "212-555-0100")


async def test_a_dnc_file_is_read_line_by_line_and_says_what_is_wrong(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = tmp_path / "dnc.csv"
    lines = ["number,since\n", "+12125550100,2026\n", "\n", "# a remark\n", '"+12125550101";x\n', "not one\n", "212 555 0100\n"]
    file.write_text("".join(lines))
    done = import_dnc(store, org_id, file)
    assert (done.added, done.already) == (2, 1)
    assert [(line, text) for line, text, _ in done.first_rejected] == [(6, "not one")]
    assert import_dnc(store, org_id, file).already == 3
    file.write_text("\n".join(f"+1212555{index:04d}" for index in range(2500)))
    many = import_dnc(store, org_id, file)
    assert (many.added, many.already) == (2498, 2)
    assert await count_dnc(store, org_id) == 2500
