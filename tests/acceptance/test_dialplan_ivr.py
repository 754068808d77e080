"""An IVR in plain dialplan, from the strategy that names it to the code in the ledger, by a running dialer on real calls."""

from __future__ import annotations

import pytest

from dialer.domain.codes import SystemCode
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED
from dialer.store.tx import Tx
from tests.lab_fixture import own_dialplan
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance

STRATEGY = """\
strategy: dialplan
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 15
      detect_machine: false
      addresses: [{{attribute: mobile, from: "00:00", to: "24:00"}}]
      results: {{otherwise: done, Call Answered: {{dialplan: {place}}}}}
"""

CODES = {  # by what the callee does: the code, and what the network alone would have said
    "01": (INTERESTED, SystemCode.DISCONNECTED_BY_SYSTEM),
    "02": (NOT_INTERESTED, SystemCode.DISCONNECTED_BY_SYSTEM),
    "05": (SystemCode.DISCONNECTED_BY_USER, SystemCode.DISCONNECTED_BY_USER),
    "06": (SystemCode.DISCONNECTED_BY_USER, SystemCode.DISCONNECTED_BY_USER),
    "07": (SystemCode.NO_MATCH, SystemCode.DISCONNECTED_BY_SYSTEM),
    "09": (SystemCode.OPTED_OUT, SystemCode.DISCONNECTED_BY_SYSTEM),
}


@pytest.mark.row(18, 19, 22, 25)
async def test_what_callees_press_in_a_dialplan_becomes_codes_attributes_and_counters(running: Rig) -> None:
    strategy = STRATEGY.format(place="outdial-example")
    job_id = running.campaign([number(700, ending) for ending in CODES], strategy=strategy, name="Dialplan")
    await running.completed(job_id)
    running.check_invariants(job_id)
    attempts = running.attempts(job_id)
    assert {one.address[-2:]: (one.code, one.system_code) for one in attempts} == CODES
    assert {one.app for one in attempts} == {"dialplan:outdial-example,s"}
    assert {one.address[-2:] for one in attempts if one.app_note == "hung up before any key"} >= {"05"}

    def kept(ending: str) -> tuple[str, bool]:
        def work(tx: Tx) -> tuple[str, bool]:
            org = tx.organisations.ensure("default")
            (contact,) = tx.contacts(org).with_number(number(700, ending))
            return contact.attributes.get("donor", ""), bool(tx.dnc(org).listed([number(700, ending)]))

        return running.store.read_now(work)

    assert {ending: kept(ending) for ending in ("01", "02", "09")} == {"01": ("yes", False), "02": ("", False), "09": ("", True)}
    counted = running.store.read_now(lambda tx: tx.counters(running.job(job_id).campaign_id).all())
    assert counted == {"donors": 1}


async def test_a_dialplan_that_says_nothing_leaves_the_networks_facts(running: Rig) -> None:
    with own_dialplan(running.lab, "\n[test-says-nothing]\nexten => s,1,Wait(0.5)\n"):
        strategy = STRATEGY.format(place="test-says-nothing")
        job_id = running.campaign([number(701, "00")], strategy=strategy, name="Says nothing")
        await running.completed(job_id)
    assert running.codes(job_id) == {SystemCode.DISCONNECTED_BY_SYSTEM: 1}


async def test_a_place_that_the_switch_does_not_have_is_an_application_error(running: Rig) -> None:
    job_id = running.campaign([number(702, "05")], strategy=STRATEGY.format(place="nobodys-context"), name="Nobody's")
    await running.completed(job_id)
    assert running.codes(job_id) == {SystemCode.APPLICATION_ERROR: 1}
