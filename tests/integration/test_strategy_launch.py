"""A running job on a real database does what its strategy and its codes say, in the transaction that writes the intent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import JobContactState
from dialer.domain.codes import BlockScope, CustomCode, NextAction, SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import ContactId, OrgId
from dialer.errors import BadInput, Conflict
from dialer.services.codes import create_code, edit_code, passivate_code
from dialer.services.late_codes import record_late_code
from dialer.services.organisations import create_organisation
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store
from dialer.store.tx import Tx
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CALL = """\
      addresses:
        - {attribute: mobile, from: "00:00", to: "24:00"}
        - {attribute: home, from: "00:00", to: "24:00"}
"""


def text(call: str = "", results: str = "otherwise: done", handlers: str = "", state: str = "initial") -> str:
    return f"""\
strategy: ask
status: completed
handlers:
{handlers}  - state: {state}
    call:
{CALL}{call}      results:
        {results}
"""


def contact_ids(launch: Launch) -> dict[str, ContactId]:
    found = launch.store.read_now(
        lambda tx: [one for name in ("d0", "d1", "d2") for one in tx.contacts(launch.org_id).called(name)]
    )
    return {one.user_contact_id: one.id for one in found}


def place(launch: Launch, user_id: str) -> JobContact:
    found = launch.store.read_now(lambda tx: tx.job_contacts.get(launch.job.id, contact_ids(launch)[user_id]))
    assert found is not None
    return found


async def give(launch: Launch, user_id: str, **attributes: str) -> None:
    of = contact_ids(launch)[user_id]

    def work(tx: Tx) -> None:
        for name, value in attributes.items():
            tx.contacts(launch.org_id).set_attribute(of, name, value)

    await launch.store.write(work)


async def second_number(launch: Launch, user_id: str, value: str) -> None:
    def work(tx: Tx) -> None:
        contacts = tx.contacts(launch.org_id)
        one = contacts.called(user_id)[0]
        row = NewContact(
            user_contact_id=user_id,
            attributes=one.attributes,
            addresses=(NewAddress(name="home", value=value, zones=("UTC",)),),
        )
        contacts.upsert_batch(one.list_id, [row], on_duplicate="update")

    await launch.store.write(work)


RESTRICTED = """\
      restrictions:
        - {when: {attribute: city, equals: Izmir}, type: permanent}
        - {when: {attribute: customer_id, equals: hold}, type: temporary, recheck_s: 90}
"""


@pytest.mark.row(45)
async def test_restrictions_are_asked_in_the_transaction_of_the_intent(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=text(RESTRICTED))
    claims = await launch.claim(NOW)
    await give(launch, "d0", city="izmir")  # after the claim, before the intent: it counts
    await give(launch, "d1", customer_id="hold")
    intents = await launch.commit(claims, NOW)
    assert [one.contact_id for one in intents.to_place] == [contact_ids(launch)["d2"]]
    assert place(launch, "d0").last_code == SystemCode.RESTRICTED_OTHER
    assert place(launch, "d0").state is JobContactState.FINISHED
    held = place(launch, "d1")
    assert (held.state, held.due_at) == (JobContactState.SCHEDULED, NOW + timedelta(seconds=90))
    (why,) = await why_not_called(store, org_id, "d1", strategy_of=StrategyShelf(), now=NOW)
    assert "restricted for now: customer_id equals hold" in why.because
    await give(launch, "d1", customer_id="K-1")
    assert not (await launch.run(NOW + timedelta(seconds=89))).to_place
    later = await launch.run(NOW + timedelta(seconds=90))
    assert [one.contact_id for one in later.to_place] == [contact_ids(launch)["d1"]]


SELECTS = """\
  - state: initial
    selector:
      conditions:
        - {when: {attribute: contact_id, equals: d0}, next_state: ask}
      otherwise: done
