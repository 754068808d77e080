"""What follows an attempt: retries with one shared count, the address that comes next, and the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta

import pytest

from dialer.domain.codes import CustomCode, NextAction, SystemCode, name_key
from dialer.domain.next_step import Done, Goto, NextStep, Outcome, RetryAt, step_after
from dialer.domain.progress import Progress
from dialer.domain.strategy import AddressRule, CallHandler, Result, Retry, Strategy, StrategyStatus, Treatment, treatment_for

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
BUSY, NO_ANSWER = SystemCode.CALL_BUSY, SystemCode.RING_NO_ANSWER


def rule(name: str) -> AddressRule:
    return AddressRule(name=name, opens=time(8), closes=time(21))


def strategy(results: dict[str, Result], *, otherwise: str = "done", addresses: tuple[str, ...] = ("mobile",)) -> Strategy:
    first = CallHandler(
        state="initial",
        addresses=tuple(rule(name) for name in addresses),
        results={name_key(code): result for code, result in results.items()},
        otherwise=otherwise,
    )
    second = CallHandler(state="second", addresses=(rule("home"),))
    return Strategy(name="s", status=StrategyStatus.COMPLETED, handlers=(first, second))


def retry(count: int, *intervals: float, looping: bool = False, fail_state: str = "done") -> Result:
    return Result(retry=Retry(count=count, intervals=intervals, address_looping=looping, fail_state=fail_state))


def after(plan: Strategy, code: str, progress: Progress, custom: CustomCode | None = None, *, tried: int = 0) -> NextStep:
    """What follows a code in the first handler."""
    return step_after(plan.handlers[0], Outcome(code=code, custom=custom, address_index=tried), progress, NOW)


RETRIES = strategy({BUSY: retry(2, 30), NO_ANSWER: retry(4, 60)})


@pytest.mark.row(48)
@pytest.mark.parametrize(
    ("codes", "waits"),
    [
        # POM, "Examples of retries": Busy has count 2 and 30 s, Ring No Answer count 4 and 60 s; the count is shared.
        ([BUSY, BUSY, NO_ANSWER, BUSY], [30, 30, 60, None]),  # the fourth: 3 retries >= 2
        ([BUSY, BUSY, NO_ANSWER, NO_ANSWER, NO_ANSWER], [30, 30, 60, 60, None]),  # the fifth: 4 retries >= 4
        ([BUSY, BUSY, BUSY], [30, 30, None]),
        ([NO_ANSWER, NO_ANSWER, BUSY], [60, 60, None]),
    ],
)
def test_retries_of_all_rows_count_against_each_row(codes: list[SystemCode], waits: list[float | None]) -> None:
    progress = Progress()
    for code, wait in zip(codes, waits, strict=True):
        step = after(RETRIES, code, progress)
        if wait is None:
            assert isinstance(step, Done)
        else:
            assert isinstance(step, RetryAt)
            assert step.due == NOW + timedelta(seconds=wait)
            progress = Progress.from_json(json.loads(json.dumps(step.progress.to_json())))


@pytest.mark.row(47)
def test_intervals_follow_the_retries_of_their_own_row_and_the_last_one_repeats() -> None:
    plan = strategy({BUSY: retry(9, 10, 20, 30), NO_ANSWER: retry(9, 100)})
    progress, waits = Progress(), []
    for code in (BUSY, NO_ANSWER, BUSY, BUSY, BUSY):
        step = after(plan, code, progress)
        assert isinstance(step, RetryAt)
        waits.append((step.due - NOW).total_seconds())
        progress = step.progress
    assert waits == [10, 100, 20, 30, 30]


@pytest.mark.row(49)
@pytest.mark.parametrize(("looping", "tried", "following"), [(True, 0, 1), (True, 1, 0), (False, 1, 1)])
def test_address_looping_takes_the_next_address_and_comes_round(looping: bool, tried: int, following: int) -> None:
    plan = strategy({BUSY: retry(2, 30, looping=looping)}, addresses=("mobile", "home"))
    step = after(plan, BUSY, Progress(), tried=tried)
    assert isinstance(step, RetryAt)
    assert step.address_index == following


@pytest.mark.row(47)
def test_used_up_retries_lead_to_the_fail_state_with_a_clean_slate() -> None:
    plan = strategy({BUSY: retry(1, 30, fail_state="second")})
    step = after(plan, BUSY, Progress(retries=1, by_code={"call busy": 1}))
    assert isinstance(step, Goto)
    assert (step.state, step.progress) == ("second", Progress())
    assert "1 of 1 retries" in step.because


@pytest.mark.parametrize(
    "code",
    [
        # Codes that blame us and not the contact: without a row of their own they go where all others go.
        SystemCode.NOT_LAUNCHED,
        SystemCode.INTERRUPTED,
        SystemCode.UNKNOWN,
        SystemCode.NETWORK_CONGESTION,
        SystemCode.NETWORK_REFUSAL,
        "Interested in Blood Donation",
    ],
)
def test_a_code_without_a_row_goes_otherwise(code: str) -> None:
    step = after(strategy({}, otherwise="second"), code, Progress())
    assert isinstance(step, Goto)


CLOSING = CustomCode(name="Interested", is_closure=True)
STOPPING = CustomCode(name="Interested", next_action=NextAction.STOP)


@pytest.mark.parametrize("custom", [CLOSING, STOPPING])
def test_a_custom_code_that_closes_ends_the_contact_unless_it_has_a_row(custom: CustomCode) -> None:
    assert isinstance(after(strategy({}, otherwise="second"), "interested", Progress(), custom), Done)
    with_row = strategy({"INTERESTED": Result(next_state="second")})
    assert isinstance(after(with_row, "interested", Progress(), custom), Goto)


def test_who_opted_out_is_done_whatever_a_strategy_says() -> None:
    plan = strategy({SystemCode.OPTED_OUT: retry(5, 1)}, otherwise="second")
    assert after(plan, "opted out", Progress()) == Done(because="opted out", final=True)


HUMAN, MACHINE = Treatment(app="ask"), Treatment(app="tell")


@pytest.mark.row(32)
@pytest.mark.parametrize(
    ("answered_by", "rows", "app"),
    [
        ("human", {SystemCode.ANSWER_HUMAN: HUMAN, SystemCode.ANSWER_MACHINE: MACHINE}, HUMAN),
        ("machine", {SystemCode.ANSWER_HUMAN: HUMAN, SystemCode.ANSWER_MACHINE: MACHINE}, MACHINE),
        ("machine", {SystemCode.ANSWER_HUMAN: HUMAN}, None),
        ("silence", {SystemCode.ANSWER_HUMAN: HUMAN}, HUMAN),  # no row of its own: perhaps a person who waits
        ("silence", {SystemCode.ANSWER_HUMAN: HUMAN, SystemCode.SILENCE_DETECTED: None}, None),  # a row that says: hang up
        ("fax", {SystemCode.ANSWER_HUMAN: HUMAN}, None),
        ("unknown", {SystemCode.CALL_ANSWERED: HUMAN}, HUMAN),
        ("unknown", {SystemCode.ANSWER_HUMAN: HUMAN}, None),  # classification is off: only its own row counts
    ],
)
def test_the_treatment_is_chosen_by_who_answered(
    answered_by: str, rows: dict[SystemCode, Treatment | None], app: Treatment | None
) -> None:
    plan = strategy({code: Result(treatment=treatment) for code, treatment in rows.items()})
    assert treatment_for(plan.handler("initial"), answered_by) == app


@pytest.mark.parametrize(
    "progress", [Progress(), Progress(retries=2, by_code={"call busy": 2}), Progress(by_code={"not launched": 1})]
)
def test_progress_survives_being_stored(progress: Progress) -> None:
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress
