"""Places a PDC on a bench for the contract tests: the fake and the dialer's own, each behind whatever may carry its verbs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from dialer.channels.asterisk.agi_call import PdcFromThread
from dialer.channels.asterisk.agi_threads import AppThread
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.attributes import AttributeDefinition, AttributeType
from dialer.domain.callback import CallbackLimits
from dialer.domain.campaign import Campaign, JobState
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import AttemptId, CampaignId, new_attempt_id
from dialer.ivr.fake_pdc import FakeContact, FakePdc
from dialer.ivr.pulse import Pulse, pulsing
from dialer.services.list_emptying import empty_some
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from dialer.store.tx import Tx
from dialer.web.pdc import make_pdc_app
from pdc import Contact, Pdc, Phone, SessionKey, SessionPdc
from pdc.http import HttpPdc
from pdc.verbs import APP_VERBS, Verb, session_pdc
from tests.patience import PATIENCE_S

TOKEN = "a-token-of-the-tests"
NOBODY = "http://127.0.0.1:1"  # nothing listens there

STRATEGY = """\
strategy: contract
status: completed
handlers:
  - state: initial
    call:
      default_code: Not interested
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Call Answered: {app: blood_donation, parameters: {greeting: hello}}
        Answer Human: {app: blood_donation, parameters: {greeting: hello}}
        Answer Machine: {app: blood_donation, parameters: {greeting: hello}}
