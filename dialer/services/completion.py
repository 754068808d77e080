"""Close an attempt with its one completion code, and decide in the same transaction what comes next for the contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from dialer import failpoints
from dialer.domain.attempt import AGENT, COMPLIANCE, DEFAULT, Attempt
from dialer.domain.callback import CallbackState
from dialer.domain.channel import Channel
from dialer.domain.codes import SYSTEM_NAME_KEYS, CustomCode, SystemCode, name_key
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.next_step import Done, Later, Outcome, step_after
from dialer.domain.progress import Progress
from dialer.domain.result import AttemptResult
from dialer.domain.strategy import Handler, Strategy
from dialer.services.callback_steps import still_promised
from dialer.services.contact_steps import add_to_history, apply_step, result_for_processor, treat_number
from dialer.services.finishing import finish_if_met
from dialer.services.publishing import publish
from dialer.store.attempts import Closing
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store, Tx

log = structlog.get_logger()

StrategyOf = Callable[[JobId, str], Strategy]  # a job's strategy, parsed once

RELAUNCH_AFTER_S = 5.0
RELAUNCHES_MAX = 5
"""A call that never left (we crashed, or the link broke first) is tried again this often before the contact is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What was recorded, and whether it ended the job's dialling."""

    attempt: Attempt
    job_finished_because: str = ""
    result: AttemptResult | None = None  # for the result processor that the strategy names

    @property
    def called(self) -> bool:
        """Whether a call was to be placed: compliance did not end it before, and it goes through a switch."""
        return self.attempt.code_source != COMPLIANCE and self.attempt.channel is Channel.VOICE


async def record_completion(store: Store, attempt_id: AttemptId, system: Closing, strategy_of: StrategyOf) -> Completed | None:
    """Close the attempt: the one function through which every completion code passes, in one transaction.

    `system` holds what the network, the detector or reconciliation found; a code that the IVR app has set is the last word
    over it. None when the attempt had its code already: a second writer changes nothing. Raises StoreDown.
    """
    failpoints.hit("K8")
    completed = await store.write(lambda tx: close_in(tx, attempt_id, system, strategy_of))
    if completed is None:
        log.info("attempt already has its code", attempt=attempt_id, ignored=system.code)
    else:
        failpoints.hit("K9")
    return completed


def close_in(
    tx: Tx, attempt_id: AttemptId, system: Closing, strategy_of: StrategyOf, *, seen: Attempt | None = None
) -> Completed | None:
    """`record_completion` as part of a transaction that does more.

    `seen`: the attempt as it was read in this very transaction, where the caller has it.
    """
    attempt = seen or tx.attempts.get(attempt_id)
    if attempt is None or attempt.code is not None:
        return None
    by_agent = system.source in (AGENT, DEFAULT)
    closing = replace(system, code=attempt.app_code, source="app") if attempt.app_code and not by_agent else system
    attempt, closing = _with_agent(tx, attempt, closing)
    closed = tx.attempts.close(attempt_id, closing, seen=attempt)
    if closed is None:
        return None
    job = tx.jobs(None).as_started(closed.job_id)
    strategy = strategy_of(job.id, job.strategy_text)
    handler = strategy.handler(closed.handler)
    custom = None if name_key(closing.code) in SYSTEM_NAME_KEYS else tx.codes(closed.org_id).find(closing.code)
    add_to_history(tx, closed, custom)
    others = treat_number(tx, job, closed, handler, custom, closing.ended_at)
    place = tx.job_contacts.get(closed.job_id, closed.contact_id, hold=True)  # a callback may be promised at this moment
    if place is not None:
        _move_contact(tx, closed, place, handler, custom, closing, other_numbers=others)
    publish(tx, job, closed, handler, closing.ended_at)
    return Completed(
        attempt=closed,
        job_finished_because=finish_if_met(tx, job, closing.code),
        result=result_for_processor(tx, job, closed, handler, closing.ended_at),
    )


def _with_agent(tx: Tx, attempt: Attempt, closing: Closing) -> tuple[Attempt, Closing]:
    """What an agent said besides the code; and the code of a call that lost its agent, or its dialer, before there was one."""
    joined_at = attempt.joined_at or closing.joined_at
    words = {"next_at": closing.next_at, "app_note": closing.app_note, "agent": closing.agent}
    if any(words.values()):
        tx.attempts.update_open(attempt.id, {name: value for name, value in words.items() if value})
        attempt = tx.attempts.get(attempt.id) or attempt
    plan = tx.jobs(None).as_started(attempt.job_id).definition.pacing
    if not plan.has_agents:
        return attempt, closing
    if joined_at is not None and closing.source not in (AGENT, DEFAULT, "app"):
        closing = replace(
            closing, code=plan.default_code or closing.code, source=DEFAULT if plan.default_code else closing.source
        )
    if closing.system_code == SystemCode.NUISANCE_CALL and attempt.person_at is None and closing.person_at is None:
        # Nobody of ours saw the answer: the switch apologised by itself. It counts as abandoned all the same.
        answered_at = attempt.answered_at or closing.answered_at or closing.ended_at
        closing = replace(closing, person_at=answered_at)
    return attempt, closing


def _move_contact(
    tx: Tx,
    attempt: Attempt,
    place: JobContact,
    handler: Handler,
    custom: CustomCode | None,
    closing: Closing,
    *,
    other_numbers: bool,
) -> None:
    code, now = attempt.code or "", closing.ended_at
    progress = Progress.from_json(place.progress)
    if code == SystemCode.NOT_LAUNCHED and progress.relaunches < RELAUNCHES_MAX:
        again = Later(
            due=now + timedelta(seconds=max(RELAUNCH_AFTER_S, closing.again_after_s)),
            address_index=place.address_index,
            progress=replace(progress, relaunches=progress.relaunches + 1),
            because="the last attempt never left; it is made again as a new one",
        )
        callback = tx.callbacks(None).pending_for(place.job_id, place.contact_id)
        if callback is not None and callback.attempt_id == attempt.id:
            tx.callbacks(None).keep(callback.id, None)  # nobody was called for it yet
        apply_step(tx, place.job_id, place.contact_id, again, code=code, now=now)
        return
    callback = still_promised(tx, attempt, now=now)
    outcome = Outcome(
        code=code,
        custom=custom,
        address_index=place.address_index,
        next_at=attempt.next_at,
        other_numbers=other_numbers,
        callback_at=None if callback is None else max(callback.at, now),
    )
    step = step_after(handler, outcome, progress, now)
    if callback is not None and isinstance(step, Done):  # nothing may bring this contact back
        tx.callbacks(None).close(callback.id, CallbackState.CANCELLED, step.because)
    apply_step(tx, place.job_id, place.contact_id, step, code=code, now=now)
