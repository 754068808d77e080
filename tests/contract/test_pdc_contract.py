"""What every PDC must do, whoever carries it: the fake, the fake over HTTP, and the real one inside of a dialer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.callback import CallbackLimits
from dialer.domain.campaign import Campaign
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import AttemptId, CampaignId, new_attempt_id
from dialer.engine.engine import StrategyShelf
from dialer.ivr.fake_pdc import FakePdc
from dialer.services.pdc import DirectPdc
from dialer.store.store import Store
from dialer.store.tx import Tx
from dialer.web.pdc import make_pdc_app
from pdc.contract import (
    BadValue,
    CallbackRefused,
    Contact,
    NoSession,
    Pdc,
    PdcError,
    SessionKey,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
)
from pdc.http import HttpPdc

pytestmark = pytest.mark.contract

TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True, slots=True)
class Bench:
    """A PDC under test. Its campaign has the codes "Interested" and "Not interested"; "Elsewhere" belongs to another one.

    `new_call` gives an answered call for app "blood_donation", parameters {"greeting": "hello"}, whose contact is "c-1" at
    +15550100 with the attributes donor="" and first_name="Zoë". `code_of` is what the attempt's code is now ("" for none).
    """

    pdc: Pdc
    new_call: Callable[[], SessionKey]
    code_of: Callable[[SessionKey], str]
    opted_out: Callable[[SessionKey], bool]
    promised: Callable[[SessionKey], tuple[datetime, str] | None]  # the pending callback of the contact: when, and the note
    refuse_callbacks: Callable[[SessionKey], None]


def _of_fake(fake: FakePdc, pdc: Pdc) -> Bench:
    contact = Contact(
        user_contact_id="c-1",
        address="+15550100",
        language="es",
        time_zone="America/Denver",
        attributes={"donor": "", "first_name": "Zoë"},
    )
    return Bench(
        pdc=pdc,
        new_call=lambda: fake.add_call(app="blood_donation", contact=contact, parameters={"greeting": "hello"}),
        code_of=lambda key: fake.calls[key.attempt_id].code,
        opted_out=lambda key: fake.calls[key.attempt_id].opted_out is not None,
        promised=lambda key: (found.at, found.note) if (found := fake.calls[key.attempt_id].callback) else None,
        refuse_callbacks=lambda key: setattr(fake, "refuses_callbacks", "no more"),
    )


def _fake() -> FakePdc:
    return FakePdc(codes=("Interested", "Not interested"), other_codes=("Elsewhere",))


@contextlib.asynccontextmanager
async def in_process() -> AsyncIterator[Bench]:
    fake = _fake()
    yield _of_fake(fake, fake)


@contextlib.asynccontextmanager
async def over_http() -> AsyncIterator[Bench]:
    fake = _fake()
    runner = web.AppRunner(make_pdc_app(fake, TOKEN), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = HttpPdc(f"http://127.0.0.1:{runner.addresses[0][1]}", token=TOKEN)
    try:
        yield _of_fake(fake, client)
    finally:
        await client.close()
        await runner.cleanup()


@contextlib.asynccontextmanager
async def in_the_dialer() -> AsyncIterator[Bench]:
    """The real one, on a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/pdc.sqlite3")
        store.migrate()
        try:
            yield _of_store(store)
        finally:
            await store.close()


class _Nobody:
    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None: ...

    def session_ended(self, attempt_id: AttemptId) -> None: ...


STRATEGY = """\
strategy: contract
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Call Answered: {app: blood_donation, parameters: {greeting: hello}}
        Answer Human: {app: blood_donation, parameters: {greeting: hello}}
        Answer Machine: {app: blood_donation, parameters: {greeting: hello}}
"""


