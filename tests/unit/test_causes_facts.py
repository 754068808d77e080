"""The facts of a call come in any order and more than once, and give one code."""

from __future__ import annotations

import functools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.codes import SystemCode
from dialer.domain.hangup import CallFacts, FactKind, system_code
from dialer.ports import VoiceEventKind

pytestmark = pytest.mark.unit

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
Seen = tuple[str, float, dict[str, Any]]  # kind, seconds after the start, further fields


def fold(seen: list[Seen], start: CallFacts | None = None) -> CallFacts:
    empty = start or CallFacts(ring_timeout_at=T0 + timedelta(seconds=30))
    return functools.reduce(lambda facts, one: facts.seen(one[0], T0 + timedelta(seconds=one[1]), **one[2]), seen, empty)


facts_of_calls = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([k.value for k in FactKind if k not in (FactKind.HANGUP, FactKind.AMD)]),
            st.integers(0, 90),
            st.just({}),
        ),
        st.tuples(
            st.just("hangup"),
            st.integers(0, 90),
            st.fixed_dictionaries(
                {
                    "cause": st.sampled_from([None, 0, 16, 17, 19, 21, 34]),
                    "tech_cause": st.sampled_from([None, 0, 403, 480, 486, 603]),
                }
            ),
        ),
        st.tuples(
            st.just("amd"),
            st.integers(0, 90),
            st.fixed_dictionaries(
                {
                    "amd_status": st.sampled_from(["HUMAN", "MACHINE", "NOTSURE"]),
                    "amd_cause": st.sampled_from(["TOOLONG-5000", "HUMAN-1-1"]),
                }
            ),
        ),
    ),
    max_size=8,
)


@given(facts_of_calls, st.randoms(use_true_random=False), st.data())
def test_order_and_repetition_of_facts_do_not_matter(seen: list[Seen], chance: random.Random, data: st.DataObject) -> None:
    again = seen + (data.draw(st.lists(st.sampled_from(seen), max_size=8)) if seen else [])
    chance.shuffle(again)
    assert fold(again) == fold(seen)
    assert system_code(fold(again)) is system_code(fold(seen))


def test_every_event_of_the_voice_channel_is_a_fact() -> None:
    assert {kind.value for kind in VoiceEventKind} <= {kind.value for kind in FactKind}


ANSWER: Seen = ("answered", 5, {})
BYE: Seen = ("hangup", 40, {"cause": 16})
NO_REASON: Seen = ("hangup", 5, {"cause": 0})
SERVED: Seen = ("served", 6, {})


@pytest.mark.row(11)
@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ([("started", 0, {})], SystemCode.ATTEMPT_IN_PROGRESS),
        ([("ringing", 1, {})], SystemCode.ATTEMPT_IN_PROGRESS),
        (
            [("answered", 1, {}), ("originate_failed", 2, {})],
            SystemCode.ATTEMPT_IN_PROGRESS,
        ),  # contradiction: wait for the hang-up
        ([("hangup", 3, {"cause": 17, "tech_cause": 486})], SystemCode.CALL_BUSY),
        ([("ringing", 1, {}), ("hangup", 30, {"cause": 19, "tech_cause": 0})], SystemCode.RING_NO_ANSWER),
        ([("originate_failed", 30, {})], SystemCode.RING_NO_ANSWER),  # the hang-up was lost; our timeout had passed
        ([("ringing", 1, {}), ("originate_failed", 12, {})], SystemCode.RING_NO_ANSWER),
        ([("originate_failed", 1, {})], SystemCode.NETWORK_ERROR),
        ([("ringing", 1, {}), NO_REASON], SystemCode.RING_NO_ANSWER),  # cause 0, before Asterisk 22.8
        ([("hangup", 29.5, {"cause": 0})], SystemCode.RING_NO_ANSWER),  # the two timers differ a little
        ([("hang_up_asked", 4, {}), ("ringing", 1, {}), NO_REASON], SystemCode.CALL_CANCELLED),
        ([("hang_up_asked", 9, {}), ("ringing", 1, {}), NO_REASON], SystemCode.RING_NO_ANSWER),  # asked too late
        ([ANSWER, BYE], SystemCode.CALL_ANSWERED),
        ([BYE, ANSWER], SystemCode.CALL_ANSWERED),
        ([ANSWER, SERVED, BYE], SystemCode.DISCONNECTED_BY_USER),
        ([ANSWER, SERVED, ("hang_up_asked", 39, {}), BYE], SystemCode.DISCONNECTED_BY_SYSTEM),
        ([ANSWER, ("amd", 7, {"amd_status": "HUMAN"}), BYE], SystemCode.ANSWER_HUMAN),
        ([ANSWER, ("amd", 7, {"amd_status": "HUMAN"}), SERVED, BYE], SystemCode.DISCONNECTED_BY_USER),
        ([ANSWER, ("amd", 7, {"amd_status": "MACHINE", "amd_cause": "LONGGREETING-1500-1500"}), BYE], SystemCode.ANSWER_MACHINE),
        ([ANSWER, ("amd", 7, {"amd_status": "MACHINE", "amd_cause": "MAXWORDS-4-4"}), SERVED, BYE], SystemCode.ANSWER_MACHINE),
        (
            [ANSWER, ("amd", 7, {"amd_status": "MACHINE", "amd_cause": "INITIALSILENCE-2500-2500"}), BYE],
            SystemCode.SILENCE_DETECTED,
        ),
        ([ANSWER, ("amd", 7, {"amd_status": "NOTSURE", "amd_cause": "TOOLONG-5000"}), BYE], SystemCode.SILENCE_DETECTED),
        ([ANSWER, ("amd", 7, {"amd_status": "NOTSURE", "amd_cause": "other"}), BYE], SystemCode.CALL_ANSWERED),
        ([ANSWER, ("amd", 7, {"amd_status": "FAX", "amd_cause": "CNG-1100"}), BYE], SystemCode.FAX),
        ([ANSWER, ("amd", 7, {"amd_status": "HANGUP"}), BYE], SystemCode.DISCONNECTED_BY_USER),
    ],
)
def test_the_facts_of_a_call_give_its_code(seen: list[Seen], code: SystemCode) -> None:
    assert system_code(fold(seen)) is code
    assert system_code(fold(seen[::-1])) is code
