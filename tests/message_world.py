"""Campaigns that write to people through a running engine: who they are, what they are written, and what is on record of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job, Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.domain.message import Message
from dialer.engine.engine import Engine
from dialer.engine.inbound import Inbound
from dialer.engine.message_book import MessageBook
from dialer.engine.message_channel import EmailChannel, SmsChannel
from dialer.engine.message_gateway import MessageGateway
from dialer.ports import ChannelPort, Clock, MessagePort, SmsOrder, VoicePort
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.jobs import start_campaign
from dialer.store.store import Store, Tx
from dialer.testing.messages import FakeMessages
from dialer.testing.voice import FakeVoice
from tests.engine_kit import FastClock, running

FAST = Pace(calls=1000, per=PaceUnit.SECOND, max_ports=200)
OURS = "+15550100000"
KEY = b"k" * 32

SMS = """\
strategy: write
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Hello ${first_name}, will you give blood in ${city}?"
      results: {otherwise: done}
"""
EMAIL = """\
strategy: write
status: completed
handlers:
  - state: initial
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "Will you come, ${first_name}?"
      text: "Hello ${first_name}, we need you in ${city}."
      results: {otherwise: done}
"""


def person(index: int, ending: str = "45", **attributes: str) -> NewContact:
    """A contact whose number and mailbox end so: by that the laboratory knows what becomes of a message."""
    return NewContact(
        user_contact_id=f"p{index}",
        attributes={"first_name": f"Zoë{index}", "city": "Köln", **attributes},
        addresses=(
            NewAddress(name="mobile", value=f"+1555{index:05d}{ending}", zones=("UTC",)),
            NewAddress(name="email", value=f"p{index}x{ending}@lab.test", zones=("UTC",), channel="email"),
        ),
    )


async def start_writing(
    store: Store,
    org_id: OrgId,
    text: str,
    people: Sequence[NewContact],
    *,
    pace: Pace = FAST,
    name: str = "Letters",
    codes: tuple[str, ...] = (),
) -> Job:
    """Start a campaign with this strategy over these people."""

    def work(tx: Tx) -> None:
        made = tx.contact_lists(org_id).ensure("People", ["mobile", "email", "first_name", "city"])
        tx.contacts(org_id).upsert_batch(made.id, people)

    await store.write(work)
    await save_strategy(store, org_id, text)
    new = NewCampaign(name=name, strategy="write", contact_lists=("People",), pace=pace, codes=codes)
    await create_campaign(store, org_id, new)
    return await start_campaign(store, org_id, name, by="test")


def made(store: Store, job: Job) -> list[Attempt]:
    """The job's attempts, in order."""
    return store.read_now(lambda tx: tx.attempts.of_job(job.id))


def codes(store: Store, job: Job) -> list[str | None]:
    """Their codes."""
    return [one.code for one in made(store, job)]


def message_of(store: Store, attempt: Attempt) -> Message:
    """What is on record of an attempt's message."""
    found = store.read_now(lambda tx: tx.messages.get(attempt.id))
    assert found is not None
    return found


class Post:
    """The post of one dialer: its book, and the gateways that a test adds before the engine runs."""

    def __init__(self, store: Store, clock: Clock, *, patience_s: float = 600.0, attachments: Path = Path()) -> None:
        self.store, self.clock, self.patience_s, self.attachments = store, clock, patience_s, attachments
        self.book = MessageBook(store, clock)
        self.inbound = Inbound(self.book)
        self._by_channel: dict[Channel, list[MessageGateway[Any]]] = {}

    def add(self, channel: Channel, port: MessagePort[Any], **how: Any) -> MessageGateway[Any]:
        """Add a gateway."""
        gateway: MessageGateway[Any] = MessageGateway(port=port, clock=self.clock, **{"sender": OURS, **how})
        self._by_channel.setdefault(channel, []).append(gateway)
        self.book.gateways[port.name] = gateway
        return gateway

    def channels(self) -> Mapping[Channel, ChannelPort]:
        """The channels that there are gateways for."""
        makers: dict[Channel, Callable[[list[MessageGateway[Any]]], ChannelPort]] = {
            Channel.SMS: lambda gateways: SmsChannel(self.book, gateways, patience_s=self.patience_s),
            Channel.EMAIL: lambda gateways: EmailChannel(
                self.book,
                gateways,
                patience_s=self.patience_s,
                attachments=self.attachments,
                unsubscribe_at="https://dialer.example.org/u",
                key=KEY,
            ),
        }
        return {channel: makers[channel](gateways) for channel, gateways in self._by_channel.items()}

    @asynccontextmanager
    async def engine(self, clock: FastClock, voice: VoicePort | None = None, **more: Any) -> AsyncIterator[Engine]:
        """Run the dialer; `more` are further parts of it."""
        parts: dict[str, Any] = {"channels": self.channels(), "messages": self.book, **more}
        async with running(self.store, voice or FakeVoice(clock), clock=clock, **parts) as engine:
            yield engine


def sms(post: Post, *, name: str = "fake", **how: Any) -> FakeMessages[SmsOrder]:
    """An SMS gateway of the tests, whose news goes where that of real ones goes."""
    port = FakeMessages[SmsOrder](post.clock, post.inbound.take, name=name, **how)
    post.add(Channel.SMS, port)
    return port
