"""What a code makes of a contact: stop, a date, the next number; callbacks before retries; nobody is lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.codes import CustomCode, NextAction, SystemCode, name_key
from dialer.domain.next_step import Done, Goto, Later, NextStep, Outcome, RetryAt, Stay, step_after, waited_out
from dialer.domain.progress import Progress
from dialer.domain.strategy import (
    AddressRule,
    CallHandler,
    Result,
    Retry,
    RetryCount,
    Strategy,
    StrategyStatus,
    Waiting,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
BUSY, NO_ANSWER = SystemCode.CALL_BUSY, SystemCode.RING_NO_ANSWER
ADDRESSES = tuple(AddressRule(name=name, opens=time(8), closes=time(21)) for name in ("mobile", "home"))


def handler(
    results: dict[str, Result] | None = None, *, count: RetryCount = RetryCount.SHARED, wait: Waiting | None = None
) -> CallHandler:
    return CallHandler(
        state="initial",
        addresses=ADDRESSES,
        results={name_key(code): row for code, row in (results or {}).items()},
        otherwise="second",
        retry_count=count,
        wait=wait or Waiting(),
    )


def custom(action: NextAction) -> CustomCode:
    return CustomCode(name="Mine", next_action=action, schedule_after_s=3600)


def after(of: CallHandler, code: str, progress: Progress | None = None, **changes: Any) -> NextStep:
    return step_after(of, Outcome(code=code, **changes), progress or Progress(), NOW)


@pytest.mark.row(137)
@pytest.mark.parametrize(
    ("action", "changes", "expected", "due"),
    [
        (NextAction.NONE, {}, Goto, None),  # the table decides: `otherwise`
        (NextAction.STOP, {}, Done, None),
        (NextAction.SCHEDULE, {}, Later, NOW + timedelta(hours=1)),  # the code's own delay
        (NextAction.SCHEDULE, {"next_at": NOW + timedelta(days=3)}, Later, NOW + timedelta(days=3)),
        (NextAction.SCHEDULE, {"next_at": NOW - timedelta(days=3)}, Later, NOW),  # a date that has passed is now
        (NextAction.REMOVE_NUMBER, {}, Later, NOW),
        (NextAction.REMOVE_NUMBER, {"other_numbers": False}, Done, None),
        (NextAction.BLOCK_NUMBER, {}, Later, NOW),
        (NextAction.BLOCK_NUMBER, {"other_numbers": False}, Done, None),
    ],
)
def test_a_codes_next_action_moves_the_contact(
    action: NextAction, changes: dict[str, Any], expected: type, due: datetime | None
) -> None:
    step = after(handler(), "mine", custom=custom(action), **changes)
    assert isinstance(step, expected)
    if isinstance(step, Later):
        assert (step.due, step.progress) == (due, Progress())


def test_a_row_goes_before_the_codes_action_and_a_given_date_before_the_row() -> None:
    rows = handler({"Mine": Result(next_state="done")})
    assert isinstance(after(rows, "Mine", custom=custom(NextAction.SCHEDULE)), Done)
    promised = after(rows, "Mine", custom=custom(NextAction.SCHEDULE), next_at=NOW + timedelta(hours=5))
    assert isinstance(promised, Later)


@pytest.mark.row(48)
@pytest.mark.parametrize(
    ("codes", "waits"),
    [
        # With a count of their own each: Busy twice and No Answer four times, in whatever order.
        ([BUSY, BUSY, NO_ANSWER, BUSY], [30, 30, 60, None]),
        ([BUSY, BUSY, NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER], [30, 30, 60, 60, 60, 60, None]),
    ],
)
def test_retries_count_by_code_when_asked(codes: list[SystemCode], waits: list[float | None]) -> None:
    rows = handler(
        {BUSY: Result(retry=Retry(count=2, intervals=(30,))), NO_ANSWER: Result(retry=Retry(count=4, intervals=(60,)))},
        count=RetryCount.PER_CODE,
    )
    progress = Progress()
    for code, wait in zip(codes, waits, strict=True):
        step = after(rows, code, progress)
        assert isinstance(step, Done if wait is None else RetryAt)
        if isinstance(step, RetryAt):
            assert step.due == NOW + timedelta(seconds=wait or 0)
            progress = step.progress


@pytest.mark.row(39)
def test_a_waiting_contact_follows_the_table_of_its_handler_or_goes_on_when_its_time_is_up() -> None:
    rows = handler({BUSY: Result(next_state="wait")}, wait=Waiting(for_s=90, then="second"))
    step = after(rows, BUSY)
    assert isinstance(step, Stay)
    assert step.until == NOW + timedelta(seconds=90)
    stored = Progress.from_json(step.progress.to_json())
    strategy = Strategy(
        name="s", status=StrategyStatus.COMPLETED, handlers=(rows, CallHandler(state="second", addresses=ADDRESSES))
    )
    gone_on = waited_out(strategy, stored, NOW)
    assert isinstance(gone_on, Goto)
    assert gone_on.state == "second"


@pytest.mark.parametrize("code", [BUSY, NO_ANSWER, SystemCode.ANSWER_HUMAN])
def test_a_pending_callback_goes_before_a_retry_and_uses_none_up(code: SystemCode) -> None:
    rows = handler({BUSY: Result(retry=Retry(count=2, intervals=(30,))), NO_ANSWER: Result(next_state="done")})
    promised = NOW + timedelta(hours=2)
    step = after(rows, code, Progress(retries=1), callback_at=promised)
    assert isinstance(step, Later)
    assert (step.due, step.progress) == (promised, Progress(retries=1))
    assert "callback" in step.because


@pytest.mark.parametrize("code", ["Opted Out", "Mine"])
def test_no_callback_brings_back_who_opted_out_or_is_closed(code: str) -> None:
    step = after(handler(), code, custom=None if code == "Opted Out" else custom(NextAction.STOP), callback_at=NOW)
    assert isinstance(step, Done)


STATES = ["done", "wait", "second"]
ROWS = st.one_of(
    st.builds(Result, next_state=st.sampled_from(STATES)),
    st.builds(
        Result,
        retry=st.builds(
            Retry,
            count=st.integers(1, 4),
            intervals=st.lists(st.floats(0, 1000), min_size=1, max_size=3).map(tuple),
            address_looping=st.booleans(),
            fail_state=st.sampled_from(STATES),
        ),
    ),
)
CODES = [BUSY.value, NO_ANSWER.value, "Mine", "Opted Out", "Not Launched", "Other"]


@given(
    rows=st.dictionaries(st.sampled_from(CODES), ROWS),
    outcomes=st.lists(
        st.tuples(st.sampled_from(CODES), st.sampled_from(list(NextAction)), st.booleans()), min_size=1, max_size=40
    ),
    count=st.sampled_from(list(RetryCount)),
)
def test_whatever_happens_a_contact_is_in_exactly_one_place_and_retries_end(
    rows: dict[str, Result], outcomes: list[tuple[str, NextAction, bool]], count: RetryCount
) -> None:
    """Conservation: every code leads to one of done, a later time, a wait that ends, another handler; none to nowhere."""
    of, progress, index, retries = handler(rows, count=count), Progress(), 0, 0
    for code, action, others in outcomes:
        definition = custom(action) if code == "Mine" else None
        step = step_after(of, Outcome(code=code, custom=definition, address_index=index, other_numbers=others), progress, NOW)
        assert step.because
        match step:
            case Done():
                return
            case Goto(state=state, progress=clean):
                assert (state, clean) == ("second", Progress())
                return
            case Stay(until=until, progress=waiting):
                assert until > NOW
                assert waiting.waits_in == of.state
                return
            case RetryAt():
                retries += 1
                assert step.due >= NOW
                assert step.progress.retries == retries == sum(step.progress.by_code.values())
                assert step.progress.by_code[name_key(code)] <= max(row.retry.count for row in rows.values() if row.retry)
            case Later():
                assert step.due >= NOW
                assert step.progress == progress
        assert 0 <= step.address_index < len(ADDRESSES)
        progress, index = Progress.from_json(step.progress.to_json()), step.address_index
    assert retries <= sum(row.retry.count for row in rows.values() if row.retry is not None)
