"""What becomes of a contact after an attempt has ended: done, called again later, or on to another handler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.codes import CustomCode, NextAction, SystemCode, name_key
from dialer.domain.progress import Progress
from dialer.domain.strategy import DONE, Retry, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The contact leaves the job."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """The same handler calls again, not before `due`, beginning with the handler's address number `address_index`."""

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


NextStep = Done | RetryAt | Goto


def next_step(
    strategy: Strategy,
    handler_state: str,
    code: str,
    progress: Progress,
    custom: CustomCode | None,
    now: datetime,
    *,
    address_index: int = 0,
) -> NextStep:
    """Follow the handler's result table for a final completion code.

    `custom` is the definition of `code` when it is a custom one; `address_index` is the handler's address that was just tried
    (`CallHandler.index_of`). A code without a row goes where `otherwise` says, whoever is to blame for the outcome.
    """
    handler = strategy.handler(handler_state)
    if name_key(code) == name_key(SystemCode.OPTED_OUT):
        return Done(because="opted out")  # no row of a strategy can bring such a contact back
    row = handler.result_for(code)
    if row is None:
        if custom is not None and (custom.is_closure or custom.next_action is NextAction.STOP):
            return Done(because=f"{code} closes the contact")
        return _move(handler.otherwise, f"{code}: no row of its own")
    if row.retry is None:
        return _move(row.next_state, code)
    return _retry(row.retry, code, progress, now, address_index, len(handler.addresses))


def _retry(retry: Retry, code: str, progress: Progress, now: datetime, address_index: int, addresses: int) -> NextStep:
    # The count is shared: retries that other rows caused are held against this one (POM, "Examples of retries").
    if progress.retries >= retry.count:
        return _move(retry.fail_state, f"{code}: {progress.retries} of {retry.count} retries used")
    key = name_key(code)
    interval_s = retry.intervals[min(progress.by_code.get(key, 0), len(retry.intervals) - 1)]
    after = progress.after_retry(key)
    return RetryAt(
        due=now + timedelta(seconds=interval_s),
        address_index=(address_index + 1) % addresses if retry.address_looping else address_index,
        progress=after,
        because=f"{code}: retry {after.retries} of {retry.count} after {interval_s:g} s",
    )


def _move(state: str, because: str) -> NextStep:
    if state == DONE:
        return Done(because=because)
    return Goto(state=state, progress=Progress(), because=f"{because} → {state}")
