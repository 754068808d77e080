"""Place calls on our Asterisks and tell what becomes of them: the voice channel."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import structlog

from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.link import AmiLink, Fields
from dialer.channels.asterisk.originate import ChannelIds, originate
from dialer.channels.asterisk.protocol import AmiFrame
from dialer.channels.asterisk.switch import Switch
from dialer.channels.asterisk.translate import STATES, WANTED, hangup_facts, live_channel, translate, was_up
from dialer.domain.ids import AttemptId
from dialer.errors import BadInput, MaybeSent, NotFound, NotSent, Rejected
from dialer.ports import CallOrder, Clock, LiveChannel, SwitchEvent, SwitchState, VoiceEvent, VoiceEventKind

log = structlog.get_logger()

MAX_UNREAD = 50_000  # events nobody has read; then the link is dropped and everything reconciled, rather than memory filled
CHANNEL_FOLLOWS_S = 1.0
HANGUP_FOLLOWS_S = 1.0  # seen: OriginateResponse and Hangup come within 1 ms of each other, in either order
CONGESTED = frozenset({34, 42, 503})  # no circuit, switch congested; and SIP's word for both
ENDPOINT = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}\Z")


class AsteriskVoice:
    """The `VoicePort` over the manager interface (AMI) of one or more Asterisks. Whether to call is never decided here."""

    def __init__(
        self,
        *,
        switches: Sequence[SwitchConfig],
        trunks: Sequence[TrunkConfig],
        node: str,
        agi_address: str,
        clock: Clock,
        started_marks: Mapping[str, str] | None = None,
    ) -> None:
        """`started_marks`: what `started_mark` said of each switch in an earlier life; so a restart in between is noticed too."""
        self.clock = clock
        self.ids = ChannelIds(node)
        self.agi_address = agi_address
        marks = started_marks or {}
        self.by_name = {
            config.name: Switch(config, AmiLink(config, self, wanted=WANTED, started_mark=marks.get(config.name, "")), clock)
            for config in switches
        }
        self.trunks = {trunk.name: trunk for trunk in trunks}
        self.of_endpoint: dict[tuple[str, str], str] = {}
        for trunk in trunks:
            if trunk.switch not in self.by_name:
                raise BadInput(f"there is no switch {trunk.switch!r}", where=f"trunk {trunk.name}")
            self.by_name[trunk.switch].add_trunk(trunk)
            self.of_endpoint[trunk.switch, trunk.endpoint] = trunk.name
        self.unread: deque[VoiceEvent | SwitchEvent] = deque()
        self.arrived = asyncio.Event()
        self.also: list[Callable[[str, AmiFrame], None]] = []  # who hears every event of every switch beside us
        self.held: set[asyncio.TimerHandle] = set()
        self.tasks: list[asyncio.Task[None]] = []

    # -- life ----------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        for name, switch in self.by_name.items():
            task = asyncio.create_task(switch.link.run(), name=f"ami-link-{name}")
            self.tasks.append(task)

    async def stop(self) -> None:
        """Close the links. Calls that are up stay up."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        for timer in self.held:
            timer.cancel()
        self.held.clear()

    async def events(self) -> AsyncIterator[VoiceEvent | SwitchEvent]:
        """Everything that happens, in the order of arrival. One reader."""
        while True:
            for _ in range(min(len(self.unread), 256)):
                yield self.unread.popleft()
            if self.unread:
                await asyncio.sleep(0)  # a long backlog must not keep the links from reading
            else:
                self.arrived.clear()
                await self.arrived.wait()

    # -- what can be done now ------------------------------------------------------------------------------------------------

    def switch(self, name: str) -> Switch:
        """Raises NotFound."""
        try:
            return self.by_name[name]
        except KeyError:
            raise NotFound(f"no switch is called {name!r}") from None

    def trunk(self, name: str) -> TrunkConfig:
        """Raises NotFound."""
        try:
            return self.trunks[name]
        except KeyError:
            raise NotFound(f"no trunk is called {name!r}") from None

    def state_of(self, switch: str) -> SwitchState:
        return self.switch(switch).link.state

    def switches(self) -> Sequence[str]:
        return tuple(self.by_name)

    def switch_for(self, trunk: str) -> str:
        return self.trunk(trunk).switch

    def started_mark(self, switch: str) -> str:
        """When the switch says that it started; "" before the first connect. Keep it to notice a restart across our own."""
        return self.switch(switch).link.started_mark

    def room(self, trunk: str) -> int:
        """How many calls could be ordered on this trunk right now: CPS budget, channel caps, back-off; 0 when not READY."""
        config = self.trunk(trunk)
        switch = self.by_name[config.switch]
        if switch.link.state is not SwitchState.READY or switch.link.doubtful():
            return 0
        switch.brake(trunk)
        lines = switch.lines
        free = min(config.max_channels - lines.on_trunk(trunk), switch.config.max_channels - len(lines))
        return max(0, min(free, switch.gate.room(trunk)))

    # -- doing it ------------------------------------------------------------------------------------------------------------

    async def place(self, order: CallOrder) -> None:
        """Dial. Waits for its turn; returns when the switch has accepted the order. Raises NotSent, Rejected, MaybeSent."""
        trunk = self.trunk(order.trunk)
        await self.launch(order.attempt_id, trunk, originate(order, trunk, self.ids, self.agi_address))

    async def launch(self, attempt_id: AttemptId, trunk: TrunkConfig, action: Fields) -> None:
        """Write an Originate when its turn has come under the caps of its trunk and switch.

        Agents' legs and third parties come this way, too: `attempt_id` is then what `line_of` makes of their channel.
        """
        switch = self.by_name[trunk.switch]
        switch.may_write()
        lines = switch.lines
        if attempt_id in lines:
            raise MaybeSent("this attempt has been ordered before")  # never twice: let reconciliation look
        if lines.on_trunk(trunk.name) >= trunk.max_channels or len(lines) >= switch.config.max_channels:
            raise NotSent("all channels are in use")
        line = lines.reserve(attempt_id, trunk.name, self.clock.monotonic_s())
        try:
            switch.brake(trunk.name)
            await switch.gate.turn(trunk.name, switch.may_write)
            # No await between the turn and the write: the turn counts the moment of writing.
            line.since, line.written, line.launching = self.clock.monotonic_s(), True, True
            try:
                await switch.link.call(action)
            except BaseException:
                switch.settle(line)
                raise
            switch.back_off.delay(self.clock.monotonic_s(), "answer", self.clock.monotonic_s() - line.since)
            if line.launching:  # its channel comes next; should that event be lost, the others need not wait for it
                asyncio.get_running_loop().call_later(CHANNEL_FOLLOWS_S, switch.settle, line)
        except Rejected as exc:
            if "already in use" in str(exc):
                raise MaybeSent("the switch has a channel of this attempt") from exc
            lines.free(attempt_id)
            raise
        except NotSent:
            lines.free(attempt_id)
            raise
        except asyncio.CancelledError:
            if not line.written:
                lines.free(attempt_id)
            raise

    async def hang_up(self, attempt_id: AttemptId, switch: str) -> None:
        """End a call if it is still there. Raises NotSent or MaybeSent when the switch could not be asked."""
        try:
            await self.switch(switch).link.call({"Action": "Hangup", "Channel": self.ids.of(attempt_id)})
        except Rejected as exc:
            log.debug("hang_up_found_no_channel", attempt_id=attempt_id, switch=switch, text=str(exc))

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        """End a call that nobody has answered; False: somebody has. Raises NotSent or MaybeSent when the switch cannot be asked.

        A switch has no "hang up if it rings": its state is asked for, and the hang-up follows within a millisecond or two.
        """
        ask = {"Action": "Status", "Channel": self.ids.of(attempt_id)}
        try:
            found = await self.switch(switch).link.fetch_list(ask, "StatusComplete")
        except Rejected:
            return True  # there is no such channel
        if any(STATES.get(frame.get("ChannelState", "")) == "up" for frame in found):
            return False
        await self.hang_up(attempt_id, switch)
        return True

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        """Every channel with our prefix on the switch. Raises NotSent when the list cannot be had whole."""
        one = self.switch(switch)
        asked_at = self.clock.monotonic_s()
        try:
            frames = await one.link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")
        except (MaybeSent, Rejected) as exc:
            if isinstance(exc.__cause__, TimeoutError):
                one.link.hung("the channel list did not come")
            raise NotSent(f"the channel list of {switch} cannot be had: {exc}") from exc
        channels, alive = [], {}
        for frame in frames:
            line = self.line_of(frame.get("Uniqueid", ""))
            if line is not None:
                alive[line] = self.trunk_of(switch, frame.get("Channel", ""))
            channel = live_channel(frame, self.ids)
            if channel is not None:
                channels.append(channel)
        one.lines.correct(alive, asked_at)
        return channels

    def line_of(self, channel_id: str) -> AttemptId | None:
        """By what name a channel of ours is counted: also an agent's leg or a third party takes a line of its trunk."""
        rest = channel_id.removeprefix(self.ids.prefix)
        of_floor = self.ids.leg_id(channel_id) is not None or self.ids.consult_id(channel_id) is not None
        return AttemptId(rest) if of_floor else self.ids.attempt(channel_id)

    def ready(self, switch: str) -> None:
        """The engine has reconciled: calls may be placed."""
        self.switch(switch).link.ready()

    # -- hearing (called by the links) ---------------------------------------------------------------------------------------

    def on_state(self, switch: str, state: SwitchState, because: str, restarted: bool) -> None:
        # A state is never dropped for want of room: there are few, and the engine waits for them.
        self.tell((SwitchEvent(switch=switch, state=state, at=self.clock.now(), because=because, restarted=restarted),))

    def on_delay(self, switch: str, kind: str, seconds: float) -> None:
        self.by_name[switch].back_off.delay(self.clock.monotonic_s(), kind, seconds)

    def on_event(self, switch: str, frame: AmiFrame) -> None:
        for tell in self.also:
            tell(switch, frame)
        said = translate(frame, self.ids)
        one = self.by_name[switch]
        if said is None:
            self.count(one, frame)
            return
        if len(self.unread) >= MAX_UNREAD:
            one.link.resync("events were not read in time")
            return
        attempt_id, kind = said
        if kind is VoiceEventKind.STARTED and frame.get("Event") != "Newchannel":
            line = one.lines.lines.get(attempt_id)
            if line is None or line.started:
                return  # known; or over, for events come in any order
        if kind is VoiceEventKind.HANGUP and was_up(frame):
            # The answer may have been told while nobody listened; the hang-up tells it again.
            self.hear(one, attempt_id, VoiceEventKind.ANSWERED, frame)
        self.hear(one, attempt_id, kind, frame)

    def count(self, switch: Switch, frame: AmiFrame) -> None:
        """Keep the lines that agents' legs and third parties take up to date."""
        line_id = self.line_of(frame.get("Uniqueid", ""))
        if line_id is None:
            return
        if frame.get("Event") == "Newchannel":
            trunk = self.trunk_of(switch.config.name, frame.get("Channel", ""))
            line = switch.lines.seen(line_id, trunk, self.clock.monotonic_s())
            line.started = True
            switch.settle(line)
        elif frame.get("Event") == "Hangup" or frame.get("Response") == "Failure":
            if line_id in switch.lines:
                switch.settle(switch.lines.lines[line_id])
            switch.lines.free(line_id)

    def hear(self, switch: Switch, attempt_id: AttemptId, kind: VoiceEventKind, frame: AmiFrame) -> None:
        """The switch tells something of a call of ours."""
        cause, tech_cause = hangup_facts(frame) if kind is VoiceEventKind.HANGUP else (None, None)
        if self.is_news(switch, attempt_id, kind, frame.get("Channel", ""), bool(CONGESTED & {cause, tech_cause})):
            at = self.clock.now()
            name = switch.config.name
            event = VoiceEvent(attempt_id=attempt_id, switch=name, kind=kind, at=at, cause=cause, tech_cause=tech_cause)
            if kind is VoiceEventKind.ORIGINATE_FAILED:
                self.hold(switch, event)
            else:
                self.tell((event,))

    def hold(self, switch: Switch, event: VoiceEvent) -> None:
        """Tell a failed order only when no hang-up comes with it: the hang-up has the cause, and may come just after."""
        known = event.attempt_id in switch.lines

        def tell() -> None:
            self.held.discard(timer)
            if known and event.attempt_id not in switch.lines:
                return  # its hang-up has come, and said more
            switch.lines.free(event.attempt_id)
            self.tell((event,))

        timer = asyncio.get_running_loop().call_later(HANGUP_FOLLOWS_S, tell)
        self.held.add(timer)

    def is_news(self, switch: Switch, attempt_id: AttemptId, kind: VoiceEventKind, channel: str, congested: bool) -> bool:
        """Keep the counts and the back-off up to date. False for what has been told of this call already."""
        lines, now = switch.lines, self.clock.monotonic_s()
        line = lines.lines.get(attempt_id)
        if kind is VoiceEventKind.STARTED:
            if line is None:
                line = lines.seen(attempt_id, self.trunk_of(switch.config.name, channel), now)
            elif not line.started:
                switch.back_off.delay(now, "start", now - line.since)
            line.started = True
        if line is None:
            return True
        switch.settle(line)
        if kind in line.said:
            return False
        line.said.add(kind)
        if kind is VoiceEventKind.HANGUP:
            if line.trunk:
                switch.trunk_back_off[line.trunk].ended(now, congested=congested)
            lines.free(attempt_id)
        return True

    def trunk_of(self, switch: str, channel: str) -> str:
        """The trunk of a channel by the name that Asterisk gave it (PJSIP/endpoint-00000001); "" when it is none of ours."""
        found = ENDPOINT.match(channel)
        return self.of_endpoint.get((switch, found[1]), "") if found else ""

    def tell(self, events: Iterable[VoiceEvent | SwitchEvent]) -> None:
        self.unread.extend(events)
        self.arrived.set()
