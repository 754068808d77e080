"""Give a message of ours the code that its answer means, whatever has become of the message and of its contact meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.callback import CallbackState
from dialer.domain.campaign import Job, JobContactState, JobState
from dialer.domain.codes import SYSTEM_NAME_KEYS, CustomCode, SystemCode, name_key
from dialer.domain.ids import JobId
from dialer.domain.message_codes import arrived
from dialer.domain.next_step import Done
from dialer.domain.progress import Progress
from dialer.domain.strategy import WAIT
from dialer.services.completion import Completed, StrategyOf, close_in
from dialer.services.contact_steps import apply_step, result_for_processor
from dialer.services.finishing import finish_if_met, may_finish
from dialer.services.late_codes import go_on_with, replace_code
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Tx

REPLY = "reply"  # the source of such a code


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What became of a code: `because` says why it was not taken, and is "" when it was."""

    because: str = ""
    completed: Completed | None = None  # what is new of the attempt: it has ended, or has another code


def give_code(
    tx: Tx,
    attempt: Attempt,
    code: str,
    *,
    strategy_of: StrategyOf,
    now: datetime,
    custom: CustomCode | None = None,
    job_of: Callable[[JobId], Job] | None = None,
    barred: bool = False,
) -> Given:
    """The code of an answer, as it is written in the ledger (`settable_code`).

    `custom` defines it, where the caller has that; `job_of` gives jobs that are held, where several are given codes together;
    `barred`: an opt-out's address is on the DNC list by this very transaction.

    An open attempt ends with it: who answers a message has it, whatever its provider says later. Where the attempt has ended
    and its contact waits, it is a late code (ADR 0014). A contact that has gone on stays where it is; only an opt-out takes it
    out of the job all the same.
    """
    opted_out = code == SystemCode.OPTED_OUT
    if attempt.code is None:
        closing = Closing(code=code, source=REPLY, system_code=arrived(attempt.channel), ended_at=max(now, attempt.intent_at))
        return Given(completed=close_in(tx, attempt.id, closing, strategy_of))
    place = tx.job_contacts.get(attempt.job_id, attempt.contact_id, hold=True)
    last = None if opted_out else tx.attempts.last_in_job(attempt.job_id, attempt.contact_id)
    # Nobody changes it while its contact's place is held: what is read from here on stays as it is.
    attempt = last if last is not None and last.id == attempt.id else tx.attempts.get(attempt.id) or attempt
    job = (job_of or tx.jobs(None).get_for_update)(attempt.job_id)
    if opted_out:
        _leave(tx, job, place, attempt, strategy_of, now, barred=barred)
        return Given(completed=_told(tx, job, attempt, code, strategy_of, now))
    if last is None or last.id != attempt.id or place is None:
        return Given(because="it came when the campaign had gone on with this contact")
    waits = place.handler == WAIT and place.finished_at is None and Progress.from_json(place.progress).waits_in == attempt.handler
    if waits:
        if custom is None and name_key(code) not in SYSTEM_NAME_KEYS:
            custom = tx.codes(attempt.org_id).find(code)
        go_on_with(tx, job, place, attempt, code, custom, source=REPLY, strategy_of=strategy_of, now=now)
        return Given(completed=_told(tx, job, attempt, code, strategy_of, now))
    return Given(because="it came when this contact did not wait for an answer (any more)")


def _told(tx: Tx, job: Job, attempt: Attempt, code: str, strategy_of: StrategyOf, now: datetime) -> Completed | None:
    """A late code for those who follow results: `attempt` and `job` are as they were before it."""
    if attempt.code == code:
        return None
    late, because = replace(attempt, code=code, code_source=REPLY), ""
    if may_finish(job, code) and job.state is not JobState.STOPPING:
        after = tx.jobs(None).get(job.id)
        because = after.because if after.state is JobState.STOPPING else ""
    handler = strategy_of(job.id, job.strategy_text).handler(attempt.handler)
    return Completed(attempt=late, job_finished_because=because, result=result_for_processor(tx, job, late, handler, now))


def _leave(
    tx: Tx, job: Job, place: JobContact | None, attempt: Attempt, strategy_of: StrategyOf, now: datetime, *, barred: bool
) -> None:
    """Who opts out leaves the job, wherever the contact stands; nothing is planned for it any more."""
    code = SystemCode.OPTED_OUT.value
    handler = strategy_of(job.id, job.strategy_text).handler(attempt.handler)
    replace_code(tx, job, attempt, handler, code, None, source=REPLY, now=now, barred=barred)
    step = Done(because="opted out", final=True)
    if (callback := tx.callbacks(None).pending_of(job.id, [attempt.contact_id]).get(attempt.contact_id)) is not None:
        tx.callbacks(None).close(callback.id, CallbackState.CANCELLED, step.because)
    if place is not None and place.state not in (JobContactState.FINISHED, JobContactState.IN_CALL):
        apply_step(tx, job.id, place.contact_id, step, code=code, now=now)
    finish_if_met(tx, job, code)
