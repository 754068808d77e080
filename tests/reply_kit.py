"""A running job that has written to people, walked by hand: its messages leave, are delivered, and are answered."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.channel import Channel
from dialer.domain.codes import CustomCode, SystemCode, name_key
from dialer.domain.ids import AttemptId, JobId, OrgId
from dialer.domain.message import NewMessage
from dialer.domain.message_state import MessageState
from dialer.domain.message_template import MessageTemplate
from dialer.domain.received import Received
from dialer.domain.reply import Replies, ReplyRow
from dialer.domain.strategy import AddressRule, Handler, Result, SmsHandler, Strategy, StrategyStatus, Waiting
from dialer.ports import MessageReceived, MessageUpdate
from dialer.services.codes import create_code
from dialer.services.incoming import read_incoming
from dialer.services.launching import commit_intents
from dialer.services.message_news import settle
from dialer.services.opt_outs import ReplyRules
from dialer.services.received import Heard, receive
from dialer.services.reply_words import load_wording
from dialer.store.store import Store, Tx
from tests.launch_kit import ROUTE, Launch

NOW = datetime.now(UTC)
OURS = "+15550199999"
GATEWAY = "sms1"
DELIVERED = SystemCode.SMS_DELIVERED
RULES = ReplyRules(wording=load_wording(), names={"default": "Blood Service"})
TABLE = Replies(
    rows=(
        ReplyRow(words=("1", "yes"), code="Interested", set={"city": "${reply}"}),
        ReplyRow(words=("2", "no"), code="Not Interested"),
        ReplyRow(pattern=r"(?P<day>monday|friday)", set={"city": "${day}"}),
        ReplyRow(words=("app",), app="app", parameters={"attribute": "city", "code": "Interested"}),
    ),
    otherwise=ReplyRow(code="No Match"),
    within_s=3600.0,
)


def writes(state: str = "initial", **how: Any) -> Handler:
    """A handler that writes; a message that was delivered waits for its answer, unless `how` says otherwise."""
    usual: dict[str, Any] = {
        "addresses": (AddressRule(name="mobile", opens=time(), closes=time()),),
        "results": {name_key(DELIVERED): Result(next_state="wait"), "no match": Result(next_state="wait")},
        "wait": Waiting(for_s=3600.0),
        "replies": TABLE,
    }
    return SmsHandler(state=state, text=MessageTemplate("Will you come?"), **usual | how)


@dataclass
class Writing:
    """The job "Blood" over d0, d1, d2 (mobile +1555010000N); each has been written to."""

    launch: Launch
    strategy: Strategy
    rules: ReplyRules = RULES
    sender: str = OURS
    ids: Any = field(default_factory=itertools.count)

    @classmethod
    async def ready(cls, store: Store, org_id: OrgId, *handlers: Handler, sender: str = OURS, **how: Any) -> Writing:
        """Define and start it; nothing was written yet. `how`: further fields of the campaign."""
        if not store.read_now(lambda tx: tx.codes(org_id).find("Not Interested")):
            await create_code(store, org_id, CustomCode(name="Not Interested"))
        launch = await Launch.ready(store, org_id, **{"codes": ("Interested", "Not Interested")} | how)
        strategy = Strategy(name="ask", status=StrategyStatus.COMPLETED, handlers=handlers or (writes(),))
        return cls(launch=launch, strategy=strategy, sender=sender)

    @classmethod
    async def delivered(cls, store: Store, org_id: OrgId, *handlers: Handler, **how: Any) -> Writing:
        """All of them have their message, and wait."""
        writing = await cls.ready(store, org_id, *handlers, **how)
        for attempt in await writing.send():
            await writing.arrives(attempt)
        return writing

    @property
    def store(self) -> Store:
        return self.launch.store

    def strategy_of(self, job_id: JobId, text: str) -> Strategy:
        return self.strategy

    async def send(self, now: datetime = NOW, *, limit: int = 10) -> list[Attempt]:
        """Write to those who are due."""
        claims = await self.launch.claim(now, limit)
        intents = await commit_intents(self.store, self.launch.job, self.strategy, claims, ROUTE, now=now)

        def work(tx: Tx) -> None:
            for one in intents.to_place:
                new = NewMessage(
                    attempt_id=one.id,
                    org_id=one.org_id,
                    channel=Channel.SMS,
                    gateway=GATEWAY,
                    sender=self.sender,
                    recipient=one.address,
                )
                tx.messages.put_all([new])
                tx.attempts.update_open(one.id, {"state": AttemptState.SENT.value, "sent_at": now})

        await self.store.write(work)
        return list(intents.to_place)

    async def arrives(self, attempt: Attempt, at: datetime = NOW) -> None:
        """Its delivery is told, once more if it was before."""
        await self.told(attempt, MessageState.DELIVERED, at)

    async def told(self, attempt: Attempt, state: MessageState, at: datetime = NOW) -> None:
        """Its gateway has news of it."""
        update = MessageUpdate(gateway=GATEWAY, state=state, at=at, attempt_id=attempt.id, provider_id=f"SM{attempt.id}")

        def work(tx: Tx) -> None:
            news = tx.messages.fold(update)
            if news is not None:
                settle(tx, news.message, self.strategy_of, at)

        await self.store.write(work)

    async def says(self, contact: str, text: str, **more: Any) -> Heard:
        """d0, d1, ... writes (or somebody with a number or an address). Every message has an id of its own, if none is given."""
        number = contact if contact[:1] in "+" or "@" in contact else f"+1555010{int(contact[1:]):04d}"
        usual: dict[str, Any] = {
            "gateway": GATEWAY,
            "provider_id": f"in{next(self.ids)}",
            "recipient": OURS,
            "at": NOW + timedelta(minutes=1),
        }
        news = MessageReceived(sender=number, text=text, **usual | more)
        (heard,) = await receive(self.store, [read_incoming(news, self.rules.wording)], self.rules, self.strategy_of)
        return heard

    def attempt(self, contact: str) -> Attempt:
        """A contact's latest one."""
        number = f"+1555010{int(contact[1:]):04d}"
        return [one for one in self.launch.attempts() if one.address == number][-1]

    def attribute(self, contact: str, name: str = "city") -> str:
        place = self.launch.place(contact)
        assert place is not None
        return self.store.read_now(lambda tx: tx.contacts(self.launch.org_id).get(place.contact_id)).attributes.get(name, "")

    def kept(self) -> list[Received]:
        """All that came, in order."""
        return self.store.read_now(lambda tx: tx.received(None).after(0, limit=10_000))

    def on_dnc(self, address: str, org_id: OrgId | None = None) -> bool:
        whose = self.launch.org_id if org_id is None else org_id
        return address in self.store.read_now(lambda tx: tx.dnc(whose).listed([address], now=NOW + timedelta(hours=1)))

    def message_of(self, attempt_id: AttemptId) -> Any:
        return self.store.read_now(lambda tx: tx.messages.get(attempt_id))
