"""Hand out what was done: every attempt with all details of its result, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.export import ExportContent, ExportScope, counts
from dialer.domain.ids import ContactId, ContactListId, JobId, OrgId, first_attempt_id
from dialer.services.attribute_columns import attributes_of
from dialer.services.sheet import Getter, Sheet, chosen_columns
from dialer.store.attempt_history import AttemptRow
from dialer.store.store import Store, Tx

PAGE = 1000  # rows per look at the database: an export of any size holds no long transaction and little memory
CLOCKS_DIFFER = timedelta(days=1)  # an attempt's id may have been given by another clock than its times


@dataclass(frozen=True, slots=True)
class Line:
    """One attempt, and the attributes of its contact where they were asked for."""

    row: AttemptRow
    attributes: Mapping[str, str]


def seconds(since: datetime | None, until: datetime | None) -> str | None:
    """From one moment to another, where both are known."""
    return None if since is None or until is None else f"{(until - since).total_seconds():.1f}"


FACTS: Mapping[str, Getter[Line]] = {
    "attempt_id": lambda line: line.row.attempt.id,
    "campaign": lambda line: line.row.campaign,
    "job_id": lambda line: line.row.attempt.job_id,
    "contact_list": lambda line: line.row.contact_list,
    "contact_id": lambda line: line.row.user_contact_id,
    "handler": lambda line: line.row.attempt.handler,
    "channel": lambda line: line.row.attempt.channel,
    "address_name": lambda line: line.row.attempt.address_name,
    "address": lambda line: line.row.attempt.address,
    "trunk": lambda line: line.row.attempt.trunk,
    "switch": lambda line: line.row.attempt.switch,
    "intent_at": lambda line: line.row.attempt.intent_at,
    "sent_at": lambda line: line.row.attempt.sent_at,
    "ringing_at": lambda line: line.row.attempt.ringing_at,
    "answered_at": lambda line: line.row.attempt.answered_at,
    "ended_at": lambda line: line.row.attempt.ended_at,
    "code": lambda line: line.row.attempt.code,
    "code_source": lambda line: line.row.attempt.code_source,
    "system_code": lambda line: line.row.attempt.system_code,
    "cause": lambda line: line.row.attempt.cause,
    "tech_cause": lambda line: line.row.attempt.tech_cause,
    "amd_status": lambda line: line.row.attempt.amd_status,
    "amd_cause": lambda line: line.row.attempt.amd_cause,
    "app": lambda line: line.row.attempt.app,
    "app_note": lambda line: line.row.attempt.app_note,
    "next_at": lambda line: line.row.attempt.next_at,
    "duration_s": lambda line: seconds(line.row.attempt.intent_at, line.row.attempt.ended_at),
    "talk_s": lambda line: seconds(line.row.attempt.answered_at, line.row.attempt.ended_at),
    "node": lambda line: line.row.attempt.node,
    "agent": lambda line: line.row.attempt.agent,
    "again_after": lambda line: line.row.attempt.again_after,
}


def attempts_sheet(
    store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope, *, unmask: bool = False, page: int = PAGE
) -> Sheet[Line]:
    """The attempts of a job, a campaign or an organisation, in the order in which they were made.

    An attempt that is still alive has no code. Raises BadInput for a column that does not exist, NotFound.
    """
    known = attributes_of(store, org_id, content.contact_list)
    of_contacts = known.columns(FACTS, _attributes, unmask=unmask)
    usual = (*FACTS, *of_contacts) if content.attributes else tuple(FACTS)
    columns = chosen_columns({**FACTS, **of_contacts}, usual, content.columns)
    reader = _Reader(
        store=store,
        org_id=org_id,
        content=content,
        scope=scope,
        list_id=known.list_id,
        with_attributes=any(name in of_contacts for name in columns),
        page=page,
    )
    return Sheet(columns, reader.pages())


def _attributes(line: Line) -> Mapping[str, str]:
    return line.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads the lines, a page at a time."""

    store: Store
    org_id: OrgId
    content: ExportContent
    scope: ExportScope
    list_id: ContactListId | None
    with_attributes: bool
    page: int

    def pages(self) -> Iterator[Sequence[Line]]:
        """The lines that count."""
        only = self.content.only
        custom = {code.name: code for code in self.store.read_now(lambda tx: tx.codes(self.org_id).all())}
        for job_id in self._jobs():
            for rows in self._rows(job_id):
                yield self._lines([row for row in rows if counts(row.attempt, only, custom) and self._wanted(row)])

    def _jobs(self) -> Sequence[JobId | None]:
        """A campaign's jobs one after the other, for they never overlap: each is a range of an index. None: the whole ledger."""
        if self.scope.job_id is not None:
            return [self.scope.job_id]
        if (campaign_id := self.scope.campaign_id) is not None:
            return self.store.read_now(lambda tx: tx.jobs(self.org_id).ids(campaign_id))
        return [None]

    def _rows(self, job_id: JobId | None) -> Iterator[list[AttemptRow]]:
        days = self.content.days
        after = first_attempt_id(self.scope.at - timedelta(days=days) - CLOCKS_DIFFER) if days else None

        def look(tx: Tx) -> list[AttemptRow]:
            return tx.history(self.org_id).page(job_id=job_id, after=after, limit=self.page)

        while rows := self.store.read_now(look):
            yield rows
            after = rows[-1].attempt.id

    def _wanted(self, row: AttemptRow) -> bool:
        days, at = self.content.days, self.scope.at
        recent = not days or at - timedelta(days=days) <= row.attempt.intent_at < at
        return recent and self.list_id in (None, row.list_id)

    def _lines(self, rows: Sequence[AttemptRow]) -> list[Line]:
        people: Mapping[ContactId, Mapping[str, str]] = {}
        if self.with_attributes and rows:
            ids = {row.attempt.contact_id for row in rows}
            people = self.store.read_now(lambda tx: tx.contacts(self.org_id).attributes_of(ids))
        return [Line(row, people.get(row.attempt.contact_id, {})) for row in rows]
