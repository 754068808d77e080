"""Agents who log in while the link to the switch is down, or breaks over it, are ready by themselves when it is back."""

from __future__ import annotations

from functools import partial

import pytest

from dialer.lab.ami import AmiTalk
from dialer.lab.behaviours import INTERESTED
from dialer.lab.phones import PERSON, floor_number
from dialer.services.agents import add_agent, new_token
from tests.ami_proxy import AmiProxy
from tests.rig import Rig
from tests.shift_kit import NUMBERS, At, at_work, campaign, codes, hired, sitting

pytestmark = pytest.mark.faults

SOON_S = 2.0


def parked(rig: Rig) -> int:
    """How many agents' telephones are up, by the switch itself."""
    with AmiTalk(rig.lab.switch.host, rig.lab.switch.port) as ami:
        ami.login(rig.lab.switch.username, rig.lab.switch.secret, events=False)
        return sum(one.get("Application") == "BridgeWait" for one in ami.listing("CoreShowChannels")[1])


def is_ready(at: At) -> bool:
    """At work, with a telephone that is up."""
    return (at.state, at.line) == ("ready", "up")


async def test_who_logs_in_while_the_link_is_cut_is_ready_soon_after_it_is_back(rig: Rig) -> None:
    async with AmiProxy(rig.lab.switch.host, rig.lab.switch.port) as proxy:
        rig.port, rig.workers, rig.desk_listen = proxy.port, 1, "127.0.0.1:0"
        rig.start()
        org = rig.store.write_now(lambda tx: tx.organisations.ensure("default"))
        # Rings for two seconds: it is answered while nobody listens.
        await add_agent(rig.store, org, "slow", phone=floor_number(next(NUMBERS), 2.0, PERSON))
        token = await new_token(rig.store, org, "slow")
        login, late_token = await hired(rig)
        async with at_work(rig) as (early, _), sitting(rig, token, "slow") as slow, sitting(rig, late_token, login) as late:
            await slow.do("log_in")
            await slow.do("go_ready")
            await rig.until(lambda: proxy.seen["Newchannel"] >= 2, "the slow telephone rings")
            proxy.refuse = True
            proxy.reset()
            await rig.until(lambda: rig.states()[-1][1] == "down", "the link is down")
            await late.do("log_in")
            await late.do("go_ready")
            await late.until(lambda: bool(late.notices), 1.0)
            assert "rung as soon as it can be: the switch lab is down" in late.notices[0]
            await rig.until(lambda: parked(rig) == 2, "the slow telephone is answered")
            proxy.refuse = False
            await rig.until(lambda: rig.states()[-1][1] == "ready", "the link is back")
            for at in (early, slow, late):
                await at.until(partial(is_ready, at), SOON_S)
            job_id = campaign(rig, login)
            await late.until(lambda: late.state == "talking")
            await late.do("release")
            await late.do("wrap_up", code=INTERESTED)
            assert [one.code for one in await codes(rig, job_id)] == [INTERESTED]
            for at in (slow, late):
                await at.do("log_out")
