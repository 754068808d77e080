"""The database goes away while messages are asked for, or while the dialer begins: the dialer goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message_state import MessageState
from dialer.engine.inbound import Inbound
from dialer.engine.message_book import MessageBook
from dialer.engine.message_gateway import MessageGateway
from dialer.engine.message_looks import REST_S, MessageLooks
from dialer.engine.replies import ReplyDesk
from dialer.errors import MaybeSent, StoreDown
from dialer.ports import Clock, InboundSink, LookUp, SmsOrder
from dialer.services.completion import Completed
from dialer.store.store import Store, Tx
from dialer.testing.messages import FakeMessages, FakeReader
from dialer.testing.voice import FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import SMS, Post, codes, person, start_writing
from tests.reply_kit import GATEWAY, NOW, OURS, RULES, Writing
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration

ON_POSTGRESQL = pytest.mark.parametrize("store", ["postgresql"], indirect=True)
DOUBT = FakeReader(refuses=MaybeSent("cut"), sends_all_the_same=True, states=())


@dataclass
class Server:
    """A PostgreSQL database that can be switched off and on, as by a restart of its server."""

    store: Store

    def off(self) -> None:
        """Nobody can connect, and who is connected is thrown out."""
        name = self.store.url.database
        with self._admin() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])

    def on(self) -> None:
        with self._admin() as connection:
            connection.execute(f'ALTER DATABASE "{self.store.url.database}" ALLOW_CONNECTIONS true')

    def _admin(self) -> psycopg.Connection[Any]:
        url = self.store.url.set(drivername="postgresql", database="postgres")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


class Asked(FakeMessages[SmsOrder]):
    """A gateway that counts how often it is asked for a message, does something then, and has the message delivered."""

    def __init__(self, clock: Clock, sink: InboundSink, when_asked: Callable[[SmsOrder], None], **how: Any) -> None:
        super().__init__(clock, sink, **how)
        self.when_asked, self.asked = when_asked, Counter[AttemptId]()

    async def look_up(self, order: SmsOrder, **how: Any) -> LookUp:
        self.asked[order.attempt_id] += 1
        self.when_asked(order)
        self.last[order.attempt_id] = MessageState.DELIVERED
        return await super().look_up(order, **how)


@ON_POSTGRESQL
async def test_a_database_that_goes_away_in_the_middle_of_a_look_ends_no_dialer_and_loses_no_message(
    store: Store, org_id: OrgId
) -> None:
    clock, server = FastClock(30), Server(store)
    post = Post(store, clock)

    def off_once(order: SmsOrder) -> None:
        if port.asked.total() == 1:
            server.off()

    port = Asked(clock, post.inbound.take, off_once, default=DOUBT)
    post.add(Channel.SMS, port)
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(index) for index in range(12)])
    try:
        async with post.engine(clock):
            await until(lambda: port.asked.total() > 0)
            with pytest.raises(StoreDown):
                await store.read(lambda tx: tx.jobs(None).get(job.id))
            await clock.sleep(6)
            server.on()
            await until(completed(store, job.id))
    finally:
        server.on()
        await port.stop()
    assert codes(store, job) == ["SMS Delivered"] * 12
    assert set(Counter(one.number for one in port.sent).values()) == {1}


@ON_POSTGRESQL
async def test_a_database_that_is_away_while_the_dialer_begins_is_waited_for(store: Store, org_id: OrgId) -> None:
    clock, server, away = FastClock(20), Server(store), asyncio.Event()

    class Voice(FakeVoice):
        async def start(self) -> None:
            server.off()
            away.set()
            await super().start()

    post = Post(store, clock)
    port = FakeMessages[SmsOrder](clock, post.inbound.take)
    post.add(Channel.SMS, port)
    await port.start()
    desk = ReplyDesk(store=store, clock=clock, rules=RULES, gateways=post.book.gateways, apps={})
    job = await start_writing(store, org_id, SMS, [person(0)])
    try:
        async with post.engine(clock, Voice(clock), replies=desk):
            await away.wait()
            await clock.sleep(4)
            server.on()
            await until(completed(store, job.id))
    finally:
        server.on()
        await port.stop()
    assert codes(store, job) == ["SMS Delivered"]


def doubt(attempt_id: AttemptId, tx: Tx) -> None:
    """Its gateway is to be asked for it."""
    tx.messages.look_again(attempt_id, NOW)


@ON_SQLITE
async def test_a_message_at_which_asking_fails_holds_up_no_other_and_is_left_alone_for_a_while(
    store: Store, org_id: OrgId
) -> None:
    writing, clock = await Writing.ready(store, org_id), StillClock(NOW)
    first, *others = await writing.send()
    for one in (first, *others):
        await store.write(partial(doubt, one.id))

    def fails(order: SmsOrder) -> None:
        if order.attempt_id == first.id:
            raise ZeroDivisionError("a mistake in an adapter")

    book, ended = MessageBook(store, clock), list[Completed]()
    port = Asked(clock, Inbound(book).take, fails, name=GATEWAY)
    await port.start()
    book.gateways[GATEWAY] = MessageGateway(port=port, clock=clock, sender=OURS)
    book.belongs_to(writing.strategy_of, ended.append)
    looks = MessageLooks(store=store, clock=clock, book=book, strategy_of=writing.strategy_of, completed=ended.append)
    for _ in range(3):
        await looks.look()
    assert {one.attempt.id for one in ended} == {one.id for one in others}
    assert set(port.asked.values()) == {1}, "also the one at which it failed: it would fail again"
    clock.at += timedelta(seconds=REST_S + 1)
    await looks.look()
    assert port.asked[first.id] == 2
    await port.stop()
