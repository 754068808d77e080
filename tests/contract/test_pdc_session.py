"""How a session of the PDC begins, whom it is open to, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pdc import BadValue, NoSession, SessionKey
from pdc.verbs import VERBS, Verb
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


def plain_arguments(verb: Verb) -> dict[str, Any]:
    """An argument for each parameter that has no default."""
    plain = {str: "x", int: 1, datetime: datetime.now(UTC) + timedelta(hours=1), Mapping[str, str]: {}, Sequence[str]: ()}
    wanted = [one for one in verb.parameters.values() if one.default is one.empty]
    defaults = {one.name: one.default for one in verb.parameters.values()}
    return {**defaults, **{one.name: plain[verb.types[one.name]] for one in wanted}}


@pytest.mark.row(19, 27)
async def test_opening_tells_everything_that_an_app_needs_and_may_be_repeated(at: Bench) -> None:
    call = at.call()
    session = await call.pdc.open_session()
    assert (session.attempt_id, session.app) == (call.key.attempt_id, "blood_donation")
    assert session.contact.user_contact_id == "c-1"
    assert session.contact.address == "+15550100"
    assert session.contact.attributes["first_name"] == "Zoë"
    assert (session.contact.language, session.contact.time_zone) == ("es", "America/Denver")
    assert session.parameters == {"greeting": "hello"}
    assert {code.name for code in session.codes if code.kind == "custom"} == {"Interested", "Not interested"}
    assert (await call.pdc.open_session()).attempt_id == call.key.attempt_id
    assert (await call.pdc.session()).app == "blood_donation"


@pytest.mark.parametrize(
    ("status", "cause", "answered_by"),
    [("HUMAN", "HUMAN-700-700", "human"), ("MACHINE", "MAXWORDS-4-4", "machine"), ("NOTSURE", "TOOLONG-5000", "silence")],
)
async def test_what_the_detector_found_becomes_who_answered(at: Bench, status: str, cause: str, answered_by: str) -> None:
    session = await at.call().pdc.open_session(amd_status=status, amd_cause=cause)
    assert session.answered_by == answered_by


async def test_a_failed_app_is_an_application_error_unless_the_contact_had_answered(at: Bench) -> None:
    first, second = await at.opened(), await at.opened()
    await first.pdc.end_session(error="RuntimeError: a mistake")
    assert first.code == "Application Error"
    await second.pdc.set_code("Interested")
    await second.pdc.end_session(error="RuntimeError: a mistake")
    assert second.code == "Interested"


@pytest.mark.row(16)
async def test_an_app_that_says_nothing_leaves_its_last_word_or_the_strategys_default(at: Bench) -> None:
    first, second = await at.opened(), await at.opened()
    session = await first.pdc.session()
    assert session.default_code == "Not interested"
    await first.pdc.end_session(said_nothing=True)
    assert first.code == "Not interested"
    await second.pdc.set_code("Interested")
    await second.pdc.end_session(said_nothing=True)
    assert second.code == "Interested"


async def test_after_the_end_no_verb_does_anything_and_ending_again_is_quiet(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.note("called from the car")
    await call.pdc.end_session(outcome="Interested")
    await call.pdc.end_session(outcome="Not interested")
    await call.pdc.end_session(error="late")
    for verb in VERBS.values():
        if verb.name != "end_session":
            with pytest.raises(NoSession):
                await verb.call(call.pdc, plain_arguments(verb))
    assert call.code == "Interested"
    assert not call.place.opted_out(call.key)


@pytest.mark.row(18)
async def test_a_wrong_nonce_opens_nothing(at: Bench) -> None:
    call = at.call()
    wrong = at.pdc.on(SessionKey(attempt_id=call.key.attempt_id, nonce="another-nonce-altogether"))
    for verb in VERBS.values():
        with pytest.raises(NoSession):
            await verb.call(wrong, plain_arguments(verb))
    assert call.code == ""
    assert not call.place.opted_out(call.key)
    assert call.place.promised(call.key) is None


@pytest.mark.parametrize("value", ["x" * 20_000, "half a \ud83d character", "a\0b"])
async def test_a_value_that_cannot_be_kept_is_an_error_and_changes_nothing(at: Bench, value: str) -> None:
    call = await at.opened()
    with pytest.raises(BadValue):
        await call.pdc.set_attribute("donor", value)
    assert await call.pdc.get_attribute("donor") == ""
    with pytest.raises(BadValue):
        await call.pdc.note(value)
    with pytest.raises(BadValue):
        await call.pdc.opt_out(value)
    assert not call.place.opted_out(call.key)