"""
SENDERS = """\
      sender: "+15550199"
      senders: [{when: {attribute: city, starts_with: ank}, number: "+15550111"}]
"""


@pytest.mark.row(38, 44)
async def test_a_selector_chooses_the_handler_and_conditions_the_callers_id(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=text(SENDERS, handlers=SELECTS, state="ask"))
    intents = await launch.run(NOW)
    (attempt,) = intents.to_place
    assert (attempt.handler, intents.senders) == ("ask", {attempt.id: "+15550111"})
    assert place(launch, "d0").handler == "ask"
    left = place(launch, "d1")
    assert (left.state, left.last_code) == (JobContactState.FINISHED, None)
    assert "no condition holds" in left.because


@pytest.mark.row(137)
@pytest.mark.parametrize("action", [NextAction.REMOVE_NUMBER, NextAction.BLOCK_NUMBER])
async def test_a_code_takes_the_number_away_and_the_next_one_is_called(store: Store, org_id: OrgId, action: NextAction) -> None:
    await create_code(store, org_id, CustomCode(name="Interested", next_action=action))
    launch = await Launch.ready(store, org_id, strategy=text(), count=2)
    await second_number(launch, "d0", "+15550209999")
    first = {one.address: one for one in (await launch.run(NOW)).to_place}
    for one in first.values():
        await launch.end(one.id, "Interested", NOW)
    assert place(launch, "d1").state is JobContactState.FINISHED  # it had only the one
    (again,) = (await launch.run(NOW)).to_place
    assert (again.address, again.address_name) == ("+15550209999", "home")
    gone = store.read_now(lambda tx: tx.dnc(org_id).listed(set(first)))
    left = store.read_now(lambda tx: {a.name for a in tx.contacts(org_id).called("d0")[0].addresses})
    assert (gone, left) == ((set(), {"home"}) if action is NextAction.REMOVE_NUMBER else (set(first), {"mobile", "home"}))
    await launch.end(again.id, "Interested", NOW)
    assert place(launch, "d0").state is JobContactState.FINISHED


@pytest.mark.row(137)
async def test_a_number_can_be_blocked_for_all_organisations(store: Store, org_id: OrgId) -> None:
    blocked = CustomCode(name="Interested", next_action=NextAction.BLOCK_NUMBER, block_scope=BlockScope.COMMON)
    await create_code(store, org_id, blocked)
    launch = await Launch.ready(store, org_id, strategy=text(), count=1)
    (one,) = (await launch.run(NOW)).to_place
    await launch.end(one.id, "Interested", NOW)
    other = await create_organisation(store, "Other")
    assert store.read_now(lambda tx: tx.dnc(other).listed({one.address})) == {one.address}


@pytest.mark.row(138)
async def test_a_passive_code_is_no_late_code_and_its_history_stays(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=text("", "Call Busy: {next_state: wait}"), count=2)
    one, other = (await launch.run(NOW)).to_place
    await launch.end(one.id, "Interested", NOW)
    await launch.end(other.id, "Call Busy", NOW)
    await passivate_code(store, org_id, "Interested")
    with pytest.raises(BadInput, match="passive"):
        await record_late_code(store, org_id, "d1", "Interested", strategy_of=StrategyShelf(), now=NOW)
    assert store.read_now(lambda tx: tx.jobs(org_id).code_counts(launch.job.id)) == {"Interested": 1, "Call Busy": 1}


@pytest.mark.row(137)
async def test_a_date_given_on_the_call_is_kept_else_the_codes_own_delay(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Interested", next_action=NextAction.SCHEDULE, schedule_after_s=600))
    launch = await Launch.ready(store, org_id, strategy=text(), count=2)
    one, other = (await launch.run(NOW)).to_place
    promised = NOW + timedelta(days=2)
    await store.write(lambda tx: tx.attempts.update_open(one.id, {"next_at": promised}))
    await launch.end(one.id, "Interested", NOW)
    await launch.end(other.id, "Interested", NOW)
    assert (place(launch, "d0").due_at, place(launch, "d1").due_at) == (promised, NOW + timedelta(seconds=600))
    assert not (await launch.run(NOW + timedelta(seconds=599))).to_place
    assert len((await launch.run(promised)).to_place) == 2


WAITS = "Call Busy: {next_state: wait}\n        Interested: {retry: {count: 1, intervals_s: [5]}}"


@pytest.mark.row(39)
async def test_a_contact_waits_for_a_code_from_outside_or_until_its_time_is_up(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, strategy=text("      wait: {for_s: 60}\n", WAITS), count=2)
    for one in (await launch.run(NOW)).to_place:
        await launch.end(one.id, "Call Busy", NOW)
    assert place(launch, "d0").handler == "wait"
    shelf = StrategyShelf()
    with pytest.raises(BadInput):
        await record_late_code(store, org_id, "d0", "Nonsense", strategy_of=shelf, now=NOW)
    await record_late_code(store, org_id, "d0", "interested", strategy_of=shelf, now=NOW)
    with pytest.raises(Conflict):
        await record_late_code(store, org_id, "d0", "interested", strategy_of=shelf, now=NOW)
    moved = place(launch, "d0")
    assert (moved.handler, moved.due_at, moved.last_code) == ("initial", NOW + timedelta(seconds=5), "Interested")
    assert [one.contact_id for one in (await launch.run(NOW + timedelta(seconds=5))).to_place] == [contact_ids(launch)["d0"]]
    await launch.run(NOW + timedelta(seconds=60))
    waited = place(launch, "d1")
    assert (waited.state, waited.last_code) == (JobContactState.FINISHED, "Call Busy")


@pytest.mark.row(43)
@pytest.mark.parametrize("policy", ["wait", "done"])
async def test_when_all_hours_are_closed_the_contact_waits_or_is_done_as_the_strategy_says(
    store: Store, org_id: OrgId, policy: str
) -> None:
    closed = text(f"      no_suitable_address: {policy}\n").replace('from: "00:00", to: "24:00"', 'from: "08:00", to: "09:00"')
    launch = await Launch.ready(store, org_id, strategy=closed, count=1)
    await second_number(launch, "d0", "+15550209999")
    intents = await launch.run(NOW)
    assert not intents.to_place
    found = place(launch, "d0")
    expected = (
        (JobContactState.SCHEDULED, None)
        if policy == "wait"
        else (JobContactState.FINISHED, SystemCode.NO_CALLABLE_ADDRESS.value)
    )
    assert (found.state, found.last_code) == expected


async def test_a_row_for_what_compliance_found_says_what_follows_and_processors_hear_of_it(store: Store, org_id: OrgId) -> None:
    second = """\
  - state: initial
    call:
      addresses: [{attribute: fax, from: "00:00", to: "24:00"}]
      results: {No Callable Address: {next_state: second, processor: tell}}
"""
    launch = await Launch.ready(store, org_id, strategy=text(handlers=second, state="second"), count=1)
    intents = await launch.run(NOW)
    (ended,) = intents.completed
    assert not ended.called
    assert ended.result is not None
    assert (ended.result.processor, ended.result.contact_id, ended.result.code) == ("tell", "d0", "No Callable Address")
    assert [one.handler for one in (await launch.run(NOW)).to_place] == ["second"]


async def test_a_code_that_closes_cannot_go_on(store: Store, org_id: OrgId) -> None:
    with pytest.raises(BadInput, match="cannot go on"):
        await create_code(store, org_id, CustomCode(name="Mine", is_closure=True, next_action=NextAction.SCHEDULE))
    await create_code(store, org_id, CustomCode(name="Mine", next_action=NextAction.SCHEDULE))
    with pytest.raises(BadInput, match="schedule after"):
        await edit_code(store, org_id, "Mine", schedule_after_s=0)
