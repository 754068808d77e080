"""A small world in which anything may happen to jobs in any order, one commit at a time; its laws are in tests/job_laws.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, JobState
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import AttemptId, CallbackId, ContactId, OrgId
from dialer.errors import BadInput, CallbackRefused, Conflict, NotFound
from dialer.services import callbacks, contacts, dnc, jobs, late_codes
from dialer.services.callback_promise import Wanted
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.services.completion import record_completion
from dialer.services.finishing import complete
from dialer.services.knobs import parse_filter, parse_sort
from dialer.services.launching import Route, claim_contacts, commit_intents
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store import tables
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx
from dialer.store.tables_contacts import contact_exclusions

STRATEGY = """\
strategy: laws
status: completed
handlers:
  - state: initial
    call:
      addresses:
        - {attribute: mobile, from: "22:00", to: "20:00"}
        - {attribute: home, from: "08:00", to: "21:00"}
      results:
        otherwise: done
        Call Busy: {retry: {count: 2, intervals_s: [30, 600]}}
        Ring No Answer: {retry: {count: 1, intervals_s: [60], address_looping: true}}
        Network Error: {next_state: second}
        Disconnected by User: {next_state: wait}
  - state: second
    call:
      addresses: [{attribute: home, from: "08:00", to: "21:00"}]
      results:
        otherwise: done
        Call Busy: {retry: {count: 1, intervals_s: [30]}}
