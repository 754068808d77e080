"""News of a message may come twice and in any order: what we believe in the end is the same."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.message_state import MessageFacts, MessageState

pytestmark = pytest.mark.unit

ACCEPTED, SENT, DELIVERED, READ = MessageState.ACCEPTED, MessageState.SENT, MessageState.DELIVERED, MessageState.READ
UNDELIVERED, DELAYED, BOUNCED, FAILED = MessageState.UNDELIVERED, MessageState.DELAYED, MessageState.BOUNCED, MessageState.FAILED


def after(*news: tuple[MessageState, str], expected: int = 1) -> MessageFacts:
    facts = MessageFacts(expected=expected)
    for state, provider_id in news:
        facts = facts.seen(state, provider_id)
    return facts


@pytest.mark.parametrize(
    ("news", "truth"),
    [
        ((ACCEPTED, SENT, DELIVERED), DELIVERED),
        ((ACCEPTED, SENT, UNDELIVERED), UNDELIVERED),
        ((ACCEPTED, ACCEPTED, SENT, DELIVERED, READ), READ),
        ((SENT, DELAYED, DELAYED, BOUNCED), BOUNCED),
        ((ACCEPTED, SENT, UNDELIVERED, DELIVERED), DELIVERED),  # sending it again would be twice
        ((DELIVERED, BOUNCED), BOUNCED),  # the next server took it, the last one refused it
        ((ACCEPTED, FAILED), FAILED),
    ],
)
def test_every_permutation_with_every_repetition_ends_in_the_same_state(
    news: tuple[MessageState, ...], truth: MessageState
) -> None:
    for repeated in [(), *((one,) for one in news)]:
        for order in set(permutations([*news, *repeated])):
            assert after(*((state, "") for state in order)).state is truth
            assert after(*((state, "SM1") for state in order)).state is truth


@given(
    st.lists(st.tuples(st.sampled_from(MessageState), st.sampled_from(["", "a", "b", "c"])), max_size=12).flatmap(
        lambda news: st.tuples(st.just(news), st.permutations(news + news[: len(news) // 2]))
    ),
    st.integers(1, 3),
)
def test_any_shuffle_of_any_news_gives_the_same_facts(
    both: tuple[list[tuple[MessageState, str]], list[tuple[MessageState, str]]], expected: int
) -> None:
    told, shuffled = both
    assert after(*told, expected=expected) == after(*shuffled, expected=expected)


def test_a_message_of_three_segments_is_delivered_when_all_are_and_lost_when_one_is() -> None:
    two = after((DELIVERED, "1"), (DELIVERED, "2"), expected=3)
    assert two.state is SENT
    assert two.seen(ACCEPTED, "3").state is ACCEPTED
    assert two.seen(DELIVERED, "3").state is DELIVERED
    assert two.seen(UNDELIVERED, "3").state is UNDELIVERED
    assert after((UNDELIVERED, "3"), expected=3).state is UNDELIVERED
    assert MessageFacts().state is None


def test_only_an_end_is_final_and_only_the_bad_ends_have_failed() -> None:
    assert [state for state in MessageState if not state.final] == [ACCEPTED, SENT, DELAYED]
    assert {state for state in MessageState if state.failed} == {FAILED, UNDELIVERED, BOUNCED, MessageState.EXPIRED}