"""


class Place(Protocol):
    """What stands behind the verbs, seen from its other side.

    The campaign has the codes "Interested" and "Not interested"; "Elsewhere" belongs to another one. The list "people", with the
    attributes donor, first_name and age (an integer), has "c-1"; "Friends", with the attribute city, has "f-1" (Ayşe of Izmir).
    """

    pdc: Pdc

    def new_call(self) -> SessionKey:
        """An answered call for app "blood_donation", parameters {"greeting": "hello"}, whose contact is "c-1" at +15550100 on
        the list "people", with the attributes donor="" and first_name="Zoë".
        """

    def code(self, key: SessionKey) -> str:
        """The attempt's code as it is now; "" for none."""

    def opted_out(self, key: SessionKey) -> bool:
        """Whether the dialled number is barred for good."""

    def promised(self, key: SessionKey) -> tuple[datetime, str] | None:
        """The pending callback of the contact: when, and the note."""

    def refuse_callbacks(self, key: SessionKey) -> None:
        """From now on none can be promised."""

    def end_job(self, key: SessionKey) -> None:
        """The job takes nobody on any more."""

    async def settle(self) -> None:
        """Let what goes on behind the calls come to its end."""

    def job_calls(self, key: SessionKey, list_name: str, user_contact_id: str) -> bool:
        """Whether the call's job will call this contact, or has its list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBench:
    """One call on the bench: its verbs, by the way under test, and what came of them."""

    pdc: SessionPdc
    place: Place
    key: SessionKey

    @property
    def code(self) -> str:
        """The attempt's code as it is now; "" for none."""
        return self.place.code(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A place, and the way under test that leads to it."""

    place: Place
    pdc: Pdc

    def call(self) -> OnBench:
        """A call that was answered just now."""
        key = self.place.new_call()
        return OnBench(pdc=self.pdc.on(key), place=self.place, key=key)

    async def opened(self) -> OnBench:
        """A call whose app has begun."""
        call = self.call()
        await call.pdc.open_session()
        return call


# ── what stands there ─────────────────────────────────────────────────────────────────────────────────────────────────


class FakePlace:
    """The PDC in memory."""

    def __init__(self) -> None:
        self.fake = FakePdc(codes=("Interested", "Not interested"), other_codes=("Elsewhere",))
        self.pdc: Pdc = self.fake

    def new_call(self) -> SessionKey:
        contact = Contact(
            user_contact_id="c-1",
            address="+15550100",
            language="es",
            time_zone="America/Denver",
            attributes={"donor": "", "first_name": "Zoë", "age": "43"},
        )
        zone = "Europe/Istanbul"
        self.fake.lists["Friends"] = {
            "f-1": FakeContact(
                attributes={"city": "Izmir"},
                phones={"mobile": Phone(name="mobile", number="+905550100123", zones=(zone,))},
                language="tr",
                time_zone=zone,
            )
        }
        self.fake.attributes["Friends"] = ["city"]
        self.fake.types["age"] = AttributeType.INTEGER
        return self.fake.add_call(
            app="blood_donation", contact=contact, parameters={"greeting": "hello"}, default_code="Not interested"
        )

    def code(self, key: SessionKey) -> str:
        return self.fake.calls[key.attempt_id].code

    def opted_out(self, key: SessionKey) -> bool:
        return self.fake.calls[key.attempt_id].opted_out is not None

    def promised(self, key: SessionKey) -> tuple[datetime, str] | None:
        found = self.fake.calls[key.attempt_id].callback
        return None if found is None else (found.at, found.note)

    def refuse_callbacks(self, key: SessionKey) -> None:
        self.fake.refuses_callbacks = "no more"

    def end_job(self, key: SessionKey) -> None:
        self.fake.job_ending = True

    async def settle(self) -> None:
        """Everything is done at once here."""

    def job_calls(self, key: SessionKey, list_name: str, user_contact_id: str) -> bool:
        return list_name in self.fake.job_lists or (list_name, user_contact_id) in self.fake.added


class Nobody:
    """No engine listens."""

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None:
        """Nothing."""

    def session_ended(self, attempt_id: AttemptId, *, hung_up: bool) -> None:
        """Nothing."""


class DialerPlace:
    """The dialer's own PDC on a database with all tables."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pdc: Pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: datetime.now(UTC))
        self._count = itertools.count(1)

    def new_call(self) -> SessionKey:
        return self.store.write_now(self._new_call)

    def code(self, key: SessionKey) -> str:
        return self._attempt(key).app_code or ""

    def opted_out(self, key: SessionKey) -> bool:
        return bool(self.store.read_now(lambda tx: tx.dnc(self._attempt(key).org_id).listed(["+15550100"])))

    def promised(self, key: SessionKey) -> tuple[datetime, str] | None:
        found = self.store.read_now(lambda tx: tx.callbacks(self._attempt(key).org_id).all())
        return (found[0].at, found[0].note) if found else None

    def refuse_callbacks(self, key: SessionKey) -> None:
        org = self._attempt(key).org_id
        self.store.write_now(lambda tx: tx.callbacks(None).set_limits(org, CallbackLimits(most=0)))

    def end_job(self, key: SessionKey) -> None:
        job_id = self._attempt(key).job_id
        self.store.write_now(lambda tx: tx.jobs(None).set_state(job_id, JobState.STOPPING, because="the operator", by="test"))

    async def settle(self) -> None:
        while await empty_some(self.store):
            pass

    def job_calls(self, key: SessionKey, list_name: str, user_contact_id: str) -> bool:
        def work(tx: Tx) -> bool:
            attempt = self._attempt(key)
            found = tx.contacts(attempt.org_id).find(tx.contact_lists(attempt.org_id).by_name(list_name).id, user_contact_id)
            placed = found is not None and tx.job_contacts.get(attempt.job_id, found.id) is not None
            return placed or list_name in tx.jobs(None).get(attempt.job_id).definition.contact_lists

        return self.store.read_now(work)

    def _attempt(self, key: SessionKey) -> Attempt:
        found = self.store.read_now(lambda tx: tx.attempts.get(AttemptId(key.attempt_id)))
        assert found is not None
        return found

    def _new_call(self, tx: Tx) -> SessionKey:
        org = tx.organisations.create(f"organisation {next(self._count)}")  # its own: a contact has one live call at a time
        for code in ("Interested", "Not interested", "Elsewhere"):
            tx.codes(org).create(CustomCode(name=code))
        people = tx.contact_lists(org).create("people", ["donor", "first_name", "age"])
        friends = tx.contact_lists(org).create("Friends", ["city"])
        tx.contact_rules(org).define(AttributeDefinition(name="age", type=AttributeType.INTEGER))
        contact = NewContact(
            user_contact_id="c-1",
            language="es",
            time_zone="America/Denver",
            attributes={"donor": "", "first_name": "Zoë", "age": "43"},
            addresses=(NewAddress(name="mobile", value="+15550100", zones=("America/Denver",)),),
        )
        friend = NewContact(
            user_contact_id="f-1",
            language="tr",
            time_zone="Europe/Istanbul",
            attributes={"city": "Izmir"},
            addresses=(NewAddress(name="mobile", value="+905550100123", zones=("Europe/Istanbul",)),),
        )
        tx.contacts(org).upsert_batch(people.id, [contact], "update")
        tx.contacts(org).upsert_batch(friends.id, [friend], "update")
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
            address="+15550100",
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


@contextlib.asynccontextmanager
async def fake(_: bytes) -> AsyncIterator[FakePlace]:
    """In memory."""
    yield FakePlace()


@contextlib.asynccontextmanager
async def dialer(sqlite_template: bytes) -> AsyncIterator[DialerPlace]:
    """The real one, on a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pdc.sqlite3"
        path.write_bytes(sqlite_template)
        store = Store(f"sqlite:///{path}")
        try:
            yield DialerPlace(store)
        finally:
            await store.close()


# ── the ways to it ────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def straight(pdc: Pdc) -> AsyncIterator[Pdc]:
    """In the same process."""
    yield pdc


@contextlib.asynccontextmanager
async def over_http(pdc: Pdc, *, secondary: bool = False) -> AsyncIterator[Pdc]:
    """By the server and the client; `secondary`: the primary is down, and stays so."""
    runner = web.AppRunner(make_pdc_app(pdc, TOKEN), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = HttpPdc(*((NOBODY, url) if secondary else (url,)), token=TOKEN, timeout_s=PATIENCE_S)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def by_the_secondary(pdc: Pdc) -> AbstractAsyncContextManager[Pdc]:
    """Over HTTP, while the primary is down."""
    return over_http(pdc, secondary=True)


class WorkerPdc:
    """The verbs as an app has them: asked on its own thread, with a pulse, and done on the worker's loop."""

    def __init__(self, pdc: Pdc, thread: AppThread) -> None:
        self._from_thread, self._thread = PdcFromThread(pdc, asyncio.get_running_loop()), thread

    def on(self, key: SessionKey) -> SessionPdc:
        verbs = self._from_thread.on(key)
        of_the_app = pulsing(verbs, Pulse())

        async def carry(verb: Verb, given: Mapping[str, Any]) -> Any:
            asked: Any = of_the_app if verb.name in APP_VERBS else verbs
            return await asyncio.wrap_future(self._thread.submit(verb.call(asked, given)))

        return session_pdc(carry)

    async def close(self) -> None:
        """Nothing."""


@contextlib.asynccontextmanager
async def in_a_worker(pdc: Pdc) -> AsyncIterator[Pdc]:
    """From the thread of an app, and then over HTTP, as in production."""
    thread = AppThread("app")
    try:
        async with over_http(pdc) as client:
            yield WorkerPdc(client, thread)
    finally:
        thread.stop()
        assert thread.join(2.0)


MakePlace = Callable[[bytes], AbstractAsyncContextManager[Place]]
MakeWay = Callable[[Pdc], AbstractAsyncContextManager[Pdc]]

# A further implementation, or a further way to one, is one more entry here.
BENCHES: dict[str, tuple[MakePlace, MakeWay]] = {
    "fake": (fake, straight),
    "dialer": (dialer, straight),
    "fake over HTTP": (fake, over_http),
    "dialer over HTTP": (dialer, over_http),
    "fake by the secondary": (fake, by_the_secondary),
    "dialer in a worker": (dialer, in_a_worker),
}