def _of_store(store: Store) -> Bench:
    count = itertools.count(1)

    def work(tx: Tx) -> SessionKey:
        org = tx.organisations.create(f"organisation {next(count)}")  # its own: a contact has one live call at a time
        for code in ("Interested", "Not interested", "Elsewhere"):
            tx.codes(org).create(CustomCode(name=code))
        people = tx.contact_lists(org).create("people", ["mobile", "donor", "first_name"])
        contact = NewContact(
            user_contact_id="c-1",
            language="es",
            time_zone="America/Denver",
            attributes={"donor": "", "first_name": "Zoë"},
            addresses=(NewAddress(name="mobile", value="+15550100", zones=("America/Denver",)),),
        )
        tx.contacts(org).upsert_batch(people.id, [contact], "update")
        tx.strategies(org).add_version("contract", STRATEGY)
        campaign = tx.campaigns(org).create(
            Campaign(
                id=CampaignId(0),
                org_id=org,
                name="contract",
                strategy="contract",
                contact_lists=("people",),
                codes=("Interested", "Not interested"),
            )
        )
        job = tx.jobs(org).create(campaign, strategy_text=STRATEGY, list_ids=[people.id], by="test")
        attempt = Attempt(
            id=new_attempt_id(),
            org_id=org,
            job_id=job.id,
            contact_id=tx.contacts(org).called("c-1")[0].id,
            handler="initial",
            address_name="mobile",
            number="+15550100",
            trunk="trunk",
            switch="switch",
            node="node",
            nonce="0123456789abcdef",
            state=AttemptState.INTENT,
            intent_at=datetime.now(UTC),
        )
        tx.attempts.begin([attempt])
        tx.job_contacts.claim_due(job.id, limit=1, now=tx.now, owner="node", lease_until=tx.now)
        tx.job_contacts.enter_call(job.id, [attempt.contact_id])
        return SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)

    def of(key: SessionKey) -> Attempt:
        found = store.read_now(lambda tx: tx.attempts.get(AttemptId(key.attempt_id)))
        assert found is not None
        return found

    def promised(key: SessionKey) -> tuple[datetime, str] | None:
        found = store.read_now(lambda tx: tx.callbacks(of(key).org_id).all())
        return (found[0].at, found[0].note) if found else None

    return Bench(
        pdc=DirectPdc(store, strategy_of=StrategyShelf(), listener=_Nobody(), now=lambda: datetime.now(UTC)),
        new_call=lambda: store.write_now(work),
        code_of=lambda key: of(key).app_code or "",
        opted_out=lambda key: bool(store.read_now(lambda tx: tx.dnc(of(key).org_id).listed(["+15550100"]))),
        promised=promised,
        refuse_callbacks=lambda key: store.write_now(
            lambda tx: tx.callbacks(None).set_limits(of(key).org_id, CallbackLimits(most=0))
        ),
    )


# A further implementation is one more entry here: a context manager that yields a Bench.
BENCHES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "fake": in_process,
    "fake over HTTP": over_http,
    "in the dialer": in_the_dialer,
}


@pytest.fixture(params=list(BENCHES))
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with BENCHES[request.param]() as bench:
        yield bench


@pytest.mark.row(19, 27)
async def test_opening_tells_everything_that_an_app_needs_and_may_be_repeated(at: Bench) -> None:
    key = at.new_call()
    session = await at.pdc.open_session(key)
    assert (session.attempt_id, session.app) == (key.attempt_id, "blood_donation")
    assert session.contact.user_contact_id == "c-1"
    assert session.contact.address == "+15550100"
    assert session.contact.attributes["first_name"] == "Zoë"
    assert (session.contact.language, session.contact.time_zone) == ("es", "America/Denver")
    assert session.parameters == {"greeting": "hello"}
    assert {code.name for code in session.codes if code.kind == "custom"} == {"Interested", "Not interested"}
    assert (await at.pdc.open_session(key)).attempt_id == key.attempt_id
    assert (await at.pdc.session(key)).app == "blood_donation"


@pytest.mark.parametrize(
    ("status", "cause", "answered_by"),
    [("HUMAN", "HUMAN-700-700", "human"), ("MACHINE", "MAXWORDS-4-4", "machine"), ("NOTSURE", "TOOLONG-5000", "silence")],
)
async def test_what_the_detector_found_becomes_who_answered(at: Bench, status: str, cause: str, answered_by: str) -> None:
    session = await at.pdc.open_session(at.new_call(), amd_status=status, amd_cause=cause)
    assert session.answered_by == answered_by


