"""A switch or trunk in trouble gets fewer calls, and the full rate again when it has recovered."""

from __future__ import annotations

import pytest

from dialer.channels.asterisk.overload import LOWEST, BackOff

pytestmark = pytest.mark.unit


def test_late_channels_halve_the_rate_and_quiet_brings_it_back() -> None:
    back_off = BackOff()
    assert back_off.factor(100.0) == 1.0
    for tenth in range(20):
        back_off.delay(100 + tenth / 10, "start", 3.0)
    assert back_off.factor(102.0) == 0.5
    assert back_off.factor(102.1) == 0.5  # not again at once
    assert "start takes" in back_off.trouble(102.1)
    assert back_off.factor(104.1) == 0.25
    for _ in range(30):
        back_off.delay(104.2, "start", 0.01)
    assert back_off.factor(105.0) == 0.25
    levels = [back_off.factor(107.0 + 2.5 * step) for step in range(12)]
    assert levels == sorted(levels)
    assert levels[0] < 0.4
    assert levels[-1] == 1.0


def test_a_burst_of_congestion_halves_the_rate_and_a_few_do_not() -> None:
    back_off = BackOff()
    for _ in range(8):
        back_off.ended(50.0, congested=True)
    assert back_off.factor(50.0) == 1.0  # too few to tell
    for _ in range(20):
        back_off.ended(50.0, congested=False)
    assert back_off.factor(50.0) == 1.0  # 8 of 28
    for _ in range(20):
        back_off.ended(51.0, congested=True)
    assert back_off.factor(51.0) == 0.5
    assert back_off.factor(54.0) > 0.5  # no new calls failed since


def test_the_rate_never_falls_to_nothing() -> None:
    back_off = BackOff()
    for second in range(100, 200):
        back_off.delay(second, "ping", 5.0)
        back_off.factor(second)
    assert back_off.factor(200) == LOWEST


def test_an_old_measurement_says_nothing() -> None:
    back_off = BackOff()
    back_off.delay(100.0, "answer", 30.0)
    back_off.delay(100.0, "answer", 30.0)
    assert back_off.trouble(101.0)
    assert not back_off.trouble(111.0)
