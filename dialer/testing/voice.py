"""A voice channel without telephones, for tests: each number does what a test says, and the wire may misbehave.

Never for users: it dials nobody. The real channel is `dialer.channels.asterisk`; one contract test holds both to the same words.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dialer.domain.ids import AttemptId
from dialer.errors import MaybeSent, NotFound, NotSent, WireError
from dialer.ports import CallOrder, Clock, LiveChannel, SwitchEvent, SwitchState, VoiceEvent, VoiceEventKind
from dialer.tasks import Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCallee:
    """What one number does. Seconds count from the order; a callee with `answer_s` None is never answered."""

    ring_s: float | None = 0.1
    answer_s: float | None = 1.0
    hangup_s: float | None = None  # None: stays until it is hung up, or, unanswered, until the ring timeout
    cause: int = 16
    tech_cause: int | None = None
    refuses: WireError | None = None  # what `place` raises instead of a call
    dials_all_the_same: bool = False  # with `refuses`: the call exists, only its acceptance was lost


ANSWERS = FakeCallee()
BUSY = FakeCallee(answer_s=None, hangup_s=0.3, cause=17, tech_cause=486)
NO_ANSWER = FakeCallee(answer_s=None, cause=19)
UNALLOCATED = FakeCallee(ring_s=None, answer_s=None, hangup_s=0.1, cause=1, tech_cause=404)
CONGESTION = FakeCallee(ring_s=None, answer_s=None, hangup_s=0.1, cause=34, tech_cause=503)
DECLINES = FakeCallee(answer_s=None, hangup_s=0.6, cause=21, tech_cause=603)


@dataclass(slots=True)
class FakeCall:
    """One call that is up."""

    order: CallOrder
    switch: str
    began: float
    state: str = "down"
    cut: asyncio.Event = field(default_factory=asyncio.Event)


class FakeVoice:
    """Implements `VoicePort`. Give it a virtual clock and every call runs in virtual time.

    `callees` says what each number does (`default` the others); `trunks` maps trunks to switches; `on_answer` is awaited when a
    call is answered, in place of the FastAGI side, and `on_end` told of every call's end. `drop`, `duplicate` and `shuffle` spoil
    the events of calls on their way.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        callees: Mapping[str, FakeCallee] | None = None,
        default: FakeCallee = ANSWERS,
        trunks: Mapping[str, str] | None = None,
        max_channels: int = 250,
        on_answer: Callable[[CallOrder], Awaitable[None]] | None = None,
        on_end: Callable[[AttemptId], None] | None = None,
        drop: Collection[VoiceEventKind] = (),
        duplicate: bool = False,
        shuffle: random.Random | None = None,
    ) -> None:
        self.clock = clock
        self.callees = dict(callees or {})
        self.default = default
        self.trunks = dict(trunks or {"trunk": "switch"})
        self.max_channels = max_channels
        self.on_answer, self.on_end = on_answer, on_end
        self.drop, self.duplicate, self.shuffle = frozenset(drop), duplicate, shuffle
        self.states = dict.fromkeys(self.trunks.values(), SwitchState.DOWN)
        self.calls: dict[AttemptId, FakeCall] = {}
        self.placed: list[CallOrder] = []  # every order that reached a switch, in order: the truth
        self.unread: deque[VoiceEvent | SwitchEvent] = deque()
        self.arrived = asyncio.Event()
        self.tasks = Tasks()

    # -- the port ------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        for switch in self.states:
            self.turn(switch, SwitchState.CONNECTING)
            self.turn(switch, SwitchState.RECONCILING)

    async def stop(self) -> None:
        for switch in self.states:
            self.states[switch] = SwitchState.DOWN
        await self.tasks.stop()

    async def events(self) -> AsyncIterator[VoiceEvent | SwitchEvent]:
        while True:
            while self.unread:
                yield self.unread.popleft()
            self.arrived.clear()
            await self.arrived.wait()

    def state_of(self, switch: str) -> SwitchState:
        try:
            return self.states[switch]
        except KeyError:
            raise NotFound(f"no switch is called {switch!r}") from None

    def switches(self) -> Sequence[str]:
        return tuple(self.states)

    def switch_for(self, trunk: str) -> str:
        try:
            return self.trunks[trunk]
        except KeyError:
            raise NotFound(f"no trunk is called {trunk!r}") from None

    def room(self, trunk: str) -> int:
        if self.states[self.switch_for(trunk)] is not SwitchState.READY:
            return 0
        return max(0, self.max_channels - len(self.calls))

    async def place(self, order: CallOrder) -> None:
        switch = self.switch_for(order.trunk)
        if self.states[switch] is not SwitchState.READY:
            raise NotSent(f"the switch {switch} is {self.states[switch].value}")
        if order.attempt_id in self.calls:
            raise MaybeSent("this attempt has been ordered before")
        callee = self.callees.get(order.number, self.default)
        if callee.refuses is None or callee.dials_all_the_same:
            self.placed.append(order)
            call = self.calls[order.attempt_id] = FakeCall(order, switch, self.clock.monotonic_s())
            self.tasks.start(self.live(call, callee), name=f"fake-call-{order.attempt_id}")
        if callee.refuses is not None:
            raise callee.refuses

    async def hang_up(self, attempt_id: AttemptId, switch: str) -> None:
        self.reachable(switch)
        if (call := self.calls.get(attempt_id)) is not None and call.switch == switch:
            call.cut.set()

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        self.reachable(switch)
        call = self.calls.get(attempt_id)
        if call is not None and call.state == "up":
            return False
        await self.hang_up(attempt_id, switch)
        return True

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        self.reachable(switch)
        now = self.clock.monotonic_s()
        return [
            LiveChannel(attempt_id=attempt_id, state=call.state, age_s=now - call.began)
            for attempt_id, call in self.calls.items()
            if call.switch == switch
        ]

    def ready(self, switch: str) -> None:
        if self.state_of(switch) is SwitchState.RECONCILING:
            self.turn(switch, SwitchState.READY)

    # -- what a test can do to it --------------------------------------------------------------------------------------------

    def turn(self, switch: str, state: SwitchState, *, because: str = "", restarted: bool = False) -> None:
        """Put the link to a switch into a state, and tell it. Events of calls are lost while it is not linked."""
        self.states[switch] = state
        self.tell(SwitchEvent(switch=switch, state=state, at=self.clock.now(), because=because, restarted=restarted))

    def restart(self, switch: str) -> None:
        """The switch dies with all its calls and comes back; nobody tells their ends."""
        self.turn(switch, SwitchState.DOWN, because="the switch closed the connection")
        for attempt_id in [attempt_id for attempt_id, call in self.calls.items() if call.switch == switch]:
            self.calls.pop(attempt_id).cut.set()
        self.turn(switch, SwitchState.RECONCILING, restarted=True)

    # -- inside --------------------------------------------------------------------------------------------------------------

    def reachable(self, switch: str) -> None:
        """Raises NotSent unless the switch is linked."""
        if self.state_of(switch) not in (SwitchState.READY, SwitchState.RECONCILING):
            raise NotSent(f"the switch {switch} is {self.states[switch].value}")

    async def live(self, call: FakeCall, callee: FakeCallee) -> None:
        """One call from its order to its end."""
        ending = asyncio.create_task(call.cut.wait())
        running = asyncio.create_task(self.script(call, callee))
        try:
            await asyncio.wait((ending, running), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            for task in (ending, running):
                task.cancel()
            await asyncio.gather(ending, running, return_exceptions=True)
        if self.calls.pop(call.order.attempt_id, None) is None:
            return  # its switch has died
        cut = call.cut.is_set()
        cause, tech_cause = (16, None) if call.state == "up" or cut else (callee.cause, callee.tech_cause)
        if call.state != "up" and VoiceEventKind.HANGUP in self.drop:
            self.say(call, VoiceEventKind.ORIGINATE_FAILED)  # told only where the hang-up does not come
        self.say(call, VoiceEventKind.HANGUP, cause=cause, tech_cause=tech_cause)
        if self.on_end is not None:
            self.on_end(call.order.attempt_id)

    async def script(self, call: FakeCall, callee: FakeCallee) -> None:
        self.say(call, VoiceEventKind.STARTED)
        if callee.ring_s is not None:
            await self.at(call, callee.ring_s)
            call.state = "ringing"
            self.say(call, VoiceEventKind.RINGING)
        if callee.answer_s is None or callee.answer_s > call.order.ring_timeout_s:
            limit = call.order.ring_timeout_s
            await self.at(call, limit if callee.hangup_s is None else min(limit, callee.hangup_s))
            return
        await self.at(call, callee.answer_s)
        call.state = "up"
        self.say(call, VoiceEventKind.ANSWERED)
        if self.on_answer is not None:
            await self.on_answer(call.order)
        if callee.hangup_s is None:
            await call.cut.wait()
        else:
            await self.at(call, callee.hangup_s)

    async def at(self, call: FakeCall, seconds: float) -> None:
        left = call.began + seconds - self.clock.monotonic_s()
        if left > 0:
            await self.clock.sleep(left)

    def say(self, call: FakeCall, kind: VoiceEventKind, *, cause: int | None = None, tech_cause: int | None = None) -> None:
        if kind in self.drop or self.states[call.switch] not in (SwitchState.READY, SwitchState.RECONCILING):
            return
        event = VoiceEvent(
            attempt_id=call.order.attempt_id,
            switch=call.switch,
            kind=kind,
            at=self.clock.now(),
            cause=cause,
            tech_cause=tech_cause,
        )
        for _ in range(2 if self.duplicate else 1):
            self.tell(event)

    def tell(self, event: VoiceEvent | SwitchEvent) -> None:
        if self.shuffle is not None and self.unread and isinstance(event, VoiceEvent):
            self.unread.insert(self.shuffle.randrange(len(self.unread) + 1), event)
        else:
            self.unread.append(event)
        self.arrived.set()
