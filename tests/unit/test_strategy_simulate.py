"""A strategy walked by people who do not exist: the same seed, the same table, and everybody ends somewhere."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.simulation import Scene, simulate
from dialer.resources import resource, resources
from dialer.services.strategies import load_strategy
from dialer.services.strategy_diagram import as_mermaid, as_text

pytestmark = [pytest.mark.unit, pytest.mark.row(55)]

SHIPPED = [name for name in resources() if name.startswith("strategies/")]
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ATTRIBUTES = {"days_late": ("0", "5", "90"), "dispute": ("", "open"), "status": ("", "bankrupt")}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_thousand_contacts_are_walked_in_a_moment_and_each_ends_once(name: str) -> None:
    strategy = load_strategy(resource(name).read_text(encoding="utf-8"))
    scene = Scene(starts_at=START, zones=("America/New_York", "Asia/Tokyo"), attributes=ATTRIBUTES)
    began = time.perf_counter()
    report = simulate(strategy, scene, random.Random(7))
    assert time.perf_counter() - began < 5
    assert sum(report.ends.values()) == sum(report.attempts.values()) == report.contacts == 1000
    assert sum(report.codes.values()) == sum(report.handlers.values()) >= report.calls
    again = simulate(strategy, scene, random.Random(7))
    assert (again.codes, again.ends, again.attempts) == (report.codes, report.ends, report.attempts)


def test_retries_are_counted_as_the_strategy_says() -> None:
    strategy = load_strategy(resource("strategies/blood_donation.yaml").read_text(encoding="utf-8"))
    report = simulate(strategy, Scene(starts_at=START, contacts=50, outcomes={SystemCode.CALL_BUSY.value: 1.0}), random.Random(1))
    assert report.attempts == {3: 50}
    assert report.ends == {SystemCode.CALL_BUSY.value: 50}
    assert report.last_call_at is not None
    assert report.last_call_at >= START + timedelta(seconds=90)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), shares=st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_nobody_is_lost_whatever_the_outcomes(seed: int, shares: list[float]) -> None:
    strategy = load_strategy(resource("strategies/credit_card_notice.yaml").read_text(encoding="utf-8"))
    outcomes = dict(zip(("Ring No Answer", "Message Played", "Call Busy"), shares, strict=True))
    scene = Scene(starts_at=START, contacts=40, outcomes=outcomes, attributes=ATTRIBUTES)
    report = simulate(strategy, scene, random.Random(seed))
    assert sum(report.ends.values()) == 40


@pytest.mark.parametrize("name", SHIPPED)
def test_a_diagram_shows_every_state(name: str) -> None:
    strategy = load_strategy(resource(name).read_text(encoding="utf-8"))
    text, mermaid = as_text(strategy), as_mermaid(strategy)
    assert mermaid.startswith("stateDiagram-v2\n    [*] --> s_initial\n")
    for handler in strategy.handlers:
        does = {Channel.VOICE: "rings", Channel.SMS: "texts", Channel.EMAIL: "mails"}[handler.channel]
        assert f"[{handler.state}] {does}" in text
        assert f"s_{handler.state}: {handler.state}" in mermaid
    for line in mermaid.splitlines()[2:]:
        assert line.count(":") == 1, "a colon inside a label ends it"
