"""Hand out attempts, contacts, codes, DNC entries or messages to us as a CSV file that is whole or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from dialer.domain.export import DELIMITERS, ExportContent, ExportOf, ExportScope
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.export_attempts import attempts_sheet
from dialer.services.export_codes import codes_sheet
from dialer.services.export_contacts import contacts_sheet
from dialer.services.export_dnc import dnc_sheet
from dialer.services.export_inbox import inbox_sheet
from dialer.services.sheet import Sheet, write_csv
from dialer.services.whole_file import whole_file
from dialer.store.store import Store

MAX_DAYS = 36_500


def export_to(
    store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope, out: IO[bytes], *, unmask: bool = False
) -> int:
    """Write an export to something that is open; returns the number of rows. It blocks, and holds little memory.

    Raises BadInput and NotFound before anything is written.
    """
    sheet = open_sheet(store, org_id, content, scope, unmask=unmask)
    return write_csv(out, sheet, delimiter=content.delimiter, bom=content.bom)


def export_file(
    store: Store,
    org_id: OrgId,
    content: ExportContent,
    scope: ExportScope,
    path: Path,
    *,
    unmask: bool = False,
    keep_free: int = 0,
) -> int:
    """Write an export to a file, which appears when it is whole; `keep_free` bytes stay free on its disk. It blocks.

    Raises BadInput, also when the file cannot be written; NotFound. Then nothing is left of it.
    """
    sheet = open_sheet(store, org_id, content, scope, unmask=unmask)
    with whole_file(path, keep_free=keep_free) as out:
        return write_csv(out, sheet, delimiter=content.delimiter, bom=content.bom)


def open_sheet(store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope, *, unmask: bool = False) -> Sheet[Any]:
    """Look the scope and the columns over. Raises BadInput, NotFound."""
    check_content(content)
    if (job_id := scope.job_id) is not None:
        job = store.read_now(lambda tx: tx.jobs(org_id).get(job_id))
        if scope.campaign_id not in (None, job.campaign_id):
            raise BadInput(f"the job {job_id} is one of {job.campaign_name!r}", where="job", mend="leave the campaign out")
    match content.of:
        case ExportOf.ATTEMPTS:
            return attempts_sheet(store, org_id, content, scope, unmask=unmask)
        case ExportOf.CONTACTS:
            return contacts_sheet(store, org_id, content, scope, unmask=unmask)
        case ExportOf.CODES:
            return codes_sheet(store, org_id, content, scope)
        case ExportOf.DNC:
            return dnc_sheet(store, org_id, content, scope)
        case ExportOf.INBOX:
            return inbox_sheet(store, org_id, content, scope)


def check_content(content: ExportContent) -> None:
    """Raises BadInput for what makes no sense by itself; columns and names are looked up when the export is made."""
    if content.delimiter not in DELIMITERS.values():
        raise BadInput(f"{content.delimiter!r} is no delimiter", where="delimiter", mend=", ".join(DELIMITERS))
    if not 0 <= content.days <= MAX_DAYS:
        raise BadInput(f"{content.days} days", where="days", mend=f"0 to {MAX_DAYS:,}")
    if len(set(content.columns)) != len(content.columns):
        raise BadInput("a column is named twice", where="columns")
