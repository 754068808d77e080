"""A running job rings the telephone whose hours are open where the contact is, and waits to the minute where none is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.store.store import Store, Tx
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import FastClock, completed, running, until
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

TEXT = """\
strategy: ask
status: completed
handlers:
  - state: initial
    call:
      detect_machine: false
      addresses:
        - {attribute: home, from: "08:00", to: "10:00"}
        - {attribute: office, from: "10:00", to: "17:00"}
      results: {otherwise: done}
"""
WHERE = {"Europe/Berlin": "1", "Europe/Istanbul": "2", "America/New_York": "3", "Asia/Tokyo": "4"}
MORNING = datetime(2026, 5, 11, 7, 30, tzinfo=UTC)  # 9:30 in Berlin, 10:30 in Istanbul, 3:30 in New York, 16:30 in Tokyo
BUSY = FakeCallee(ring_s=0.01, answer_s=None, hangup_s=0.02, cause=17, tech_cause=486)


def people(tx: Tx, org_id: OrgId) -> None:
    """Put one contact of each zone on the list; home numbers end with 0, office numbers with 1."""
    rows = [
        NewContact(
            user_contact_id=zone,
            attributes={"city": "", "customer_id": ""},
            addresses=tuple(
                NewAddress(name=name, value=f"+155501{digit}000{last}", zones=(zone,))
                for last, name in enumerate(("home", "office"))
            ),
        )
        for zone, digit in WHERE.items()
    ]
    made = tx.contact_lists(org_id).ensure("Donors", ["city", "customer_id"])
    tx.contacts(org_id).upsert_batch(made.id, rows)


@pytest.mark.row(40)
async def test_home_is_rung_from_eight_to_ten_and_the_office_from_ten_to_five_by_the_contacts_own_clock(
    store: Store, org_id: OrgId
) -> None:
    await store.write(lambda tx: people(tx, org_id))
    launch = await Launch.ready(store, org_id, strategy=TEXT, count=0)
    clock = FastClock(20, MORNING)
    voice = FakeVoice(clock, default=BUSY)
    async with running(store, voice, clock=clock):
        await until(lambda: launch.ended() == 3)
        await until(lambda: launch.place("America/New_York") is not None)
    assert {order.number for order in voice.placed} == {"+15550110000", "+15550120001", "+15550140001"}
    waits = launch.place("America/New_York")
    opens = datetime(2026, 5, 11, 12, 0, tzinfo=UTC)  # 8:00 in New York
    assert waits is not None
    assert waits.due_at == opens
    clock = FastClock(20, opens - timedelta(seconds=4))
    voice = FakeVoice(clock, default=BUSY)
    async with running(store, voice, clock=clock):
        await until(completed(store, launch.job.id))
    assert [order.number for order in voice.placed] == ["+15550130000"]
    (late,) = [one for one in launch.attempts() if one.address == "+15550130000"]
    assert opens <= late.intent_at <= opens + timedelta(minutes=1)
