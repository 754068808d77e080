"""Hand out the contacts with their attributes, and how the last attempt to reach each of them ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import groupby, islice

from dialer.domain.attempt import Attempt
from dialer.domain.codes import CustomCode
from dialer.domain.contact import Contact
from dialer.domain.export import ExportContent, ExportScope, Only, counts
from dialer.domain.history import HISTORY_ATTRIBUTES, NO_HISTORY
from dialer.domain.ids import ContactId, ContactListId, JobId, OrgId
from dialer.services.attribute_columns import attributes_of
from dialer.services.export_attempts import seconds
from dialer.services.sheet import Getter, Sheet, chosen_columns
from dialer.store.attempt_history import AttemptRow
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

PAGE = 500  # contacts per look at the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A contact, its place in the job where one is asked for, and those of its attempts that count."""

    contact: Contact
    contact_list: str
    place: JobContact | None
    attempts: int
    last: AttemptRow | None
    history: Mapping[str, str]


def _of_last(value: Getter[Attempt]) -> Getter[Line]:
    return lambda line: None if line.last is None else value(line.last.attempt)


def _of_history(name: str) -> Getter[Line]:
    return lambda line: line.history[name]


WHO: Mapping[str, Getter[Line]] = {
    "contact_id": lambda line: line.contact.user_contact_id,
    "contact_list": lambda line: line.contact_list,
    "language": lambda line: line.contact.language,
    "time_zone": lambda line: line.contact.time_zone,
}
RESULT: Mapping[str, Getter[Line]] = {
    "state": lambda line: None if line.place is None else line.place.state,
    "attempts": lambda line: line.attempts,
    "last_code": _of_last(lambda one: one.code),
    "last_code_source": _of_last(lambda one: one.code_source),
    "last_system_code": _of_last(lambda one: one.system_code),
    "last_cause": _of_last(lambda one: one.cause),
    "last_tech_cause": _of_last(lambda one: one.tech_cause),
    "last_address_name": _of_last(lambda one: one.address_name),
    "last_channel": _of_last(lambda one: one.channel),
    "last_address_value": _of_last(lambda one: one.address),
    "last_attempt_at": _of_last(lambda one: one.intent_at),
    "last_answered_at": _of_last(lambda one: one.answered_at),
    "last_ended_at": _of_last(lambda one: one.ended_at),
    "last_duration_s": _of_last(lambda one: seconds(one.intent_at, one.ended_at)),
    "last_talk_s": _of_last(lambda one: seconds(one.answered_at, one.ended_at)),
    "last_amd_status": _of_last(lambda one: one.amd_status),
    "last_app": _of_last(lambda one: one.app),
    "last_app_note": _of_last(lambda one: one.app_note),
    "last_handler": _of_last(lambda one: one.handler),
    "last_campaign": lambda line: None if line.last is None else line.last.campaign,
    "last_job_id": _of_last(lambda one: one.job_id),
    "last_attempt_id": _of_last(lambda one: one.id),
    **{name: _of_history(name) for name in HISTORY_ATTRIBUTES},
}


def contacts_sheet(
    store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope, *, unmask: bool = False, page: int = PAGE
) -> Sheet[Line]:
    """The contacts that a job or a campaign has come to, those of a list, or all, in the order in which they were imported.

    `content.only` chooses among the attempts of the scope: the latest that counts is shown, and a contact without one is left
    out, except with ALL. Raises BadInput for a column that does not exist, NotFound.
    """
    known = attributes_of(store, org_id, content.contact_list)
    names = store.read_now(lambda tx: tx.contacts(org_id).address_names())
    taken = {*WHO, *RESULT}
    addresses = {f"address.{name}" if name in taken else name: _address(name) for name in names}
    attributes = known.columns({*taken, *addresses}, _attributes, unmask=unmask)
    columns = {**WHO, **addresses, **attributes, **RESULT}
    chosen = chosen_columns(columns, tuple(columns), content.columns)
    reader = _Reader(store=store, org_id=org_id, content=content, scope=scope, list_id=known.list_id, page=page)
    return Sheet(chosen, reader.pages())


def _attributes(line: Line) -> Mapping[str, str]:
    return line.contact.attributes


def _address(name: str) -> Getter[Line]:
    return lambda line: next((one.value for one in line.contact.addresses if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads the lines, a page at a time."""

    store: Store
    org_id: OrgId
    content: ExportContent
    scope: ExportScope
    list_id: ContactListId | None
    page: int

    def pages(self) -> Iterator[Sequence[Line]]:
        """The lines of those contacts that are wanted."""
        custom = {code.name: code for code in self.store.read_now(lambda tx: tx.codes(self.org_id).all())}
        lists = {one.id: one.name for one in self.store.read_now(lambda tx: tx.contact_lists(self.org_id).all())}
        ids = self._ids()
        while chunk := list(islice(ids, self.page)):
            yield self.store.read_now(partial(self._lines, chunk, custom, lists))

    def _lines(
        self, ids: Sequence[ContactId], custom: Mapping[str, CustomCode], lists: Mapping[ContactListId, str], tx: Tx
    ) -> list[Line]:
        only, job_id = self.content.only, self.scope.job_id
        rows = tx.history(self.org_id).of_contacts(ids, job_id=job_id, campaign_id=self.scope.campaign_id)
        attempts = {one: list(of_one) for one, of_one in groupby(rows, key=lambda row: row.attempt.contact_id)}
        history = tx.contact_history.of(ids)
        places = {} if job_id is None else tx.job_contacts.places(job_id, ids)
        found = []
        for contact in tx.contacts(self.org_id).of_ids(ids):
            counted = [row for row in attempts.get(contact.id, ()) if counts(row.attempt, only, custom)]
            if self.list_id in (None, contact.list_id) and (counted or only is Only.ALL):
                found.append(
                    Line(
                        contact=contact,
                        contact_list=lists.get(contact.list_id, ""),
                        place=places.get(contact.id),
                        attempts=len(counted),
                        last=counted[-1] if counted else None,
                        history=history.get(contact.id, NO_HISTORY).attributes(),
                    )
                )
        return found

    def _ids(self) -> Iterator[ContactId]:
        """The contacts of the scope in order, each once; what is in memory is a page for each of a campaign's jobs."""
        if self.scope.job_id is not None:
            return self._of_job(self.scope.job_id)
        if (campaign_id := self.scope.campaign_id) is not None:
            runs = self.store.read_now(lambda tx: tx.jobs(self.org_id).ids(campaign_id))
            return (contact_id for contact_id, _ in groupby(merge(*(self._of_job(job_id) for job_id in runs))))
        return self._of_list()

    def _of_job(self, job_id: JobId) -> Iterator[ContactId]:
        return self._walk(lambda tx, after: tx.job_contacts.contacts_of(job_id, after=after, limit=self.page))

    def _of_list(self) -> Iterator[ContactId]:
        return self._walk(lambda tx, after: tx.contacts(self.org_id).ids(self.list_id, after=after, limit=self.page))

    def _walk(self, look: Callable[[Tx, ContactId], list[ContactId]]) -> Iterator[ContactId]:
        after = ContactId(0)

        def further(tx: Tx) -> list[ContactId]:
            return look(tx, after)

        while page := self.store.read_now(further):
            yield from page
            after = page[-1]
