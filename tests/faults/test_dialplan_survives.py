"""The dialer dies while a dialplan has the call: the dialplan goes on, and its code is kept by the dialer that comes after."""

from __future__ import annotations

import asyncio

import pytest

from dialer.domain.codes import SystemCode
from dialer.lab.behaviours import INTERESTED
from dialer.store.tx import Tx
from tests.acceptance.test_dialplan_ivr import STRATEGY
from tests.lab_fixture import own_dialplan
from tests.rig import Rig, number

pytestmark = pytest.mark.faults

CALLED = number(4000, "00")
SLOW = """
[test-slow]
exten => s,1,Gosub(outdial-pdc,set_attribute,1(donor,yes))
 same => n(more),Wait(0.2)
 same => n,GotoIf($["${GLOBAL(GOES_ON)}" = ""]?more)
 same => n,Gosub(outdial-pdc,set_code,1(Interested in Blood Donation))
"""


def donor(rig: Rig) -> str:
    """What the dialplan's first line keeps. Before that the call is still on its way into it, and lost with the dialer."""

    def work(tx: Tx) -> str:
        (contact,) = tx.contacts(tx.organisations.ensure("default")).with_number(CALLED)
        return contact.attributes.get("donor", "")

    return rig.store.write_now(work)


@pytest.mark.row(18, 85)
async def test_a_code_that_is_set_after_the_dialer_was_killed_and_started_again_is_the_calls(rig: Rig, port: int) -> None:
    rig.ivr_listen = f"127.0.0.1:{port}"  # the same after a restart: the call knows it by this
    rig.workers = 1
    job_id = rig.campaign([CALLED], strategy=STRATEGY.format(place="test-slow"))
    with own_dialplan(rig.lab, SLOW):
        rig.start()
        await rig.until(lambda: donor(rig) == "yes", "the dialplan has the call")
        rig.kill()
        rig.start()
        await rig.until(lambda: rig.log().count("calls can be treated") == 2, "the next dialer is up")
        await asyncio.to_thread(rig.lab.switch_instance.rx, "dialplan set global GOES_ON yes")
        await rig.completed(job_id)
    rig.check_invariants(job_id)
    (attempt,) = rig.attempts(job_id)
    assert (attempt.code, attempt.code_source) == (INTERESTED, "app")
    assert attempt.system_code == SystemCode.DISCONNECTED_BY_SYSTEM, "it was not interrupted: the dialplan went on"
    assert rig.stop() == 0
