"""Messages on record: whatever order their news comes in, twice or too early, they end in the same state, and nothing is lost."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest
import sqlalchemy as sa

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message import Message, MessageNews, NewMessage, TakenMessage
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.retention import RetentionClass
from dialer.ports import MessageUpdate
from dialer.services.retention import run_retention
from dialer.store.store import Store, Tx
from dialer.store.tables_messages import message_ids, messages
from tests.export_kit import AT, called_job, finish_job
from tests.retention_kit import archived, of, plan

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
SENT, DELIVERED, UNDELIVERED = MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED
ANNA = "+15550100045"


@pytest.fixture
async def attempt_ids(store: Store, org_id: OrgId) -> list[AttemptId]:
    """Three attempts that messages can belong to."""
    return [one.id for one in (await called_job(store, org_id)).attempts()]


def put(
    store: Store, org_id: OrgId, attempt_id: AttemptId, *, recipient: str = ANNA, sender: str = "+1555", expected: int = 1
) -> None:
    """Write a message that is about to leave."""
    new = NewMessage(
        attempt_id=attempt_id,
        org_id=org_id,
        channel=Channel.SMS,
        gateway="twilio",
        sender=sender,
        recipient=recipient,
        body="Hello",
        expected=expected,
    )
    store.write_now(lambda tx: tx.messages.put_all([new]))


def news(
    state: MessageState,
    provider_id: str = "SM1",
    *,
    attempt_id: AttemptId | None = None,
    code: str = "",
    refusal: Refusal | None = None,
) -> MessageUpdate:
    """Word a piece of news."""
    return MessageUpdate(
        gateway="twilio", state=state, at=NOW, attempt_id=attempt_id, provider_id=provider_id, code=code, refusal=refusal
    )


def _fold(one: MessageUpdate, tx: Tx) -> object:
    return tx.messages.fold(one)


def _accepted(attempt_id: AttemptId, tx: Tx) -> object:
    return tx.messages.accepted(attempt_id, "twilio", ["1"], segments=1)


def get(store: Store, attempt_id: AttemptId) -> Message:
    """The message as it is on disk."""
    found = store.read_now(lambda tx: tx.messages.get(attempt_id))
    assert found is not None
    return found


def test_any_permutation_with_any_repetition_ends_in_the_same_state(
    store: Store, org_id: OrgId, attempt_ids: list[AttemptId]
) -> None:
    attempt_id, ended = attempt_ids[0], set()
    told = [
        news(SENT),
        news(UNDELIVERED, attempt_id=attempt_id, code="30003", refusal=Refusal.UNREACHABLE),
        news(UNDELIVERED, code="30005", refusal=Refusal.ADDRESS),
        None,  # the moment at which its provider's id comes on disk
    ]
    for order in permutations(told):
        put(store, org_id, attempt_id)
        for one in [*order, *random.Random(1).sample(order, 2)]:
            if one is None:
                store.write_now(lambda tx: tx.messages.accepted(attempt_id, "twilio", ["SM1"], segments=1))
            else:
                store.write_now(partial(_fold, one))
        found = get(store, attempt_id)
        ended.add((found.state, found.refusal, found.told_code))
        store.write_now(lambda tx: (tx.connection.execute(sa.delete(message_ids)), tx.connection.execute(sa.delete(messages))))
    assert ended == {(UNDELIVERED, Refusal.UNREACHABLE, "30003")}


def test_a_message_of_several_segments_is_delivered_when_all_are(
    store: Store, org_id: OrgId, attempt_ids: list[AttemptId]
) -> None:
    attempt_id = attempt_ids[0]
    put(store, org_id, attempt_id, expected=2)
    store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "a", attempt_id=attempt_id)))
    assert get(store, attempt_id).state is SENT, "before the gateway has answered, too"
    store.write_now(lambda tx: tx.messages.accepted(attempt_id, "twilio", ["a", "b"], segments=2))
    told = store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "b")))
    assert told is not None
    assert (told.before, told.message.state, told.message.segments) == (MessageState.ACCEPTED, DELIVERED, 2)
    assert store.read_now(lambda tx: tx.messages.ids_of(attempt_id)) == ["a", "b"]


def test_news_that_nobody_can_place_yet_waits_for_its_message(store: Store, org_id: OrgId, attempt_ids: list[AttemptId]) -> None:
    attempt_id = attempt_ids[0]
    assert store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "early"))) is None
    put(store, org_id, attempt_id)
    told = store.write_now(lambda tx: tx.messages.accepted(attempt_id, "twilio", ["early"], segments=1, look_at=NOW))
    assert told is not None
    assert told.message.state is DELIVERED
    assert get(store, attempt_id).look_at is None, "there is nothing left to ask"
    assert store.read_now(lambda tx: tx.messages.ids_of(attempt_id)) == ["early"]


@pytest.mark.parametrize(
    "said",
    [
        (("x", ["1"], 1), ("y", ["2"], 1), ("z", ["3"], 1)),  # as usual
        (("x", ["early"], 1), ("y", ["2"], 1), ("z", ["3"], 1)),  # news of the id was there before
        (("x", ["1"], 1), ("y", ["1"], 1), ("z", ["3"], 1)),  # an id that its provider has given twice
        (("x", ["1"], 1), ("y", ["2", "2b"], 2), ("z", [], 1)),  # several ids, and none
    ],
    ids=["as usual", "early", "twice", "several"],
)
def test_many_that_are_taken_at_once_stand_as_if_one_had_been_taken_after_another(
    store: Store, org_id: OrgId, attempt_ids: list[AttemptId], said: tuple[tuple[str, list[str], int], ...]
) -> None:
    names = dict(zip("xyz", attempt_ids, strict=True))
    taken = [
        TakenMessage(attempt_id=names[name], gateway="twilio", provider_ids=ids, segments=segments)
        for name, ids, segments in said
    ]
    ended = []
    for together in (False, True):
        for one in attempt_ids:
            put(store, org_id, one)
        store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "early")))
        store.write_now(lambda tx: tx.messages.fold(news(SENT, "", attempt_id=names["z"])))  # of the message, by no id

        def one_by_one(tx: Tx) -> dict[AttemptId, MessageNews | None]:
            return {
                one.attempt_id: tx.messages.accepted(
                    one.attempt_id, one.gateway, one.provider_ids, segments=one.segments, look_at=NOW
                )
                for one in taken
            }

        told = store.write_now(lambda tx: tx.messages.accepted_all(taken, look_at=NOW)) if together else {}
        if not together:
            told = {name: one for name, one in store.write_now(one_by_one).items() if one is not None}
        stands = [replace(get(store, one), put_at=NOW, state_at=None) for one in attempt_ids]
        owners = store.read_now(lambda tx: [tx.messages.ids_of(one) for one in attempt_ids])
        states = {name: (one.before, one.message.state) for name, one in told.items()}
        ended.append((stands, owners, states))
        store.write_now(lambda tx: (tx.connection.execute(sa.delete(message_ids)), tx.connection.execute(sa.delete(messages))))
    assert ended[0] == ended[1]
    assert names["z"] in ended[0][2], "of it there was news before"


def test_news_of_no_message_of_ours_changes_nothing(store: Store, attempt_ids: list[AttemptId]) -> None:
    assert store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, attempt_id=attempt_ids[0]))) is None
    assert store.read_now(lambda tx: tx.connection.scalar(sa.select(sa.func.count()).select_from(message_ids))) == 0


def test_an_id_that_its_provider_uses_again_is_the_newer_messages(
    store: Store, org_id: OrgId, attempt_ids: list[AttemptId]
) -> None:
    first, second = attempt_ids[:2]
    for one in (first, second):
        put(store, org_id, one)
        store.write_now(partial(_accepted, one))
        if one == first:
            store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "1")))
    assert get(store, second).state is MessageState.ACCEPTED
    store.write_now(lambda tx: tx.messages.fold(news(UNDELIVERED, "1")))
    assert (get(store, first).state, get(store, second).state) == (DELIVERED, UNDELIVERED)


def test_our_messages_to_an_address_are_found_for_whoever_answers(
    store: Store, org_id: OrgId, attempt_ids: list[AttemptId]
) -> None:
    first, second, third = attempt_ids
    put(store, org_id, first, sender="+1555")
    put(store, org_id, second, sender="+1666")
    put(store, org_id, third, recipient="+15550100046")

    def found(*addresses: str, since: datetime = NOW - timedelta(hours=1)) -> dict[str, list[AttemptId]]:
        put_to = store.read_now(lambda tx: tx.messages.put_to(addresses, since=since))
        return {address: [one.attempt_id for one in messages] for address, messages in put_to.items()}

    assert found(ANNA) == {ANNA: [second, first]}
    assert found(ANNA, "+15550100046", "+15550100047") == {ANNA: [second, first], "+15550100046": [third]}
    assert found(ANNA, since=NOW + timedelta(hours=1)) == found() == {}


def test_whom_to_ask_again_is_found_by_its_time(store: Store, org_id: OrgId, attempt_ids: list[AttemptId]) -> None:
    first, second, third = attempt_ids
    for one in attempt_ids:
        put(store, org_id, one)
    store.write_now(lambda tx: tx.messages.look_again(second, NOW))
    store.write_now(lambda tx: tx.messages.look_again(first, NOW + timedelta(seconds=5), asked=True))

    def due(after_s: float, *without: AttemptId) -> list[AttemptId]:
        at = NOW + timedelta(seconds=after_s)
        return [one.attempt_id for one in store.read_now(lambda tx: tx.messages.to_look_up(at, limit=9, without=without))]

    assert [due(-1), due(0), due(5), due(5, second)] == [[], [second], [second, first], [first]]
    assert get(store, first).looks == 1
    store.write_now(lambda tx: tx.messages.accepted(third, "twilio", ["x"], segments=1))
    assert store.read_now(lambda tx: tx.messages.ids_to(ANNA, since=NOW - timedelta(hours=1), but=first)) == ["x"]


async def test_messages_go_with_their_attempts_and_are_in_the_archive(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    attempt_id = launch.attempts()[0].id
    put(store, org_id, attempt_id)
    store.write_now(lambda tx: tx.messages.accepted(attempt_id, "twilio", ["SM1"], segments=1))
    store.write_now(lambda tx: tx.messages.fold(news(DELIVERED, "of nobody")))
    await finish_job(launch)
    run = run_retention(store, plan(tmp_path, attempts=90), by="test", now=max(AT, NOW) + timedelta(days=91))
    assert of(run, RetentionClass.ATTEMPTS).purged == len(launch.attempts()) + 4  # three attempts, and the news of nobody
    assert launch.attempts() == []
    kept = [row["message"] for row in archived(tmp_path) if "message" in row]
    assert [(one["recipient"], one["body"], [id_["provider_id"] for id_ in one["ids"]]) for one in kept] == [
        (ANNA, "Hello", ["SM1"])
    ]
    assert store.read_now(lambda tx: tx.connection.scalar(sa.select(sa.func.count()).select_from(message_ids))) == 0


async def test_what_was_written_goes_with_a_contact_that_is_deleted(store: Store, org_id: OrgId) -> None:
    launch = await called_job(store, org_id)
    mine, other = launch.attempts()[:2]
    for one in (mine, other):
        put(store, org_id, one.id)
    store.write_now(lambda tx: tx.contact_rules(org_id).remove([mine.contact_id]))
    assert [get(store, one.id).body for one in (mine, other)] == ["", "Hello"]
    assert get(store, mine.id).recipient == ANNA
