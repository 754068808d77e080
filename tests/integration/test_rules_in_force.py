"""Rules bind running jobs across campaigns, from the very next call on, and `why` shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.domain.rules import MACHINE_24H, NUISANCE_72H, Per, Rule, Then
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.rules import create_rule, delete_rule, edit_rule, list_rules, switch_rule
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.campaign_texts import STRATEGY
from tests.engine_kit import FastClock, running, until
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_A_DAY = Rule(name="One a day", max_attempts=1, window_s=86400)


@pytest.fixture
async def launch(store: Store, org_id: OrgId) -> Launch:
    """A running job over three donors."""
    return await Launch.ready(store, org_id)


@pytest.mark.row(56)
async def test_a_person_called_by_one_campaign_is_not_called_by_another_until_the_rule_lets_it(
    store: Store, org_id: OrgId, launch: Launch
) -> None:
    other = await Launch.ready(store, org_id, name="Other")
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Call Busy", NOW)
    await create_rule(store, org_id, ONE_A_DAY)
    intents = await other.run(NOW + HOUR)
    assert [one.address for one in intents.to_place] == ["+15550100001", "+15550100002"]
    place = other.place("d0")
    assert place is not None
    assert place.due_at == NOW + 24 * HOUR
    assert "One a day" in place.because
    assert [one.address for one in (await other.run(NOW + 24 * HOUR)).to_place] == ["+15550100000"]


async def test_an_edit_binds_the_next_call_of_a_running_job(store: Store, org_id: OrgId, launch: Launch) -> None:
    await create_rule(store, org_id, ONE_A_DAY)
    for attempt in (await launch.run(NOW)).to_place:
        await launch.end(attempt.id, "Call Busy", NOW)  # a retry after 30 s
    claims = await launch.claim(NOW + HOUR)
    await switch_rule(store, org_id, "one a day", active=False)  # after the claim, before the call
    assert len((await launch.commit(claims, NOW + HOUR)).to_place) == 3
    await switch_rule(store, org_id, "one a day", active=True)
    for attempt in launch.attempts():
        if attempt.code is None:
            await launch.end(attempt.id, "Call Busy", NOW + HOUR)
    assert len((await launch.run(NOW + 2 * HOUR)).to_place) == 0


@pytest.mark.row(56)
async def test_a_rule_may_end_the_contact_with_a_code_of_the_user(store: Store, org_id: OrgId, launch: Launch) -> None:
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Call Busy", NOW)
    await create_rule(store, org_id, replace(ONE_A_DAY, then=Then.FINISH, code="interested"))
    await launch.run(NOW + HOUR)
    assert launch.codes()["d0"] == "Interested"
    place = launch.place("d0")
    assert place is not None
    assert place.state.value == "finished"
    ended = [one for one in launch.attempts() if one.code == "Interested"]
    assert [(one.system_code, one.address) for one in ended] == [("Restricted Other", "")]


async def test_the_code_is_that_of_the_obstacle_that_was_met_last(store: Store, org_id: OrgId) -> None:
    both = STRATEGY.replace("      results:", '        - {attribute: home, from: "00:00", to: "24:00"}\n      results:')
    launch = await Launch.ready(store, org_id, strategy=both, count=2)
    home = NewAddress(name="home", value="+15550190000", zones=("UTC",))
    rows = [NewContact(user_contact_id="d0", addresses=(home,))]
    store.write_now(lambda tx: tx.contacts(org_id).upsert_batch(tx.contact_lists(org_id).by_name("Donors").id, rows))
    for attempt in (await launch.run(NOW)).to_place:
        await launch.end(attempt.id, "Call Busy", NOW)
    rule = replace(ONE_A_DAY, then=Then.FINISH, code="interested")
    await create_rule(store, org_id, rule)
    store.write_now(lambda tx: tx.dnc(org_id).add("+15550100000", reason="test"))
    await launch.run(NOW + HOUR)
    assert launch.codes() == {"d0": "Interested", "d1": "Interested"}, "the rule stands before d0's other number"


@pytest.mark.row(57)
async def test_nobody_is_called_for_72_hours_after_a_nuisance_call(store: Store, org_id: OrgId, launch: Launch) -> None:
    other = await Launch.ready(store, org_id, name="Other")
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Nuisance Call", NOW)
    assert len((await other.run(NOW + 71 * HOUR)).to_place) == 2
    assert len((await other.run(NOW + 72 * HOUR)).to_place) == 1


@pytest.mark.row(57)
async def test_the_rule_about_machines_holds_once_it_is_switched_on(store: Store, org_id: OrgId, launch: Launch) -> None:
    other = await Launch.ready(store, org_id, name="Other")
    for attempt in (await launch.run(NOW, 2)).to_place:
        await launch.end(attempt.id, "Answer Machine", NOW)
    assert len((await other.run(NOW + HOUR, 1)).to_place) == 1
    await switch_rule(store, org_id, MACHINE_24H.name, active=True)
    assert [one.address for one in (await other.run(NOW + HOUR)).to_place] == ["+15550100002"]


async def test_why_names_the_rule_and_the_hour(store: Store, org_id: OrgId, launch: Launch) -> None:
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Call Busy", NOW)
    await create_rule(store, org_id, replace(ONE_A_DAY, per=Per.ADDRESS))
    (answer,) = await why_not_called(store, org_id, "d0", strategy_of=StrategyShelf(), now=NOW + HOUR)
    gate = next(one for one in answer.gates if one.name == "rules")
    assert (gate.verdict, gate.until) == ("wait", NOW + 24 * HOUR)
    assert "One a day" in gate.because


async def test_system_rules_can_be_edited_and_not_deleted(store: Store, org_id: OrgId) -> None:
    assert [one.name for one in await list_rules(store, org_id)] == [NUISANCE_72H.name, MACHINE_24H.name]
    await edit_rule(store, org_id, replace(NUISANCE_72H, window_s=3600, system=False))
    kept = (await list_rules(store, org_id))[0]
    assert (kept.window_s, kept.system) == (3600, True)
    with pytest.raises(Conflict, match="switched off"):
        await delete_rule(store, org_id, NUISANCE_72H.name.upper())
    with pytest.raises(Conflict):
        await create_rule(store, org_id, replace(NUISANCE_72H))


@pytest.mark.parametrize(
    "wrong",
    [{"max_attempts": 0}, {"window_s": 0}, {"channel": "pigeon"}, {"only_last": True}, {"name": " "}, {"codes": ("Nobody's",)}],
)
async def test_a_rule_that_makes_no_sense_is_refused(store: Store, org_id: OrgId, wrong: dict[str, object]) -> None:
    with pytest.raises((BadInput, NotFound)):
        await create_rule(store, org_id, replace(ONE_A_DAY, **wrong))  # type: ignore[arg-type]  # several kinds in one table


async def test_a_call_that_never_left_is_not_counted(store: Store, org_id: OrgId, launch: Launch) -> None:
    await create_rule(store, org_id, ONE_A_DAY)
    (first,) = (await launch.run(NOW, 1)).to_place
    await launch.end(first.id, "Not Launched", NOW)
    assert "+15550100000" in [one.address for one in (await launch.run(NOW + HOUR)).to_place]


AGAIN_AND_AGAIN = """\
strategy: ask
status: completed
handlers:
  - state: initial
    call:
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done, Call Busy: {retry: {count: 100, intervals_s: [1]}}}
"""
AT_ONCE = timedelta(seconds=5)


@pytest.mark.row(58)
async def test_a_running_job_obeys_an_edit_within_five_seconds_also_with_whom_a_rule_has_put_off(
    store: Store, org_id: OrgId
) -> None:
    launch = await Launch.ready(store, org_id, strategy=AGAIN_AND_AGAIN, count=1)
    two, many = Rule(name="Two", max_attempts=2, window_s=86400, position=50), replace(ONE_A_DAY, name="Three", max_attempts=3)
    await create_rule(store, org_id, many)
    await create_rule(store, org_id, two)
    clock = FastClock(10)
    store._now = clock.now  # what operators do happens by the clock of the engine

    def held_by(name: str) -> bool:
        place = launch.place("d0")
        return place is not None and place.due_at is not None and f"rule '{name}'" in place.because

    async def goes_on(after: datetime, attempts: int) -> None:
        await until(lambda: len(launch.attempts()) >= attempts)
        assert launch.attempts()[attempts - 1].intent_at - after <= AT_ONCE

    busy = FakeCallee(ring_s=0.01, answer_s=None, hangup_s=0.02, cause=17, tech_cause=486)
    async with running(store, FakeVoice(clock, default=busy), clock=clock):
        await until(lambda: held_by("Two"))  # the first in the way gives the reason
        assert len(launch.attempts()) == 2
        at = clock.now()
        await switch_rule(store, org_id, "Two", active=False)
        await goes_on(at, 3)
        await until(lambda: held_by("Three"))
        at = clock.now()
        await edit_rule(store, org_id, replace(many, max_attempts=4))
        await goes_on(at, 4)
        await until(lambda: held_by("Three"))
        at = clock.now()
        await edit_rule(store, org_id, replace(many, max_attempts=4, except_zones=("UTC",)))
        await goes_on(at, 5)
        at = clock.now()
        await edit_rule(store, org_id, many)
        await until(lambda: held_by("Three"))
        assert all(one.intent_at - at <= AT_ONCE for one in launch.attempts())
        at = clock.now()
        before = len(launch.attempts())
        await delete_rule(store, org_id, "Three")
        await goes_on(at, before + 1)


async def test_a_rule_names_zones_that_exist(store: Store, org_id: OrgId) -> None:
    with pytest.raises(BadInput, match="no such time zone 'Berlin'"):
        await create_rule(store, org_id, replace(ONE_A_DAY, except_zones=("Berlin",)))
    made = await create_rule(store, org_id, replace(ONE_A_DAY, zones=("Europe/Berlin",), except_zones=("UTC",)))
    assert [one for one in await list_rules(store, org_id) if not one.system] == [made]
