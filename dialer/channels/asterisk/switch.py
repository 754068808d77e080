"""One Asterisk as the voice channel sees it: its link, the calls it carries, and how fast it may be given more."""

from __future__ import annotations

import structlog

from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.cps import LaunchGate, Meter
from dialer.channels.asterisk.lines import Line, Lines
from dialer.channels.asterisk.link import AmiLink
from dialer.channels.asterisk.overload import BackOff
from dialer.errors import NotSent
from dialer.ports import Clock, SwitchState

log = structlog.get_logger()


class Switch:
    """One Asterisk with its link, its counts and its brakes."""

    def __init__(self, config: SwitchConfig, link: AmiLink, clock: Clock) -> None:
        self.config = config
        self.link = link
        self.clock = clock
        self.gate = LaunchGate(clock, config.max_cps)
        self.lines = Lines()
        self.back_off = BackOff()
        self.trunk_back_off: dict[str, BackOff] = {}

    def add_trunk(self, trunk: TrunkConfig) -> None:
        """A trunk of this switch, with its own pace."""
        self.gate.add_trunk(trunk.name, trunk.max_cps)
        self.trunk_back_off[trunk.name] = BackOff()

    def may_write(self) -> None:
        """Raises NotSent unless the switch is reconciled and answers."""
        state = self.link.state
        if state is not SwitchState.READY:
            raise NotSent(f"the switch {self.config.name} is {state.value}")
        if self.link.doubtful():
            # What a stalled switch reads later it carries out later, when nobody may be called any more.
            raise NotSent(f"the switch {self.config.name} does not answer at the moment")

    def settle(self, line: Line) -> None:
        """The launch has its channel, or will never have one: the next may go."""
        if line.launching:
            line.launching = False
            self.gate.done(line.trunk)

    def brake(self, trunk: str) -> None:
        """Set the rates to what the back-off allows now."""
        self.slow_down(f"switch {self.config.name}", self.back_off, self.gate.switch)
        self.slow_down(f"trunk {trunk}", self.trunk_back_off[trunk], self.gate.meter(trunk))

    def slow_down(self, what: str, back_off: BackOff, meter: Meter) -> None:
        """Set one rate to what its back-off allows now; a change is logged with its reason."""
        now = self.clock.monotonic_s()
        because = back_off.trouble(now)
        rate = meter.cap_per_s * back_off.factor(now)
        if rate != meter.per_s:
            log.info("launch_rate_changed", of=what, per_s=round(rate, 2), because=because or "recovering")
            meter.set_rate(rate)
