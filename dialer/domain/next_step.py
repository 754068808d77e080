"""What becomes of a contact after an attempt has ended: done, called again later, waiting, or on to another handler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dialer.domain.codes import CustomCode, NextAction, SystemCode, name_key
from dialer.domain.progress import Progress
from dialer.domain.strategy import DONE, WAIT, Handler, Retry, RetryCount, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The contact leaves the job."""

    because: str
    final: bool = False  # nothing that is planned for it may bring it back, not even a callback


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """The same handler calls again, not before `due`, beginning with the handler's address number `address_index`."""

    due: datetime
    address_index: int
    progress: Progress
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The same handler calls again, not before `due`, and no retry is counted: a date, the next number, a callback."""

    due: datetime
    address_index: int
    progress: Progress
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Goto:
    """Another handler takes the contact over, at once and with a clean slate."""

    state: str
    progress: Progress
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The contact waits for a code from outside, at most until `until`; then it goes where its handler's `wait.then` says."""

    until: datetime
    progress: Progress
    because: str


NextStep = Done | RetryAt | Later | Goto | Stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A final completion code and what belongs to it."""

    code: str
    custom: CustomCode | None = None  # the definition of `code` when it is a custom one
    address_index: int = 0  # the place of the address that was just tried in the handler's order
    next_at: datetime | None = None  # the date that was given on the call for the next one
    other_numbers: bool = True  # the handler has another number of the contact that is not on a DNC list
    callback_at: datetime | None = None  # when the contact's pending callback is due


def step_after(handler: Handler, outcome: Outcome, progress: Progress, now: datetime) -> NextStep:
    """What follows a final completion code in a handler.

    In this order: who opted out is done; a date that was given is kept; the row of the code in the result table; the code's own
    next action; `otherwise`. A pending callback goes before everything that would call the contact again or let it go.
    """
    step = _step(handler, outcome, progress, now)
    return step if outcome.callback_at is None else yield_to_callback(step, outcome.callback_at, outcome, progress)


def yield_to_callback(step: NextStep, callback_at: datetime, outcome: Outcome, progress: Progress) -> NextStep:
    """Callbacks go before retries: a contact with a pending callback is not called before it, and no retry is used up."""
    if isinstance(step, Done) and step.final:
        return step
    because = f"{outcome.code}: a callback was promised and goes before ({step.because})"
    return Later(due=callback_at, address_index=outcome.address_index, progress=progress, because=because)


def _step(handler: Handler, outcome: Outcome, progress: Progress, now: datetime) -> NextStep:
    code, custom = outcome.code, outcome.custom
    if name_key(code) == name_key(SystemCode.OPTED_OUT):
        return Done(because="opted out", final=True)  # no row of a strategy can bring such a contact back
    action = NextAction.NONE if custom is None else custom.next_action
    if action is NextAction.SCHEDULE and outcome.next_at is not None:
        return _on_date(outcome, progress, now)  # a promise to a person: no table may break it
    row = handler.result_for(code)
    if row is not None and row.retry is not None:
        return _retry(handler, row.retry, outcome, progress, now)
    if row is not None:
        return move(handler, row.next_state, code, now)
    if custom is not None and (custom.is_closure or action is NextAction.STOP):
        return Done(because=f"{code} closes the contact", final=True)
    if action is NextAction.SCHEDULE:
        return _on_date(outcome, progress, now)
    if action in (NextAction.REMOVE_NUMBER, NextAction.BLOCK_NUMBER):
        return _next_number(outcome, progress, now)
    return move(handler, handler.otherwise, f"{code} has no row of its own", now)


def _on_date(outcome: Outcome, progress: Progress, now: datetime) -> NextStep:
    delay = timedelta(seconds=outcome.custom.schedule_after_s if outcome.custom else 0)
    given = outcome.next_at
    due = now + delay if given is None else max(given, now)
    because = f"{outcome.code}: called again at the date {'that was given' if given is not None else 'that the code sets'}"
    return Later(due=due, address_index=outcome.address_index, progress=progress, because=because)


def _next_number(outcome: Outcome, progress: Progress, now: datetime) -> NextStep:
    what = "blocked" if outcome.custom and outcome.custom.next_action is NextAction.BLOCK_NUMBER else "removed"
    if not outcome.other_numbers:
        return Done(because=f"{outcome.code}: the number is {what}, and the contact has no other")
    # The number that is gone stands in nobody's way any more: the search begins where it was, and finds the one behind it.
    because = f"{outcome.code}: the number is {what}; on with the next"
    return Later(due=now, address_index=outcome.address_index, progress=progress, because=because)


def _retry(handler: Handler, retry: Retry, outcome: Outcome, progress: Progress, now: datetime) -> NextStep:
    code, key = outcome.code, name_key(outcome.code)
    mine = progress.by_code.get(key, 0)
    # Shared: retries that other rows caused are held against this one (POM, "Examples of retries").
    used = progress.retries if handler.retry_count is RetryCount.SHARED else mine
    if used >= retry.count:
        return move(handler, retry.fail_state, f"{code}: {used} of {retry.count} retries used", now)
    interval_s = retry.intervals[min(mine, len(retry.intervals) - 1)]
    index, count = outcome.address_index, max(1, len(handler.addresses))
    return RetryAt(
        due=now + timedelta(seconds=interval_s),
        address_index=(index + 1) % count if retry.address_looping else index,
        progress=replace(progress.after_retry(key), relaunches=0),
        because=f"{code}: retry {used + 1} of {retry.count} after {interval_s:g} s",
    )


def move(handler: Handler, state: str, because: str, now: datetime) -> NextStep:
    """On from a handler to a state: a handler's, "wait" or "done"."""
    if state == DONE:
        return Done(because=because)
    if state == WAIT:
        limit = handler.wait
        return Stay(
            until=now + timedelta(seconds=limit.for_s),
            progress=Progress(waits_in=handler.state),
            because=f"{because} → {WAIT}, at most {limit.for_s:g} s, then {limit.then}",
        )
    return Goto(state=state, progress=Progress(), because=f"{because} → {state}")


def waited_out(strategy: Strategy, progress: Progress, now: datetime) -> NextStep:
    """Nothing came while the contact was in the state "wait", and its time is up."""
    handler = strategy.handler(progress.waits_in)
    return move(handler, handler.wait.then, f"nothing came within {handler.wait.for_s:g} s", now)