"""
OPENS_CLOSES = {"mobile": (time(22), time(20)), "home": (time(8), time(21))}
ZONES = (("UTC",), ("Europe/Berlin", "America/New_York"), ("Asia/Tokyo",))
CODES = ("Call Busy", "Ring No Answer", "Network Error", "Disconnected by User", "Not Launched", "Unknown")
OWN = ("Interested", "Stop", "Later")
FILTERS = ("age # >= 30", "city = ankara", "total_attempts # = 0", "age is not null")
LISTS = ("North", "South")
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "Plain": {},
    "Picky": {"filter": parse_filter(["age # >= 30"]), "sort": parse_sort("age # desc")},
}
LEASE_S = 30.0
BEGINS = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # the clocks of Berlin change that night


@dataclass
class World:
    """Two campaigns over the same two lists, two nodes that dial them, and everything that was seen so far."""

    store: Store
    runner: asyncio.Runner
    org_id: OrgId = field(init=False)
    now: datetime = BEGINS
    shelf: StrategyShelf = field(default_factory=StrategyShelf)
    held: dict[str, list[JobContact]] = field(default_factory=dict)  # what each node believes to have claimed
    born: int = 0
    codes: dict[AttemptId, str] = field(default_factory=dict)  # every code that was ever seen
    late: set[AttemptId] = field(default_factory=set)  # whose code may have been replaced
    log: list[str] = field(default_factory=list)

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Run one service; what it refuses in plain words is a fine answer."""
        try:
            return self.runner.run(what)
        except (BadInput, CallbackRefused, Conflict, NotFound) as refused:
            self.log.append(f"    refused: {refused}")
            return None

    def write(self, work: Callable[[Tx], Any]) -> Any:
        return self.store.write_now(work)

    def settle(self) -> None:
        """Lists, codes, strategy, campaigns."""
        self.org_id = self.write(lambda tx: tx.organisations.ensure("default"))
        for name in LISTS:
            self.people(name, 4)
        self.do(save_strategy(self.store, self.org_id, STRATEGY))
        self.do(create_code(self.store, self.org_id, CustomCode(name="Interested", is_success=True)))
        self.do(create_code(self.store, self.org_id, CustomCode(name="Stop", is_closure=True, add_to_dnc=True)))
        self.do(create_code(self.store, self.org_id, CustomCode(name="Later")))
        for name, how in CAMPAIGNS.items():
            new = NewCampaign(name=name, strategy="laws", contact_lists=LISTS, codes=OWN, finish_after={"Interested": 2}, **how)
            assert self.do(create_campaign(self.store, self.org_id, new)) is not None, self.log[-1]

    # ── what may happen ───────────────────────────────────────────────────────────────────────────────────────────

    def nothing(self) -> None:
        """Time goes by."""

    def people(self, list_name: str, count: int) -> None:
        """New contacts; every third one has the home number of another, every sixth the mobile of another."""
        rows = []
        for number in range(self.born, self.born + count):
            numbers = {"mobile": f"+1555010{number % 6 if number > 5 and not number % 6 else number:04d}"}
            numbers |= {"home": f"+1555020{number // 3:04d}"} if number % 2 else {}
            zones = ZONES[number % len(ZONES)]
            rows.append(
                NewContact(
                    user_contact_id=f"c{number}",
                    attributes={"age": str(20 + number * 7 % 40), "city": "Ankara" if number % 2 else "Bursa"},
                    addresses=tuple(NewAddress(name=name, value=value, zones=zones) for name, value in numbers.items()),
                )
            )
        self.born += count

        def work(tx: Tx) -> None:
            made = tx.contact_lists(self.org_id).ensure(list_name, ["age", "city"])
            tx.contacts(self.org_id).upsert_batch(made.id, rows)

        self.write(work)

    def change(self, which: int, age: str) -> None:
        """Import a contact that is there already, with another age."""
        found = self.living()
        if not found:
            return
        contact = found[which % len(found)]
        row = NewContact(user_contact_id=contact.user_contact_id, attributes={"age": age})
        self.write(lambda tx: tx.contacts(self.org_id).upsert_batch(contact.list_id, [row]))

    def start(self, name: str) -> None:
        """An operator starts the campaign, and the engine takes the job up."""
        job = self.do(jobs.start_campaign(self.store, self.org_id, name, by="op"))
        if job is not None:
            self.run_queued(job)

    def run_queued(self, job: Job) -> None:
        self.write(lambda tx: tx.jobs(None).set_state(job.id, JobState.RUNNING, because="started", by="dialer"))

    def claim(self, node: str, which: int, limit: int) -> None:
        """A node claims for one of the running jobs."""
        running = [job for job in self.open_jobs() if job.state is JobState.RUNNING]
        if running:
            job = running[which % len(running)]
            claims = self.do(claim_contacts(self.store, job.id, limit=limit, owner=node, lease_s=LEASE_S, now=self.now))
            self.held.setdefault(node, []).extend(claims)

    def dial(self, node: str) -> None:
        """The node writes the intents of what it believes to hold; the law is asked by the oracle, too."""
        mine, self.held[node] = self.held.get(node, []), []
        for job in {claim.job_id for claim in mine}:
            claims = [claim for claim in mine if claim.job_id == job]
            found = self.store.read_now(lambda tx, job=job: tx.jobs(None).get(job))  # type: ignore[misc]
            barred = self.barred()
            route = Route(trunk="t", switch="s", node=node)
            strategy = self.shelf(found.id, found.strategy_text)
            intents = self.runner.run(commit_intents(self.store, found, strategy, claims, route, now=self.now))
            assert found.state is JobState.RUNNING or not intents.to_place, "nothing is placed for a job that does not run"
            for attempt in intents.to_place:
                self.check_launch(attempt, barred)

    def check_launch(self, attempt: Attempt, barred: tuple[set[str], set[ContactId]]) -> None:
        """Nobody on the DNC list, nobody excluded or deleted, nobody outside the hours of every zone of the number."""
        numbers, people = barred
        assert attempt.address not in numbers, "on the DNC list"
        assert attempt.contact_id not in people, "excluded"
        owned = {
            one.value: one for one in self.store.read_now(lambda tx: tx.contacts(self.org_id).get(attempt.contact_id)).addresses
        }
        assert attempt.address in owned, "the contact has this number"
        opens, closes = OPENS_CLOSES[attempt.address_name]
        for zone in owned[attempt.address].zones:
            shown = self.now.astimezone(ZoneInfo(zone)).time()
            inside = opens <= shown < closes if opens < closes else shown >= opens or shown < closes
            assert inside, f"{shown} in {zone} is outside {opens} to {closes}"

    def crash(self, node: str) -> None:
        """The node forgets what it has claimed: the leases run out."""
        self.held.pop(node, None)

    def restart(self) -> None:
        """The dialer dies and recovers: all that was claimed is due again, the live calls end as unknown."""
        self.held.clear()
        now = self.now
        self.write(lambda tx: (tx.job_contacts.release(now=now), tx.job_contacts.mend_calls_without_attempt(now)))

    def sweep(self) -> None:
        now = self.now
        self.write(lambda tx: tx.job_contacts.release(now=now, expired_only=True))

    def end(self, which: int, code: str) -> None:
        """A call ends; the news comes twice."""
        live = self.live()
        if not live:
            return
        attempt = live[which % len(live)]
        if code in OWN:
            self.write(lambda tx: tx.attempts.set_app_code(attempt.id, code, self.now))
        system = "Disconnected by User" if code in OWN else code
        closing = Closing(code=system, source="network", system_code=system, ended_at=self.now)
        assert self.runner.run(record_completion(self.store, attempt.id, closing, self.shelf)) is not None
        assert self.runner.run(record_completion(self.store, attempt.id, closing, self.shelf)) is None, "one code each"

    def promise(self, which: int, in_s: int, expires_s: int, by_app: bool) -> None:
        """A callback is promised, by an app on the call or by an operator."""
        at = self.now + timedelta(seconds=in_s)
        wanted = Wanted(at=at, expires_at=at + timedelta(seconds=expires_s) if expires_s else None)
        live, people = self.live(), self.living()
        if by_app and live:
            attempt = live[which % len(live)]

            def work(tx: Tx) -> None:
                from dialer.services.callback_promise import promise

                promise(
                    tx, attempt.job_id, attempt.contact_id, wanted, strategy_of=self.shelf, now=self.now, by="app",
                    on_attempt=attempt.id,
                )  # fmt: skip

            self.do(self.store.write(work))
        elif people and (open_jobs := self.open_jobs()):
            contact, job = people[which % len(people)], open_jobs[which % len(open_jobs)]
            self.do(
                callbacks.add_callback(
                    self.store, self.org_id, contact.user_contact_id, wanted, strategy_of=self.shelf, now=self.now, by="op",
                    job_id=job.id,
                )
            )  # fmt: skip

    def touch_callback(self, which: int, how: str, in_s: int) -> None:
        """An operator moves, hurries or cancels a callback."""
        found = self.store.read_now(lambda tx: tx.callbacks(self.org_id).all())
        if not found:
            return
        one: CallbackId = found[which % len(found)].id
        if how == "cancel":
            self.do(callbacks.cancel_callback(self.store, self.org_id, one, strategy_of=self.shelf, now=self.now, by="op"))
        elif how == "now":
            self.do(callbacks.call_back_now(self.store, self.org_id, one, now=self.now))
        else:
            at = self.now + timedelta(seconds=in_s)
            self.do(callbacks.edit_callback(self.store, self.org_id, one, now=self.now, at=at))

    def operate(self, name: str, how: str) -> None:
        """Pause, resume, stop."""
        service = {"pause": jobs.pause_campaign, "resume": jobs.resume_campaign, "stop": jobs.stop_campaign}[how]
        self.do(service(self.store, self.org_id, name, by="op"))

    def edit(self, name: str, chosen: str, lists: Sequence[str]) -> None:
        """Another filter, other lists."""
        edit = jobs.JobEdit(filter=parse_filter([chosen]) if chosen else None, contact_lists=tuple(lists) or None)
        self.do(jobs.edit_job(self.store, self.org_id, name, edit, by="op"))

    def recycle(self, name: str, code: str) -> None:
        job = self.do(jobs.recycle_campaign(self.store, self.org_id, name, [code], by="op"))
        if job is not None:
            self.run_queued(job)

    def delete(self, which: int) -> None:
        if people := self.living():
            one = people[which % len(people)]
            self.do(contacts.delete_contact(self.store, self.org_id, self.list_name(one.list_id), one.user_contact_id))

    def exclude(self, which: int, ends: bool) -> None:
        if people := self.living():
            one = people[which % len(people)]
            if ends:
                self.do(contacts.include_contact(self.store, self.org_id, self.list_name(one.list_id), one.user_contact_id))
            else:
                self.do(
                    contacts.exclude_contact(
                        self.store, self.org_id, self.list_name(one.list_id), one.user_contact_id,
                        until=self.now + timedelta(hours=1), now=self.now,
                    )
                )  # fmt: skip

    def list_number(self, which: int, off: bool) -> None:
        """A number comes on the DNC list, or off it."""
        number = f"+1555010{which % 8:04d}"
        if off:
            self.do(dnc.remove_from_dnc(self.store, self.org_id, number))
        else:
            self.do(dnc.add_to_dnc(self.store, self.org_id, number))

    def add_to_job(self, name: str, which: int) -> None:
        """A contact of a third list gets a place in a running job."""
        self.people("Others", 1)
        self.do(contacts.add_to_job(self.store, self.org_id, name, "Others", f"c{self.born - 1}"))

    def late_code(self, which: int, code: str) -> None:
        """A code becomes known for a contact that waits."""
        waiting = [row for row in self.rows(tables.job_contacts) if row.handler == "wait" and row.finished_at is None]
        if not waiting:
            return
        row = waiting[which % len(waiting)]
        names = {one.id: one.user_contact_id for one in self.living()}
        if row.contact_id in names:
            last = self.store.read_now(lambda tx: tx.attempts.last_in_job(row.job_id, row.contact_id))
            if last is not None:
                self.late.add(last.id)
            self.do(
                late_codes.record_late_code(
                    self.store, self.org_id, names[row.contact_id], code, strategy_of=self.shelf, now=self.now, job_id=row.job_id
                )
            )

    def look_after(self) -> None:
        """What the supervisor does: bring stopping jobs to their end, look back and complete those with nothing left to do."""
        for job in self.open_jobs():
            if job.state is JobState.STOPPING:
                self.write(partial(_bring_to_end, job, self.now))
            elif job.state is JobState.RUNNING:
                self.write(partial(_complete_if_exhausted, job))

    # ── what there is ─────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self, table: sa.Table) -> Sequence[sa.Row[Any]]:
        return self.store.read_now(lambda tx: tx.connection.execute(sa.select(table)).all())

    def open_jobs(self) -> list[Job]:
        return self.store.read_now(lambda tx: tx.jobs(None).not_completed())

    def live(self) -> list[Attempt]:
        found = self.store.read_now(lambda tx: tx.attempts.open())
        return sorted(found, key=lambda one: (one.job_id, one.contact_id))  # ids of one moment are in no order

    def living(self) -> list[Any]:
        gone = {row.id for row in self.rows(tables.contact_lists) if row.name.startswith("(")}
        return sorted((row for row in self.rows(tables.contacts) if row.list_id not in gone), key=lambda row: row.id)

    def list_name(self, list_id: int) -> str:
        return next(str(row.name) for row in self.rows(tables.contact_lists) if row.id == list_id)

    def barred(self) -> tuple[set[str], set[ContactId]]:
        """Numbers on the DNC list and contacts that are excluded, at this moment."""
        entries = self.store.read_now(lambda tx: tx.dnc(self.org_id).page(limit=1000))
        people = {ContactId(row.contact_id) for row in self.rows(contact_exclusions) if row.until > self.now}
        return {one.value for one in entries}, people


def _bring_to_end(job: Job, now: datetime, tx: Tx) -> None:
    if not tx.attempts.open(job_id=job.id):
        tx.job_contacts.release(now=now, job_id=job.id)
        complete(tx, job, because=job.because, by="dialer")


def _complete_if_exhausted(job: Job, tx: Tx) -> None:
    places = tx.job_contacts
    if places.has_unfinished(job.id) or places.has_untouched(job.id):
        return
    found = places.overlooked(job.id)
    while not found.contacts and found.after is not None:
        found = places.overlooked(job.id, found.after)
    if found.contacts:
        places.take_overlooked(job.id, found.contacts)
    else:
        complete(tx, tx.jobs(None).get_for_update(job.id), because="no contacts left", by="exhaustion")
