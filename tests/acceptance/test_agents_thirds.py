"""Agents hold, consult, pass on, confer and call again on real calls; it is heard on the telephones who talks with whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.agent import KeysTold
from dialer.domain.codes import SystemCode
from dialer.lab.behaviours import INTERESTED
from dialer.lab.phones import MUSIC
from tests.ears import Ears
from tests.rig import Rig
from tests.shift_kit import PROGRESSIVE, STAYS, WITHIN_S, At, at_work, campaign, codes, hangs_up, phone, phone_of

pytestmark = pytest.mark.acceptance

SPEAKS, EXPERT = "02", "03"  # voices: who is silent (EARS) hears them
EARS, NOTES_KEYS, PRESSES_KEYS = "05", "06", "07"
BUSY = "10"
TALKS = replace(PROGRESSIVE, zip_tone=False)  # a tone could be taken for a voice


async def talking(rig: Rig, at: At, contact: str, **pacing: Any) -> Any:
    """The agent talks with the contact of that number; gives the job."""
    job_id = campaign(rig, at.login, pacing=replace(TALKS, **pacing), numbers=[contact])
    await at.until(lambda: at.state == "talking")
    return job_id


async def asking(at: At, **whom: str) -> None:
    """A third person has answered the agent."""
    at.thirds.clear()
    await at.do("consult", **whom)
    await at.until(lambda: "answered" in at.thirds)
    assert at.state == "consult"


async def wrapped_up(at: At) -> None:
    """The agent says the code, and takes the next contact."""
    await at.until(lambda: at.state == "wrap_up")
    await at.do("wrap_up", code=INTERESTED)
    await at.until(lambda: at.state == "ready", WITHIN_S)
    assert at.line == "up"


@pytest.mark.row(126)
async def test_a_contact_on_hold_hears_music_and_then_the_agent_again(floor: Rig) -> None:
    ears, contact = Ears(floor.lab), phone(EARS)
    async with at_work(floor, SPEAKS) as (at, _):
        job_id = await talking(floor, at, contact)
        await ears.hears(contact, SPEAKS)
        await at.do("hold")
        await at.until(lambda: at.state == "held", WITHIN_S)
        await ears.hears(contact, MUSIC)
        ears.begin()
        await at.do("resume")
        await ears.hears(contact, SPEAKS)
        await at.do("release")
        await wrapped_up(at)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.agent) == (INTERESTED, at.login)
        assert at.stages == ["dialling", "joined", "held", "resumed", "gone", "closed"]


@pytest.mark.row(126)
async def test_keys_of_the_agent_reach_the_contact_and_keys_of_the_contact_the_desk(floor: Rig) -> None:
    ears, contact = Ears(floor.lab), phone(NOTES_KEYS)
    async with at_work(floor) as (at, _):
        job_id = await talking(floor, at, contact)
        await at.do("send_digits", digits="40*")
        await at.until(lambda: {"key 4", "key 0", "key *"} <= ears.by(contact))
        await at.do("release")
        await wrapped_up(at)
        second = await talking(floor, at, phone(PRESSES_KEYS), keys=KeysTold.SHOWN)
        await at.until(lambda: at.keys[:2] == ["4", "#"])
        await at.do("release")
        await wrapped_up(at)
        third = await talking(floor, at, phone(PRESSES_KEYS), keys=KeysTold.HIDDEN)
        at.keys.clear()
        await at.until(lambda: at.keys[:2] == ["", ""])
        await at.do("release")
        await wrapped_up(at)
        for one in (job_id, second, third):
            assert [found.code for found in await codes(floor, one)] == [INTERESTED]


@pytest.mark.row(128)
async def test_a_third_person_is_asked_and_let_go_and_another_gets_the_contact(floor: Rig) -> None:
    ears, contact, expert = Ears(floor.lab), phone(EARS), phone(EXPERT)
    async with at_work(floor, SPEAKS) as (at, _):
        job_id = await talking(floor, at, contact)
        await at.do("consult", number=phone(BUSY))
        await at.until(lambda: (at.thirds, at.state) == (["calling", "failed"], "talking"))
        await asking(at, number=expert)
        await ears.hears(expert, SPEAKS)
        await ears.hears(contact, MUSIC)
        assert EXPERT not in ears.by(contact)
        await at.do("cancel_consult")
        await at.until(lambda: at.state == "talking", WITHIN_S)
        ears.begin()
        await ears.hears(contact, SPEAKS)
        await asking(at, number=phone(EXPERT))
        await at.do("complete_transfer")
        await at.until(lambda: at.state == "wrap_up", WITHIN_S)
        assert (await at.desk.ask("redial"))["error"] == "refused"  # the contact still talks
        await wrapped_up(at)
        ears.begin()
        await ears.hears(contact, EXPERT)
        assert [one.code for one in floor.attempts(job_id)] == [None]  # recorded when the talk ends
        await hangs_up(floor, contact)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.code_source, attempt.agent) == (INTERESTED, "agent", at.login)


@pytest.mark.row(128)
async def test_three_confer_until_the_third_person_leaves_and_again_until_the_agent_does(floor: Rig) -> None:
    ears, contact, expert = Ears(floor.lab), phone(EARS), phone(EXPERT)
    async with at_work(floor, EARS) as (at, _):
        mine = phone_of(floor, at.login)
        job_id = await talking(floor, at, contact)
        await asking(at, number=expert)
        await at.do("start_conference")
        await at.until(lambda: at.state == "conference", WITHIN_S)
        ears.begin()
        await ears.hears(contact, EXPERT)
        await ears.hears(mine, EXPERT)
        await hangs_up(floor, expert)
        await at.until(lambda: at.state == "talking")
        await at.until(lambda: at.thirds[-1] == "ended", WITHIN_S)
        await asking(at, number=phone(EXPERT))
        await at.do("start_conference")
        await at.do("complete_transfer")
        await wrapped_up(at)
        await ears.alone_hears(contact, EXPERT, not_=mine)
        await hangs_up(floor, contact)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.code_source, attempt.agent) == (INTERESTED, "agent", at.login)


async def test_a_conference_ends_with_its_contact(floor: Rig) -> None:
    ears, contact, expert, next_contact = Ears(floor.lab), phone(STAYS), phone(EARS), phone(STAYS)
    async with at_work(floor, SPEAKS) as (at, _):
        job_id = await talking(floor, at, contact)
        await asking(at, number=expert)
        await at.do("start_conference")
        await hangs_up(floor, contact)
        await wrapped_up(at)
        (attempt,) = await codes(floor, job_id)
        assert attempt.code == INTERESTED
        # Agent and third person are parted, too: the agent is free for the next contact.
        await talking(floor, at, next_contact)
        ears.begin()
        await hangs_up(floor, next_contact)
        await at.until(lambda: at.state == "wrap_up")
        assert ears.by(expert) == set()
        await wrapped_up(at)


@pytest.mark.row(128)
async def test_a_conference_gets_another_owner_who_has_the_card_and_says_the_code(floor: Rig) -> None:
    ears, contact = Ears(floor.lab), phone(EARS)
    async with at_work(floor, EARS) as (ann, _), at_work(floor, SPEAKS) as (bob, _):
        job_id = await talking(floor, ann, contact)
        await asking(ann, agent=bob.login)
        await bob.until(lambda: bob.state == "consult", WITHIN_S)
        await ears.hears(phone_of(floor, ann.login), SPEAKS)
        await ann.do("start_conference")
        await bob.until(lambda: bob.state == "conference")
        await ears.hears(contact, SPEAKS)
        await ann.do("change_owner")
        await bob.until(lambda: bob.thirds[-1] == "owner", WITHIN_S)
        card = (await bob.desk.ask("contact"))["said"]
        assert card["contact"]["addresses"]["mobile"] == contact
        await ann.do("release")
        await ann.until(lambda: ann.state == "ready", WITHIN_S)  # the code is the other's to say
        await bob.until(lambda: bob.state == "talking", WITHIN_S)
        await ears.alone_hears(contact, SPEAKS, not_=phone_of(floor, ann.login))
        await bob.do("release")
        await wrapped_up(bob)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.code_source, attempt.agent) == (INTERESTED, "agent", bob.login)


@pytest.mark.row(128)
async def test_a_contact_is_passed_to_a_colleague_with_card_and_code(floor: Rig) -> None:
    ears, contact = Ears(floor.lab), phone(EARS)
    async with at_work(floor, EARS) as (ann, _), at_work(floor, SPEAKS) as (bob, _):
        job_id = await talking(floor, ann, contact)
        await asking(ann, agent=bob.login)
        await ann.do("complete_transfer")
        await ann.until(lambda: ann.state == "ready", WITHIN_S)
        await bob.until(lambda: bob.state == "talking", WITHIN_S)
        await ears.hears(contact, SPEAKS)
        card = (await bob.desk.ask("contact"))["said"]
        assert card["contact"]["addresses"]["mobile"] == contact
        await bob.do("release")
        await wrapped_up(bob)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.code_source, attempt.agent) == (INTERESTED, "agent", bob.login)


@pytest.mark.row(129)
async def test_a_contact_whose_call_dropped_is_called_again_at_once(floor: Rig) -> None:
    contact = phone(STAYS)
    async with at_work(floor) as (at, _):
        job_id = await talking(floor, at, contact)
        await hangs_up(floor, contact)
        await at.until(lambda: at.state == "wrap_up")
        await at.do("redial")
        await at.until(lambda: at.state == "talking")
        await at.do("release")
        await wrapped_up(at)
        first, second = await codes(floor, job_id)
        assert (first.code, second.code, second.again_after) == (SystemCode.REDIALLED, INTERESTED, first.id)
        assert second.agent == at.login
