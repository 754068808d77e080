"""The queues (`app_queue`) of our Asterisks: who waits in them, by events and lists, and agents who take callers."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from dialer.channels.asterisk import agent_words as words
from dialer.channels.asterisk.agent_asks import ALREADY_GONE
from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.agent_words import INBOUND, leg_in, queue_in
from dialer.channels.asterisk.originate import ChannelIds
from dialer.channels.asterisk.protocol import AmiFrame
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import LegId, OfferId
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports_agents import ContactState
from dialer.ports_queues import QueueNews, QueueNewsKind, QueueSeen, QueueTalk, WaitingCaller

MAX_UNREAD = 5_000  # then the oldest are dropped: the next look at the queue puts it right
MAX_OFFERS = 5_000
CALLERS = {"QueueCallerJoin": QueueNewsKind.JOINED, "QueueCallerLeave": QueueNewsKind.LEFT}
SAID = {"OutdialInbound": QueueNewsKind.TAKEN, "OutdialRequeued": QueueNewsKind.GONE}
GIVEN_TO = "OUTDIAL_GIVEN_TO"  # on the channel of an offer: the name of the agent to whom the caller was handed
FREE = "+free"  # an offer's address that nobody calls
NOT_THERE = ("not there", "interface not found")  # the switch's words for a leg that has not entered


class AsteriskQueues:
    """The `QueuePort` over the links of an `AsteriskVoice`, for legs of its agents' side."""

    def __init__(self, voice: AsteriskVoice, agents: AsteriskAgentVoice) -> None:
        self._voice, self._agents = voice, agents
        self._unread: deque[QueueNews] = deque(maxlen=MAX_UNREAD)
        self._arrived = asyncio.Event()
        self._offers: dict[str, None] = {}  # whose end is to be told, in their order
        voice.also.append(self._hear)

    async def news(self) -> AsyncIterator[QueueNews]:
        """What happens, in the order of arrival. One reader."""
        while True:
            while self._unread:
                yield self._unread.popleft()
            self._arrived.clear()
            await self._arrived.wait()

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        """A queue as it is now; None where there is none. Raises NotSent where it cannot be had."""
        link = self._voice.switch(switch).link
        try:
            frames = await link.fetch_list({"Action": "QueueStatus", "Queue": queue}, "QueueStatusComplete")
        except (MaybeSent, Rejected) as exc:
            raise NotSent(f"the queue {queue} of {switch} cannot be seen: {exc}") from exc
        if not any(frame.get("Event") == "QueueParams" for frame in frames):
            return None
        waiting = [frame for frame in frames if frame.get("Event") == "QueueEntry"]
        members = {leg_in(frame.get("Location", ""), self._voice.ids): frame for frame in frames if "Location" in frame}
        return QueueSeen(
            callers=[WaitingCaller(caller=one.get("Uniqueid", ""), waits_s=_seconds(one)) for one in waiting],
            legs={leg_id: frame.get("Paused") == "1" for leg_id, frame in members.items() if leg_id is not None},
        )

    async def talks(self, switch: str) -> Sequence[QueueTalk]:
        """Who talks with callers now; their ends are told. Raises NotSent."""
        link, found = self._voice.switch(switch).link, []
        try:
            channels = await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")
            callers = {one.offer: one for one in words.floor_seen(channels, self._voice.ids).callers}
            for frame in channels:
                queue, leg_id = queue_in(frame.get("Channel", "")), leg_in(frame.get("Channel", ""), self._voice.ids)
                caller = callers.get(OfferId(frame.get("Uniqueid", "")))
                if leg_id is None or caller is None:
                    continue
                interface = interface_of(queue, leg_id, self._voice.ids)
                asked = {"Action": "QueueStatus", "Queue": queue, "Member": interface}
                members = await link.fetch_list(asked, "QueueStatusComplete")
                name = next((one.get("Name", "") for one in members if one.get("Location") == interface), "")
                if (
                    caller.leg_id is not None and caller.leg_id != leg_id
                ):  # the agent to whom the queue offered them has passed them on
                    leg_id, name = caller.leg_id, await self._agents.asks.variable(switch, caller.offer, GIVEN_TO) or ""
                self._follow(caller.offer)
                number = re.sub(r"[^0-9+]", "", frame.get("CallerIDNum", ""))
                held = caller.state is ContactState.HELD
                found.append(QueueTalk(offer=caller.offer, leg_id=leg_id, queue=queue, number=number, name=name, held=held))
        except (MaybeSent, Rejected) as exc:
            raise NotSent(f"the talks with callers on {switch} cannot be seen: {exc}") from exc
        return found

    # -- agents who take callers ---------------------------------------------------------------------------------------------

    async def enter(self, switch: str, queue: str, leg_id: LegId, name: str, *, paused: bool, anew: bool = False) -> None:
        """Let a leg take the queue's callers; said again it changes the pause."""
        link, interface = self._voice.switch(switch).link, interface_of(queue, leg_id, self._voice.ids)
        pause = {"Action": "QueuePause", "Queue": queue, "Interface": interface, "Paused": str(paused).lower()}
        if anew:
            # A queue knows by the calls to the interface who is busy: so it looks at another one, to which there never are any.
            await self.leave(switch, queue, leg_id)
            always_free = interface.replace(f"@{INBOUND}", f"{FREE}@{INBOUND}")
            await link.call(pause | {"Action": "QueueAdd", "MemberName": name, "StateInterface": always_free})
            return
        try:
            await link.call(pause)
        except Rejected as exc:
            if not _says(exc, NOT_THERE):
                raise
            await link.call(pause | {"Action": "QueueAdd", "MemberName": name})

    async def leave(self, switch: str, queue: str, leg_id: LegId) -> None:
        """No more callers for this leg; quiet where it had none."""
        interface = interface_of(queue, leg_id, self._voice.ids)
        try:
            await self._voice.switch(switch).link.call({"Action": "QueueRemove", "Queue": queue, "Interface": interface})
        except Rejected as exc:
            if not _says(exc, NOT_THERE):
                raise

    async def take(self, switch: str, offer: OfferId, leg_id: LegId) -> bool:
        """Let the caller and the agent talk. False where the caller is gone."""
        link = self._voice.switch(switch).link
        await self._agents.asks.back(leg_id)
        taken = words.set_variable(self._voice.ids.leg(leg_id), "OUTDIAL_WITH", "somebody")  # as before any bridge
        _, answer = await asyncio.gather(
            link.call(taken), link.call(words.redirect(offer, INBOUND, "taken")), return_exceptions=True
        )
        if isinstance(answer, Rejected) and _says(answer, ALREADY_GONE):
            return False
        if isinstance(answer, BaseException):
            raise answer
        if (leg := self._agents.memory.legs.get(leg_id)) is not None:
            leg.idle = False  # until it says that it is parked again
        return True

    async def give(self, switch: str, offer: OfferId, name: str) -> None:
        """Whose caller it is from now on; quiet if gone."""
        await self._agents.asks.ask(switch, words.set_variable(offer, GIVEN_TO, name))

    async def drop(self, switch: str, offer: OfferId) -> None:
        """End an offer, or the talk that came of it; quiet where it has ended."""
        try:
            await self._voice.switch(switch).link.call({"Action": "Hangup", "Channel": offer})
        except Rejected as exc:
            if not _says(exc, ALREADY_GONE):
                raise

    async def put_back(self, switch: str, offer: OfferId) -> None:
        """The caller waits in the queue again, before all others; quiet if gone."""
        await self._agents.asks.ask(switch, words.redirect(offer, INBOUND, "again"))

    # -- hearing -------------------------------------------------------------------------------------------------------------

    def _hear(self, switch: str, frame: AmiFrame) -> None:
        name, channel = frame.get("Event", ""), frame.get("Uniqueid", "")
        if name in CALLERS:
            self._tell(CALLERS[name], switch, queue=frame.get("Queue", ""), caller=channel)
        elif name == "UserEvent" and frame.get("UserEvent") == "OutdialOffered":
            leg_id = self._voice.ids.leg_id(frame.get("Taker", ""))
            if leg_id is not None:  # another node's, if not
                self._follow(channel)
                facts = {"offer": OfferId(channel), "leg_id": leg_id, "number": frame.get("Caller", "")}
                self._tell(QueueNewsKind.OFFERED, switch, queue=frame.get("Queue", ""), **facts)
        elif name == "UserEvent" and frame.get("UserEvent") in SAID and channel in self._offers:
            leg_id = self._voice.ids.leg_id(frame.get("Taker", ""))
            if SAID[frame["UserEvent"]] is QueueNewsKind.TAKEN and leg_id is not None:
                self._agents.memory.took(switch, OfferId(channel), leg_id)
            self._tell(SAID[frame["UserEvent"]], switch, offer=OfferId(channel))
        elif name == "Hangup" and channel in self._offers:
            self._offers.pop(channel, None)
            self._tell(QueueNewsKind.GONE, switch, offer=OfferId(channel))

    def _follow(self, channel: str) -> None:
        """The end of this offer is to be told."""
        self._offers[channel] = None
        if len(self._offers) > MAX_OFFERS:  # ends that were lost with a link
            del self._offers[next(iter(self._offers))]

    def _tell(self, kind: QueueNewsKind, switch: str, **facts: Any) -> None:
        self._unread.append(QueueNews(kind=kind, switch=switch, at=self._voice.clock.now(), **facts))
        self._arrived.set()


def interface_of(queue: str, leg_id: LegId, ids: ChannelIds) -> str:
    """What a queue calls to offer a caller to a leg. Queues' names are plain (services.pacing_plans)."""
    return f"Local/{queue}+{ids.leg(leg_id)}@{INBOUND}/n"


def _says(exc: Rejected, said: tuple[str, ...]) -> bool:
    return any(one in str(exc) or one in str(exc).casefold() for one in said)


def _seconds(frame: AmiFrame) -> float:
    wait = frame.get("Wait", "")
    return float(wait) if wait.isdecimal() else 0.0
