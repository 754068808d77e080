"""Gateways of SMS and email with a listener at their end: what a test has sent, what it was told, and what really happened."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.channels.twilio_config import TwilioConfig
from dialer.channels.twilio_sms import TwilioSms
from dialer.channels.twilio_webhooks import TwilioWebhooks
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.domain.message_state import MessageFacts, MessageState, Refusal
from dialer.domain.sms_text import CentreAlphabet
from dialer.engine.clock import SystemClock
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.fake_smsc import BARRED, FakeSmsc
from dialer.lab.fake_twilio import FakeTwilio
from dialer.lab.message_behaviours import GatewayFault, message_behaviour_of
from dialer.lab.truth_log import TruthLog
from dialer.ports import Accepted, GatewayNews, MessageReceived, MessageUpdate, SmsOrder, SmsPort
from dialer.testing.messages import FakeMessages, FakeReader
from dialer.web.hooks import make_hooks_app
from tests.patience import PATIENCE_S, until

CLOCK = SystemClock()
OURS = "+15550100000"
SLOW_S = 0.3  # what the laboratory takes two seconds for
STATES = {
    MessageState.DELIVERED: (MessageState.SENT, MessageState.DELIVERED),
    MessageState.UNDELIVERED: (MessageState.SENT, MessageState.UNDELIVERED),
}


@dataclass(slots=True)
class Desk:
    """Where news arrives. `refuse_next` makes the next so many of it fail, as a database that is down would."""

    heard: list[GatewayNews] = field(default_factory=list)
    refuse_next: int = 0
    refused: int = 0

    async def take(self, news: GatewayNews) -> None:
        if self.refuse_next:
            self.refuse_next -= 1
            self.refused += 1
            raise RuntimeError("the disk is full")
        self.heard.append(news)

    def updates(self) -> list[MessageUpdate]:
        return [one for one in self.heard if isinstance(one, MessageUpdate)]

    def received(self, sender: str = "") -> list[MessageReceived]:
        return [one for one in self.heard if isinstance(one, MessageReceived) and sender in ("", one.sender)]


@dataclass(slots=True)
class SmsLine:
    """One SMS gateway that is up, its desk, and what its other end knows."""

    port: SmsPort
    desk: Desk
    taken: Callable[[AttemptId], int]  # how often the other end has accepted an attempt
    plan: Callable[[str, GatewayFault], None]  # make a number do something else than its ending says
    can_look_up: bool  # without the provider's id
    provider: Any = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    accepted: dict[AttemptId, Accepted] = field(default_factory=dict)

    def order(self, ending: str, text: str = "Will you give blood?", **more: Any) -> SmsOrder:
        """To a number of its own with this ending."""
        return SmsOrder(attempt_id=new_attempt_id(), number=f"+1555{secrets.randbelow(10**5):05}{ending}", text=text, **more)

    async def send(self, order: SmsOrder) -> Accepted:
        accepted = self.accepted[order.attempt_id] = await self.port.send(order)
        return accepted

    def facts(self, order: SmsOrder) -> MessageFacts:
        """What is known of a message from all the news so far."""
        taken = self.accepted.get(order.attempt_id)
        ids = set(taken.provider_ids) if taken else set()
        facts = MessageFacts(expected=max(1, len(ids)))
        for update in self.desk.updates():
            if update.attempt_id == order.attempt_id or update.provider_id in ids:
                facts = facts.seen(update.state, update.provider_id)
        return facts

    async def ends(self, order: SmsOrder) -> MessageState:
        """The state in which a message comes to rest."""
        await until(lambda: (state := self.facts(order).state) and state.final)
        state = self.facts(order).state
        assert state is not None
        return state


class ByEnding(dict[str, FakeReader]):
    """The readers of a fake gateway by the laboratory's table, and by `plans` where a test says otherwise."""

    def __init__(self, plans: dict[str, GatewayFault]) -> None:
        super().__init__()
        self.plans = plans

    def get(self, number: str, default: Any = None) -> Any:
        return reader_for(number, self.plans)


@contextlib.asynccontextmanager
async def fake_line(**_changes: Any) -> AsyncIterator[SmsLine]:
    """The fake of the tests, whose people do what the laboratory's do."""
    desk, plans = Desk(), dict[str, GatewayFault]()
    port = FakeMessages[SmsOrder](CLOCK, desk.take, readers=ByEnding(plans))
    await port.start()
    try:
        yield SmsLine(
            port=port,
            desk=desk,
            taken=lambda attempt_id: sum(one.attempt_id == attempt_id for one in port.sent),
            plan=plans.__setitem__,
            can_look_up=True,
            provider=port,
        )
    finally:
        await port.stop()


