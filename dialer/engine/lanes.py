"""Contacts of a job that are about to be attempted, kept apart by channel: a trunk that is full may not hold up the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dialer.domain.channel import Channel
from dialer.domain.progress import Progress
from dialer.domain.strategy import DONE, INITIAL, WAIT, Strategy
from dialer.store.job_contacts import JobContact


@dataclass(slots=True)
class Lane:
    """What was claimed for one channel, oldest first, each with the moment of its claim."""

    states: Collection[str] | None  # of the strategy, whose contacts are claimed for it; None = all
    claimed: deque[tuple[float, JobContact]] = field(default_factory=deque)
    asking: int = 0  # claimed for it, and with their custom restrictions
    idle_until_s: float = 0.0  # nobody more was due: not asked again before
    nobody_due: bool = False


class Lanes:
    """The lanes of a strategy, one for each of its channels."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        channels = strategy.channels
        self._lanes = {
            channel: Lane(None if len(channels) == 1 else self._states(channel)) for channel in channels or (Channel.VOICE,)
        }

    def _states(self, channel: Channel) -> Collection[str]:
        """Those of a channel; and whoever waits, for whom any lane looks: where it goes on is seen when it is claimed."""
        mine = {one.state for one in self._strategy.handlers if one.channel is channel}
        if self._strategy.channel_of(INITIAL) is channel:
            mine.add(INITIAL)
        return frozenset(mine | {WAIT})

    def items(self) -> Iterable[tuple[Channel, Lane]]:
        """Each channel with its lane."""
        return self._lanes.items()

    @property
    def channels(self) -> Collection[Channel]:
        """The channels that there are lanes for."""
        return self._lanes.keys()

    @property
    def nobody_due(self) -> bool:
        """Whether no lane has anybody, or found anybody when it looked."""
        return all(lane.nobody_due and not lane.claimed for lane in self._lanes.values())

    def waiting(self, channel: Channel) -> int:
        """How many were claimed for a channel."""
        lane = self._lanes.get(channel)
        return 0 if lane is None else len(lane.claimed)

    def due(self, rooms: Mapping[Channel, int] | None = None) -> int:
        """How many are claimed; with `rooms` of several lanes, only as many of each as there is room for."""
        if rooms is None or len(self._lanes) == 1:
            return sum(len(lane.claimed) for lane in self._lanes.values())
        return sum(min(len(lane.claimed), rooms[channel]) for channel, lane in self._lanes.items())

    def put(self, claims: Iterable[JobContact], now_s: float) -> None:
        """Sort what was claimed into the lanes."""
        for claim in claims:
            self._lanes[self._channel_of(claim)].claimed.append((now_s, claim))

    def _channel_of(self, claim: JobContact) -> Channel:
        if len(self._lanes) == 1:
            return next(iter(self._lanes))
        if claim.handler != WAIT:
            return self._strategy.channel_of(claim.handler)
        handler = self._strategy.handler(Progress.from_json(claim.progress).waits_in)
        ahead = handler.channel if handler.wait.then == DONE else self._strategy.channel_of(handler.wait.then)
        return Channel.VOICE if Channel.VOICE in (handler.channel, ahead) else ahead  # a callback may come before its end

    def take(self, most: int, rooms: Mapping[Channel, int]) -> list[JobContact]:
        """Up to `most` of those that have room, the oldest claim first."""
        taken: list[JobContact] = []
        left = dict(rooms)
        while len(taken) < most:
            open_lanes = [
                (lane.claimed[0][0], channel) for channel, lane in self._lanes.items() if lane.claimed and left[channel]
            ]
            if not open_lanes:
                break
            _, channel = min(open_lanes)
            left[channel] -= 1
            taken.append(self._lanes[channel].claimed.popleft()[1])
        return taken

    def oldest_s(self) -> float | None:
        """When the oldest claim was made."""
        return min((lane.claimed[0][0] for lane in self._lanes.values() if lane.claimed), default=None)

    def clear(self) -> bool:
        """Forget all; whether there was anybody."""
        had = any(lane.claimed for lane in self._lanes.values())
        for lane in self._lanes.values():
            lane.claimed.clear()
        return had
