"""A contact knows its last code, attempt and success, from the transaction of the code on, and everybody can ask for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.codes import CustomCode
from dialer.domain.contact import Contact
from dialer.domain.history import HISTORY_ATTRIBUTES, NO_HISTORY, History
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.campaigns import NewCampaign, create_campaign
from dialer.services.codes import create_code
from dialer.services.contacts import define_attribute
from dialer.services.knobs import parse_filter, parse_sort
from dialer.services.late_codes import record_late_code
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from pdc import BadValue, SessionKey
from tests.campaign_texts import STRATEGY
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, 0, 30, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def called(store: Store, org_id: OrgId, user_contact_id: str) -> list[Contact]:
    return store.read_now(lambda tx: tx.contacts(org_id).called(user_contact_id))


def history(launch: Launch, user_contact_id: str) -> History:
    (contact,) = called(launch.store, launch.org_id, user_contact_id)
    return launch.store.read_now(lambda tx: tx.contact_history.of([contact.id])).get(contact.id, NO_HISTORY)


@pytest.mark.row(17)
async def test_each_final_code_changes_the_history_of_its_contact(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Machine", is_answer_machine=True))
    expected = NO_HISTORY
    ends = [
        ("Call Busy", False),
        ("Interested", True),
        ("Machine", False),
        ("No Input", True),
        ("Answer Machine", False),
    ]
    for number, (code, success) in enumerate(ends, start=1):
        at = NOW + number * HOUR
        launch = await Launch.ready(store, org_id, count=1, name=f"c{number}", codes=("Interested", "Machine"))
        (attempt,) = (await launch.run(at)).to_place
        assert history(launch, "d0") == expected, "nothing is known of a call that is up"
        await launch.end(attempt.id, code, at + timedelta(seconds=40))
        expected = History(
            last_code=code,
            last_attempt_at=at,
            last_success_at=at if success else expected.last_success_at,
            last_address="mobile",
            attempts=number,
            successes=expected.successes + success,
        )
        assert history(launch, "d0") == expected


async def test_what_was_never_dialled_leaves_its_code_and_counts_nothing(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=2)
    store.write_now(lambda tx: tx.dnc(org_id).add("+15550100001", reason="test"))
    (attempt,) = (await launch.run(NOW)).to_place
    await launch.end(attempt.id, "Not Launched", NOW)
    assert history(launch, "d0") == History(last_code="Not Launched")
    assert history(launch, "d1") == History(last_code="Restricted DNC")


async def test_a_late_code_is_the_last_one_unless_the_contact_was_attempted_since(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=2, strategy=STRATEGY.replace("otherwise: done", "otherwise: wait"))
    for attempt in (await launch.run(NOW)).to_place:
        await launch.end(attempt.id, "No Input", NOW)
    other = await Launch.ready(store, org_id, count=2, name="Other")
    (again,) = (await other.run(NOW + HOUR, 1)).to_place
    await other.end(again.id, "Call Busy", NOW + HOUR)
    for contact in ("d0", "d1"):
        await record_late_code(
            store, org_id, contact, "Interested", strategy_of=StrategyShelf(), now=NOW + 2 * HOUR, job_id=launch.job.id
        )
    assert [history(launch, one).last_code for one in ("d0", "d1")] == ["Call Busy", "Interested"]


@pytest.mark.row(17)
async def test_filters_restrictions_apps_and_why_see_it_and_nobody_writes_it(store: Store, org_id: OrgId) -> None:
    first = await Launch.ready(store, org_id)
    for attempt, code in zip((await first.run(NOW, 2)).to_place, ("Interested", "Call Busy"), strict=True):
        await first.end(attempt.id, code, NOW)
    chosen = {
        "total_attempts # >= 1": ["d0", "d1"],
        "successful_attempts = 0": ["d1", "d2"],
        "last_completion_code = interested": ["d0"],
        "last_attempt_time is null": ["d2"],
        "last_attempt_time between 2026-05-11T12:00:30 and 2026-05-11T12:00:31": ["d0", "d1"],
        "last_attempt_time # > 5": [],  # a moment is no number
        "last_successful_attempt_time like 2026-05-*": ["d0"],
        "last_address != mobile": [],
    }
    for index, (condition, expected) in enumerate(chosen.items()):
        job = await Launch.ready(store, org_id, name=f"c{index}", filter=parse_filter([condition]))
        claimed = {one.contact_id for one in await job.claim(NOW)}
        names = [name for name in ("d0", "d1", "d2") if claimed & {one.id for one in called(store, org_id, name)}]
        assert names == expected, condition
    restricted = STRATEGY.replace(
        "      addresses:",
        "      restrictions: [{when: {attribute: last_attempt_time, greater_than: 2026-05-11T12:00:00Z}}]\n      addresses:",
    )
    again = await Launch.ready(store, org_id, name="Again", strategy=restricted)
    (why,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=NOW, job_id=again.job.id)
    assert "last_attempt_time greater than" in next(gate.because for gate in why.gates if gate.name == "restriction")
    (attempt,) = (await again.run(NOW + HOUR)).to_place
    assert attempt.address == "+15550100002"
    pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
    await again.end(attempt.id, "Call Busy", NOW + HOUR)
    (up,) = (await (await Launch.ready(store, org_id, name="App")).run(NOW + 2 * HOUR, 1)).to_place
    on_call = pdc.on(SessionKey(attempt_id=up.id, nonce=up.nonce))
    assert [await on_call.get_attribute(name) for name in HISTORY_ATTRIBUTES] == [
        "Restricted Other", "2026-05-11T12:00:30+00:00", "2026-05-11T12:00:30+00:00", "mobile", "1", "1",
    ]  # fmt: skip
    with pytest.raises(BadValue, match="kept by the dialer"):
        await on_call.set_attribute("total_attempts", "0")
    with pytest.raises(BadInput, match="kept by the dialer"):
        await define_attribute(store, org_id, "Last Attempt Time")
    sorted_by_it = NewCampaign(
        name="No", strategy="ask", contact_lists=("Donors",), codes=("Interested",), sort=parse_sort("last_attempt_time")
    )
    with pytest.raises(BadInput, match="changes while"):
        await create_campaign(store, org_id, sorted_by_it)
