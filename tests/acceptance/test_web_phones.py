"""An agent whose telephone is a browser: the whole way over WebSocket, ICE and DTLS-SRTP, and a tab that dies in mid call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aioice.ice import get_host_addresses

from dialer.lab.behaviours import INTERESTED
from dialer.lab.lab import Lab
from dialer.lab.phones import VOICES
from dialer.lab.web_phones import LAB_TIMEOUT_S, WebPhone
from tests.ears import Ears
from tests.rig import Rig
from tests.shift_kit import PROGRESSIVE, WITHIN_S, at_work, campaign, codes, phone
from tests.web_phone import BrowserPhone

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        not get_host_addresses(use_ipv4=True, use_ipv6=False),
        reason="this machine has no address but loopback, and ICE names no way to that",
    ),
]

CONTACT, AGENT, COLLEAGUE = "01", "02", "03"  # the voices of the three; each listens for the others
PASSED_ON_WITHIN_S = 2.0  # once a line is seen to be lost, by law


@pytest.fixture(scope="module")
def lab(web_lab: Lab) -> Lab:
    """The floor of these tests is on it as well."""
    return web_lab


async def soon(rig: Rig, condition: Callable[[], bool], within_s: float, what: str) -> None:
    watch = rig.watch()
    while not condition():
        assert not watch.is_over(within_s), f"not within {within_s} s: {what}"
        await asyncio.sleep(0.01)


@pytest.mark.row(130)
async def test_an_agent_talks_by_browser_and_the_line_stays_up_until_the_tab_dies(
    lab: Lab, floor: Rig, web_phone: WebPhone
) -> None:
    ears = Ears(lab)
    async with (
        BrowserPhone.opened(web_phone, voice_hz=VOICES[AGENT]) as tab,
        at_work(floor, endpoint=web_phone.name) as (at, _),
        at_work(floor, COLLEAGUE) as (colleague, _),
    ):
        sound = await tab.connected()
        await colleague.do("go_not_ready")

        # A talk: each hears the other.
        first = phone(CONTACT)
        job_id = campaign(floor, at.login, numbers=[first])
        await at.until(lambda: at.state == "talking")
        await soon(floor, lambda: sound.hears(VOICES[CONTACT]), 3, "the browser hears the contact")
        await ears.hears(first, AGENT)
        await at.do("release")
        await soon(floor, lambda: sound.silent, WITHIN_S, "silence between two contacts")
        await at.do("wrap_up", code=INTERESTED)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.agent) == (INTERESTED, at.login)

        # The next one, on the same call: then the tab dies, and the colleague takes over.
        second = phone(CONTACT)
        both = replace(PROGRESSIVE, agents=(at.login, colleague.login))
        job_id = floor.campaign([second], name="Dies", pacing=both)
        await at.until(lambda: at.state == "talking")
        await soon(floor, lambda: sound.hears(VOICES[CONTACT]), 3, "the browser hears the next contact")
        assert (tab.calls, at.line) == (1, "up")
        await colleague.do("go_ready")
        await tab.die()
        await at.until(lambda: at.line == "down", LAB_TIMEOUT_S + 1.5)
        await colleague.until(lambda: colleague.state == "talking", PASSED_ON_WITHIN_S)
        await at.until(lambda: at.state == "not_ready", WITHIN_S)
        await ears.hears(second, COLLEAGUE)
        await colleague.do("release")
        await colleague.do("wrap_up", code=INTERESTED)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.agent) == (INTERESTED, colleague.login)

        # The page is loaded again: the agent is back at work.
        async with BrowserPhone.opened(web_phone, voice_hz=VOICES[AGENT]) as again:
            await at.do("go_ready")
            await at.until(lambda: at.line == "up")
            assert again.calls == 1
            await again.hang_up()  # and closed in order: no time is lost
            await at.until(lambda: at.line == "down", WITHIN_S)
