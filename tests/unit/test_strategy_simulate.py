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
from dialer.domain.simulated_replies import Answering
from dialer.domain.simulation import Report, Scene, simulate
from dialer.resources import resource, resources
from dialer.services.reply_patterns import search
from dialer.services.reply_words import load_wording
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


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("width", [60, 80])
def test_a_diagram_fits_a_narrow_terminal_and_names_codes_as_people_know_them(name: str, width: int) -> None:
    text = as_text(load_strategy(resource(name).read_text(encoding="utf-8")), width)
    assert [line for line in text.splitlines() if len(line) > width and "(?P<" not in line] == []  # a pattern is one word
    assert "→ done" in text
    assert [line for line in text.splitlines() if line.startswith(("  call busy", "  sms ", "  answer human"))] == []


TWO_WAY = """\
strategy: ask
status: completed
handlers:
  - state: initial
    sms:
      text: "Will you come? 1 yes"
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done, SMS Delivered: {next_state: wait}, No Match: {next_state: wait}, Later: {next_state: again}}
      wait: {for_s: 7200, then: again}
      replies:
        rows:
          - {words: ["1"], code: Coming, set: {wish: "${reply}"}}
          - {words: [later], app: keep_answer, parameters: {code: Later}}
          - {words: [city], set: {city: "${reply}"}}
        otherwise: {code: No Match}
  - state: again
    sms:
      text: "Last call"
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done}
"""


def answered(shares: dict[str, float], *, after_s: float = 60.0, contacts: int = 200) -> Report:
    """What a strategy leads to whose every message arrives, and is answered so."""
    answering = Answering(shares={Channel.SMS: shares}, wording=load_wording(), search=search, after_s={Channel.SMS: after_s})
    delivered = {SystemCode.SMS_DELIVERED.value: 1.0}
    scene = Scene(starts_at=START, contacts=contacts, texts=delivered, answering=answering)
    report = simulate(load_strategy(TWO_WAY), scene, random.Random(5))
    assert sum(report.ends.values()) == sum(report.attempts.values()) == contacts
    assert sum(report.codes.values()) == sum(report.handlers.values())
    return report


def test_answers_give_the_codes_of_the_reply_table_and_the_others_go_on() -> None:
    report = answered({"1": 0.3, "what?": 0.2})
    came = report.replies["1", "Coming"]
    assert 30 < came < 90
    assert report.ends == {"Coming": came, "SMS Delivered": 200 - came}, "who was not understood is written to again"
    assert report.replies["what?", "No Match"] > 20
    assert report.attempts == {1: came, 2: 200 - came}


def test_an_opt_out_ends_a_contact_wherever_it_stands_and_no_answer_is_taken_twice() -> None:
    report = answered({"STOP": 1.0}, after_s=3600.0)
    assert report.ends == {"Opted Out": 200}
    assert set(report.attempts) == {1, 2}, "some have read the second message before they wrote it"
    assert sum(report.replies.values()) >= 200


def test_what_a_message_app_has_and_what_gives_no_code_is_shown() -> None:
    report = answered({"later": 0.4, "city": 0.3, "help": 0.3})
    assert report.replies["later", "Later"] > 50
    assert report.replies["city", "only attributes"] > 20
    assert report.replies["help", "it means HELP"] > 20
    assert set(report.ends) == {"SMS Delivered"}, "Later leads to the second message, whose answers come when nobody waits"
    assert report.replies["later", "the handler has no table `replies`"] > 0


def test_an_answer_that_comes_too_late_gives_no_code() -> None:
    report = answered({"1": 1.0}, after_s=10 * 24 * 3600.0)
    assert report.replies["1", "it came when the time for answers was over"] > 20
    assert report.ends["SMS Delivered"] > 190
