"""What a running node sees of its switches, gateways and jobs, told to whoever asks from outside the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

STALE_AFTER = timedelta(seconds=5)  # a node writes its status every second


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchStatus:
    """A switch as the node sees it: `state` is a word of ports.SwitchState."""

    state: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """A gateway of messages as the node sees it; of a channel, the first one is the usual one."""

    channel: str
    state: str  # a word of ports.GatewayState
    room: int  # messages that it could take within a second
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A running job as the node sees it."""

    in_flight: int
    ringing: int
    trunk: str
    switch: str
    room: int  # calls that the trunk could take at that moment
    because: str  # the pacer's last reason, or what holds it up
    open: bool  # whether the pacer would place a call for a contact that is due


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """A target of published results as the node sees it."""

    told: int  # results since the node began
    refused: int  # contacts whose next result was refused, and is told again later
    because: str  # what stands in the way; "" = nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node at one moment."""

    node: str
    at: datetime
    switches: Mapping[str, SwitchStatus] = field(default_factory=dict)
    jobs: Mapping[int, JobStatus] = field(default_factory=dict)
    targets: Mapping[str, TargetStatus] = field(default_factory=dict)
    gateways: Mapping[str, GatewayStatus] = field(default_factory=dict)
    beat: int = 0  # counts what the node has written, whatever its clock says

    def fresh(self, now: datetime) -> bool:
        """Whether the node is there at all."""
        return now - self.at < STALE_AFTER

    def to_json(self) -> dict[str, Any]:
        """The value that is stored."""
        return {
            "switches": {name: {"state": one.state, "because": one.because} for name, one in self.switches.items()},
            "jobs": {
                str(job): {name: getattr(one, name) for name in JobStatus.__dataclass_fields__} for job, one in self.jobs.items()
            },
            "targets": {name: asdict(one) for name, one in self.targets.items()},
            "gateways": {name: asdict(one) for name, one in self.gateways.items()},
            "beat": self.beat,
        }

    @classmethod
    def from_json(cls, node: str, at: datetime, value: Mapping[str, Any]) -> NodeStatus:
        """Read what `to_json` wrote."""
        return cls(
            node=node,
            at=at,
            switches={name: SwitchStatus(**one) for name, one in value.get("switches", {}).items()},
            jobs={int(job): JobStatus(**one) for job, one in value.get("jobs", {}).items()},
            targets={name: TargetStatus(**one) for name, one in value.get("targets", {}).items()},
            gateways={name: GatewayStatus(**one) for name, one in value.get("gateways", {}).items()},
            beat=value.get("beat", 0),
        )
