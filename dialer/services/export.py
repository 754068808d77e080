"""Hand out what was done: the attempts of a campaign as CSV."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from typing import TextIO

from dialer.domain.ids import AttemptId, CampaignId, JobId, OrgId
from dialer.store.attempt_history import AttemptRow
from dialer.store.store import Store, Tx

PAGE = 1000  # rows per look at the database: an export of any size holds no long transaction and little memory

COLUMNS = (
    "attempt_id", "campaign", "job_id", "contact_list", "contact_id", "handler", "channel", "address_name", "address", "trunk",
    "switch", "intent_at", "sent_at", "ringing_at", "answered_at", "ended_at", "code", "code_source", "system_code", "cause",
    "tech_cause", "amd_status", "amd_cause", "app", "app_note",
)  # fmt: skip

_FORMULA = "=+-@\t\r\n\0＝＋－＠"
_PLAIN_NUMBER = re.compile(r"\+[0-9]+")


async def export_attempts(
    store: Store, org_id: OrgId, out: TextIO, *, campaign: str | None = None, job_id: JobId | None = None
) -> int:
    """Write the attempts of a campaign, of one job, or all of them, in the order in which they were made; returns how many.

    CSV as in RFC 4180 (open the file with newline=""), UTF-8, times in ISO 8601 UTC, empty cells for what is not known. An
    attempt that is still alive has no code. Raises NotFound.
    """
    campaign_id = await store.read(lambda tx: _scope(tx, org_id, campaign, job_id))
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    after: AttemptId | None = None
    count = 0
    while page := await _page(store, org_id, campaign_id, job_id, after):
        writer.writerows(_cells(row) for row in page)
        after = page[-1].attempt.id
        count += len(page)
    return count


def safe_cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front.

    A plus sign and nothing but digits is a telephone number: it is left as it is, so that other programs can read it; a
    spreadsheet shows it as a number at worst.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = str(value)
    if text and text[0] in _FORMULA and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


async def _page(
    store: Store, org_id: OrgId, campaign_id: CampaignId | None, job_id: JobId | None, after: AttemptId | None
) -> list[AttemptRow]:
    return await store.read(lambda tx: tx.history(org_id).page(job_id=job_id, campaign_id=campaign_id, after=after, limit=PAGE))


def _scope(tx: Tx, org_id: OrgId, campaign: str | None, job_id: JobId | None) -> CampaignId | None:
    if job_id is not None:
        tx.jobs(org_id).get(job_id)
    return None if campaign is None else tx.campaigns(org_id).by_name(campaign).id


def _cells(row: AttemptRow) -> list[str]:
    one = row.attempt
    values: list[object] = [
        one.id, row.campaign, one.job_id, row.contact_list, row.user_contact_id, one.handler, one.channel, one.address_name,
        one.address, one.trunk, one.switch, one.intent_at, one.sent_at, one.ringing_at, one.answered_at, one.ended_at, one.code,
        one.code_source, one.system_code, one.cause, one.tech_cause, one.amd_status, one.amd_cause, one.app, one.app_note,
    ]  # fmt: skip
    return [safe_cell(value) for value in values]
