"""The PDC verbs for the campaign: contacts that its job is to call, its counters, callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.callback import CallbackType
from dialer.domain.campaign import Job, JobState
from dialer.services.callback_promise import Wanted, promise
from dialer.services.callbacks import take_back
from dialer.services.contacts import contact_named
from dialer.services.jobs import JobEdit, change_job
from dialer.services.pdc_call import OnCall, check_text
from dialer.services.pdc_contacts import named_list
from dialer.store.store import Tx
from pdc import BadValue, JobEnding

MAX_COUNT = 10**15


class CampaignVerbs(OnCall):
    """Act on the running job."""

    async def add_to_job(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Let the running job call a contact too."""

        def work(tx: Tx, attempt: Attempt) -> None:
            _open_job(tx, attempt)
            contact = contact_named(tx, attempt.org_id, named_list(tx, attempt, list_name), user_contact_id)
            tx.contact_rules(attempt.org_id).add_to_job(attempt.job_id, contact.id)

        await self._write(work)

    async def add_list_to_job(self, list_name: str) -> None:
        """Let the running job call one more list too."""

        def work(tx: Tx, attempt: Attempt) -> None:
            job = _open_job(tx, attempt)
            name = tx.contact_lists(attempt.org_id).by_name(list_name).name
            if name not in job.definition.contact_lists:
                edit = JobEdit(contact_lists=(*job.definition.contact_lists, name))
                change_job(tx, job, edit, by=_by(attempt))

        await self._write(work)

    async def count(self, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Change a counter of the campaign; with the same `once` on the same call it counts a single time."""
        if not name or len(name) > 80 or abs(amount) > MAX_COUNT:
            raise BadValue("a counter has a name of at most 80 characters, and an amount within reason")

        def work(tx: Tx, attempt: Attempt) -> int:
            counters = tx.counters(tx.jobs(None).as_started(attempt.job_id).campaign_id)
            if once:
                tx.attempts.hold(attempt.id)  # the same request may come by another node at this moment
            if once and any(kind == "count" and data.get("once") == once for _, kind, data in tx.attempts.events_of(attempt.id)):
                return counters.value(name)
            if once:
                tx.attempts.add_events([(attempt.id, self._parts.now(), "count", {"once": once, "name": name})])
            return counters.assign(name, amount) if assign else counters.add(name, amount)

        return await self._write(work)

    async def counters(self) -> Mapping[str, int]:
        """Every counter of the campaign."""
        return await self._read(lambda tx, attempt: tx.counters(tx.jobs(None).as_started(attempt.job_id).campaign_id).all())

    async def schedule_callback(
        self,
        at: datetime,
        *,
        zone: str = "",
        expires: datetime | None = None,
        address: str = "",
        note: str = "",
        type: str = "",
        agent: str = "",
    ) -> datetime:
        """Call this contact again at a moment; the one that was given is returned."""
        check_text(note)
        if type not in ("", *CallbackType):
            raise BadValue(f"{type[:20]!r} is no type of callback: {', '.join(CallbackType)}")
        kind = CallbackType(type) if type else None
        about = {"zone": zone, "number": address, "note": note, "agent": agent}
        wanted = Wanted(at=at, expires_at=expires, type=kind, on_request=True, **about)

        def work(tx: Tx, attempt: Attempt) -> datetime:
            return promise(
                tx,
                attempt.job_id,
                attempt.contact_id,
                wanted,
                strategy_of=self._parts.strategy_of,
                now=self._parts.now(),
                by=_by(attempt),
                on_attempt=attempt.id,
            ).at

        return await self._write(work)

    async def cancel_callback(self) -> None:
        """Take back what the contact was promised in this job."""
        await self._write(lambda tx, attempt: take_back(tx, attempt.job_id, attempt.contact_id, by=_by(attempt)))


def _open_job(tx: Tx, attempt: Attempt) -> Job:
    """The job, held until the commit. Raises JobEnding."""
    job = tx.jobs(None).get_for_update(attempt.job_id)
    if job.state in (JobState.STOPPING, JobState.COMPLETED):
        raise JobEnding(f"the job is {job.state.value} ({job.because})")
    return job


def _by(attempt: Attempt) -> str:
    return f"the app {attempt.app}" if attempt.app else "an app"