@pytest.mark.row(19, 27)
async def test_an_attribute_that_was_written_is_read_back(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await at.pdc.set_attribute(key, "donor", "sí, mañana \N{DROP OF BLOOD}")
    assert await at.pdc.get_attribute(key, "donor") == "sí, mañana \N{DROP OF BLOOD}"
    assert (await at.pdc.contact(key)).attributes["donor"] == "sí, mañana \N{DROP OF BLOOD}"


async def test_an_unknown_attribute_is_an_error_and_changes_nothing(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    with pytest.raises(UnknownAttribute):
        await at.pdc.get_attribute(key, "shoe_size")
    with pytest.raises(UnknownAttribute):
        await at.pdc.set_attribute(key, "shoe_size", "43")
    assert "shoe_size" not in (await at.pdc.contact(key)).attributes


@pytest.mark.parametrize("value", ["x" * 20_000, "half a \ud83d character", "a\0b"])
async def test_a_value_that_cannot_be_kept_is_an_error_and_changes_nothing(at: Bench, value: str) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    with pytest.raises(BadValue):
        await at.pdc.set_attribute(key, "donor", value)
    assert await at.pdc.get_attribute(key, "donor") == ""
    with pytest.raises(BadValue):
        await at.pdc.note(key, value)


async def test_the_last_code_before_the_end_wins(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await at.pdc.set_code(key, "Interested")
    await at.pdc.set_code(key, "not  INTERESTED")  # names are the same without regard to case and spaces
    await at.pdc.set_code(key, "not  INTERESTED")
    assert at.code_of(key) == "Not interested"
    await at.pdc.end_session(key, outcome="Interested")
    assert at.code_of(key) == "Interested"


@pytest.mark.row(6)
@pytest.mark.parametrize(("name", "error"), [("Nobody's", UnknownCode), ("Elsewhere", UnassociatedCode), ("", UnknownCode)])
async def test_a_code_that_may_not_be_used_is_a_typed_error_and_changes_nothing(
    at: Bench, name: str, error: type[PdcError]
) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await at.pdc.set_code(key, "Interested")
    with pytest.raises(error):
        await at.pdc.set_code(key, name)
    if name:
        with pytest.raises(error):
            await at.pdc.end_session(key, outcome=name)
    assert at.code_of(key) == "Interested"
    await at.pdc.end_session(key, outcome="No Input")  # still open; a system code is always the campaign's
    assert at.code_of(key) == "No Input"


async def test_an_opt_out_is_kept_at_once_and_is_the_code_until_another_is_set(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await at.pdc.opt_out(key, "pressed 9")
    await at.pdc.opt_out(key, "pressed 9")
    assert at.opted_out(key)
    assert at.code_of(key) == "Opted Out"
    await at.pdc.end_session(key)
    assert at.code_of(key) == "Opted Out"


async def test_a_failed_app_is_an_application_error_unless_the_contact_had_answered(at: Bench) -> None:
    first, second = at.new_call(), at.new_call()
    for key in (first, second):
        await at.pdc.open_session(key)
    await at.pdc.end_session(first, error="RuntimeError: a mistake")
    assert at.code_of(first) == "Application Error"
    await at.pdc.set_code(second, "Interested")
    await at.pdc.end_session(second, error="RuntimeError: a mistake")
    assert at.code_of(second) == "Interested"


async def test_after_the_end_nothing_can_be_changed_and_ending_again_is_quiet(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await at.pdc.note(key, "called from the car")
    await at.pdc.end_session(key, outcome="Interested")
    await at.pdc.end_session(key, outcome="Not interested")
    await at.pdc.end_session(key, error="late")
    assert at.code_of(key) == "Interested"
    with pytest.raises(NoSession):
        await at.pdc.set_code(key, "Not interested")
    with pytest.raises(NoSession):
        await at.pdc.set_attribute(key, "donor", "yes")
    with pytest.raises(NoSession):
        await at.pdc.open_session(key)


@pytest.mark.row(18)
async def test_a_wrong_nonce_opens_nothing(at: Bench) -> None:
    key = at.new_call()
    wrong = SessionKey(attempt_id=key.attempt_id, nonce="another-nonce-altogether")
    for attempt in (
        at.pdc.open_session(wrong),
        at.pdc.contact(wrong),
        at.pdc.set_code(wrong, "Interested"),
        at.pdc.opt_out(wrong),
        at.pdc.note(wrong, "hello"),
        at.pdc.end_session(wrong, outcome="Interested"),
        at.pdc.completion_codes(wrong),
    ):
        with pytest.raises(NoSession):
            await attempt
    assert at.code_of(key) == ""
    assert not at.opted_out(key)


@pytest.mark.row(22)
async def test_a_number_is_barred_asked_for_and_freed(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    for address in ("", "+12125550177"):
        assert not await at.pdc.is_dnc(key, address)
        await at.pdc.add_dnc(key, address, "asked for it")
        await at.pdc.add_dnc(key, address)
        assert await at.pdc.is_dnc(key, address)
        await at.pdc.remove_dnc(key, address)
        await at.pdc.remove_dnc(key, address)
        assert not await at.pdc.is_dnc(key, address)
    with pytest.raises(BadValue):
        await at.pdc.add_dnc(key, "twelve")


@pytest.mark.row(21)
async def test_a_friend_is_saved_put_into_the_job_and_deleted(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    with pytest.raises(UnknownContact):
        await at.pdc.add_to_job(key, "friend")
    await at.pdc.save_contact(key, "friend", phones={"mobile": "+12125550177"}, attributes={"first_name": "Ayşe"})
    await at.pdc.add_to_job(key, "friend")
    await at.pdc.add_to_job(key, "friend")
    await at.pdc.delete_contact(key, "friend")
    await at.pdc.delete_contact(key, "friend")
    with pytest.raises(UnknownContact):
        await at.pdc.add_to_job(key, "friend")
    with pytest.raises(BadValue):
        await at.pdc.save_contact(key, "friend", phones={"mobile": "twelve"})
    with pytest.raises(UnknownAttribute):
        await at.pdc.save_contact(key, "friend", phones={}, attributes={"shoe_size": "43"})
    with pytest.raises(BadValue):
        await at.pdc.delete_contact(key, "c-1")


@pytest.mark.row(25)
async def test_counters_lose_nothing_and_a_repeated_request_counts_once(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    await asyncio.gather(*(at.pdc.count(key, "donors") for _ in range(100)))
    assert await at.pdc.count(key, "donors", -1) == 99
    assert await at.pdc.count(key, "donors", 5, assign=True) == 5
    assert await at.pdc.count(key, "donors", 2, once="a") == 7
    assert await at.pdc.count(key, "donors", 2, once="a") == 7
    with pytest.raises(BadValue):
        await at.pdc.count(key, "")


@pytest.mark.row(24)
async def test_a_callback_is_promised_replaced_and_refused_with_a_typed_error(at: Bench) -> None:
    key = at.new_call()
    await at.pdc.open_session(key)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    local = soon.astimezone(ZoneInfo("America/Denver")).replace(tzinfo=None)
    for wrong in (
        at.pdc.schedule_callback(key, soon - timedelta(days=1)),
        at.pdc.schedule_callback(key, soon, expires=soon),
        at.pdc.schedule_callback(key, local),
        at.pdc.schedule_callback(key, local, zone="Mars/Base"),
        at.pdc.schedule_callback(key, soon, address="+15550199"),
        at.pdc.schedule_callback(key, soon, note="x" * 20_000),
    ):
        with pytest.raises(BadValue):
            await wrong
    assert at.promised(key) is None
    await at.pdc.schedule_callback(key, soon + timedelta(hours=1))
    for _ in range(2):
        await at.pdc.schedule_callback(
            key, local, zone="America/Denver", expires=local + timedelta(hours=2), address="+15550100", note="after lunch"
        )
    assert at.promised(key) == (soon, "after lunch")
    at.refuse_callbacks(key)
    with pytest.raises(CallbackRefused):
        await at.pdc.schedule_callback(key, soon + timedelta(hours=2))
    assert at.promised(key) == (soon, "after lunch")
    with pytest.raises(NoSession):
        await at.pdc.schedule_callback(SessionKey(attempt_id=key.attempt_id, nonce="another-nonce-altogether"), soon)
