"""Why is this contact not being called: every gate says its word, and the ones that are shut say until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.contact import Address
from dialer.domain.gates import Allowed, GateFacts, gates, pick_address
from dialer.domain.message_template import MessageTemplate
from dialer.domain.strategy import AddressRule, CallHandler, SmsHandler

pytestmark = pytest.mark.unit

NOON = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)  # 12:00 in New York
NIGHT = datetime(2026, 1, 15, 7, 0, tzinfo=UTC)
MOBILE, HOME = "+12125550101", "+12125550102"
HANDLER = CallHandler(
    state="initial",
    addresses=(
        AddressRule(name="mobile", opens=time(8), closes=time(21)),
        AddressRule(name="home", opens=time(9), closes=time(20)),
    ),
)
ADDRESSES = (
    Address(name="mobile", value=MOBILE, zones=("America/New_York",)),
    Address(name="home", value=HOME, zones=("America/New_York",)),
)
READY = GateFacts(
    now=NOON, job_state=JobState.RUNNING, place=JobContactState.SCHEDULED, due_at=NOON, handler=HANDLER, addresses=ADDRESSES
)
SOON = NOON + timedelta(minutes=5)


def test_a_contact_whose_gates_all_pass_is_called() -> None:
    found = gates(READY)
    assert [gate.name for gate in found] == [
        "job",
        "finished",
        "in call",
        "claimed",
        "due",
        "restriction",
        "DNC list",
        "rules",
        "number in use",
        "address",
        "calling window",
        "switch",
        "pace",
    ]
    assert {gate.verdict for gate in found} == {"pass"}


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, "pass", "the gateway twilio has room"),
        ({"gateway_state": "connecting"}, "wait", "the gateway twilio is connecting"),
        ({"gateway_room": 0}, "wait", "the gateway twilio takes no more at this moment"),
        ({"gateway_state": "refused"}, "block", "the gateway twilio refuses our login"),
    ],
)
def test_who_is_written_to_waits_for_a_gateway_and_for_no_switch(changes: dict[str, Any], verdict: str, said: str) -> None:
    handler = SmsHandler(state="initial", addresses=HANDLER.addresses, text=MessageTemplate("Hello"))
    found = gates(replace(READY, handler=handler, switch_state="down", gateway="twilio", **changes))
    (gate,) = [one for one in found if one.name == "gateway"]
    assert (gate.verdict, gate.because) == (verdict, said)
    assert "switch" not in {one.name for one in found}


@pytest.mark.parametrize(
    ("changes", "name", "verdict", "said", "until"),
    [
        ({"job_state": JobState.QUEUED}, "job", "wait", "not begun", None),
        ({"job_state": JobState.PAUSED, "job_because": "operator"}, "job", "block", "paused (operator)", None),
        ({"job_state": JobState.STOPPING}, "job", "block", "no new calls", None),
        ({"job_state": JobState.COMPLETED}, "job", "block", "over", None),
        ({"place": JobContactState.FINISHED, "last_code": "Call Busy"}, "finished", "block", "last code Call Busy", None),
        ({"place": None, "left_out": "city = Ankara"}, "filter", "block", "calls others: city = Ankara", None),
        ({"excluded_until": SOON}, "exclusion", "block", "excluded until", None),
        ({"place": JobContactState.IN_CALL}, "in call", "wait", "in a call", None),
        ({"place": None}, "claimed", "wait", "has not come to", None),
        ({"place": JobContactState.CLAIMED, "lease_until": SOON}, "claimed", "wait", "about to dial", SOON),
        ({"place": JobContactState.CLAIMED, "lease_until": NOON - timedelta(1)}, "claimed", "wait", "given back", NOON),
        ({"due_at": SOON, "place_because": "Call Busy: retry 1 of 2"}, "due", "wait", "retry 1 of 2", SOON),
        ({"on_dnc": {MOBILE, HOME}}, "DNC list", "block", "mobile: on the DNC list; home: on the DNC list", None),
        ({"busy": {MOBILE, HOME}}, "number in use", "wait", "in another call", NOON + timedelta(seconds=30)),
        ({"addresses": ()}, "address", "block", "mobile: the contact has none", None),
        ({"now": NIGHT, "due_at": NIGHT}, "calling window", "wait", "it is 02:00 there", NIGHT + timedelta(hours=6)),
        ({"switch_state": "down", "trunk": "carrier"}, "switch", "wait", "trunk carrier is down", None),
        ({"switch_state": "refused"}, "switch", "block", "refuses our login", None),
        ({"trunk_room": 0}, "switch", "wait", "no room", None),
        ({"ports_in_use": 50, "max_ports": 50}, "pace", "wait", "50 of 50 ports", None),
        ({"pace_open": False, "pace": "pace 1/s: the next call in 0.4 s"}, "pace", "wait", "0.4 s", None),
    ],
)
def test_a_shut_gate_tells_why_and_until_when(
    changes: dict[str, Any], name: str, verdict: str, said: str, until: datetime | None
) -> None:
    found = {gate.name: gate for gate in gates(replace(READY, **changes))}
    assert (found[name].verdict, found[name].until) == (verdict, until)
    assert said in found[name].because
    assert [gate.name for gate in found.values() if gate.verdict != "pass"] == [name]


def test_one_free_number_opens_the_gates_of_numbers() -> None:
    found = gates(replace(READY, on_dnc={MOBILE}))
    assert all(gate.verdict == "pass" for gate in found)


@pytest.mark.parametrize("dnc", [(), (MOBILE,), (MOBILE, HOME)])
@pytest.mark.parametrize("busy", [(), (MOBILE,), (HOME,)])
@pytest.mark.parametrize("now", [NOON, NIGHT])
@pytest.mark.parametrize("addresses", [(), ADDRESSES[:1], ADDRESSES])
def test_the_gates_and_the_launch_agree(
    dnc: tuple[str, ...], busy: tuple[str, ...], now: datetime, addresses: tuple[Address, ...]
) -> None:
    facts = replace(READY, now=now, due_at=now, on_dnc=dnc, busy=busy, addresses=addresses)
    choice = pick_address(HANDLER, 0, addresses, dnc, busy, now)
    verdicts = [gate.verdict for gate in gates(facts)]
    assert isinstance(choice, Allowed) == (set(verdicts) == {"pass"})
    if not isinstance(choice, Allowed) and choice.code is not None:
        assert "block" in verdicts