def reader_for(number: str, plans: dict[str, GatewayFault]) -> FakeReader:
    """A row of the laboratory's table in the fake's words."""
    row = message_behaviour_of(number)
    fault = plans.get(number, row.fault)
    refuses, all_the_same = {
        GatewayFault.REFUSED: (Rejected("no such number", refusal=Refusal.ADDRESS), False),
        GatewayFault.BARRED: (Rejected("opted out", refusal=Refusal.OPTED_OUT), False),
        GatewayFault.HANG_AFTER: (MaybeSent("no answer"), True),
        GatewayFault.RESET_AFTER: (MaybeSent("cut"), True),
        GatewayFault.BUSY_ONCE: (NotSent("busy", retry_after_s=0.1), False),
    }.get(fault, (None, False))
    if fault is GatewayFault.BUSY_ONCE:
        plans[number] = GatewayFault.NONE
    states = STATES.get(row.state, (row.state,)) if row.state else ()
    return FakeReader(
        states=states,
        reason=Refusal.UNREACHABLE,
        replies=row.replies or None,
        automatic=row.automatic,
        refuses=refuses,
        sends_all_the_same=all_the_same,
    )


@contextlib.asynccontextmanager
async def twilio_line(**changes: Any) -> AsyncIterator[SmsLine]:
    """The real Twilio client against the laboratory's Twilio, whose callbacks come back to a web server of ours."""
    desk, truth = Desk(), TruthLog()
    twilio = FakeTwilio(account_sid="AC" + "0f" * 16, auth_token=secrets.token_hex(16), truth=truth, slow_s=SLOW_S)
    await twilio.start()
    hooks: dict[str, TwilioWebhooks] = {}
    runner = web.AppRunner(make_hooks_app(hooks, desk.take), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = TwilioConfig(
        **{
            "name": "twilio",
            "account_sid": twilio.account_sid,
            "auth_token": twilio.auth_token,
            "sender": OURS,
            "public_url": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "api_url": twilio.url,
            "max_per_s": None,
            "answer_timeout_s": PATIENCE_S,
            "stop_timeout_s": PATIENCE_S,
            **changes,
        }
    )
    hooks[config.name] = TwilioWebhooks(config, CLOCK)
    twilio.inbound_url = config.public(config.inbound_path)
    port = TwilioSms(config, CLOCK)
    await port.start()
    try:
        yield SmsLine(
            port=port,
            desk=desk,
            taken=lambda attempt_id: len(truth.accepted(attempt_id)),
            plan=twilio.faults.__setitem__,
            can_look_up=True,
            provider=twilio,
        )
    finally:
        await port.stop()
        await twilio.stop()
        await runner.cleanup()


@contextlib.asynccontextmanager
async def smpp_line(**changes: Any) -> AsyncIterator[SmsLine]:
    """Our SMPP link to the laboratory's message centre."""
    desk, truth = Desk(), TruthLog()
    alphabet = changes.get("default_alphabet", CentreAlphabet.GSM)
    centre = FakeSmsc(system_id="outdial", password="secret", truth=truth, slow_s=SLOW_S, alphabet=alphabet)
    await centre.start()
    settings: dict[str, Any] = {
        "name": "smpp",
        "host": "127.0.0.1",
        "port": centre.port,
        "system_id": "outdial",
        "password": "secret",
        "sender": OURS,
        "refusals": {BARRED: Refusal.OPTED_OUT},
        "tag_messages": True,
        "answer_timeout_s": PATIENCE_S,
        "backoff_first_s": 0.02,
        **changes,
    }
    port = SmppSms(SmppConfig(**settings), CLOCK, desk.take)
    await port.start()
    try:
        yield SmsLine(
            port=port,
            desk=desk,
            taken=lambda attempt_id: sum(one["segment"] == 1 for one in truth.accepted(attempt_id)),
            plan=centre.faults.__setitem__,
            can_look_up=False,
            provider=centre,
        )
    finally:
        await port.stop()
        await centre.stop()


SILENCE: dict[str, Any] = {"answer_timeout_s": 1.0}  # for a line on which somebody does not answer
SMS_LINES = {"fake": fake_line, "smpp": smpp_line, "twilio": twilio_line}
