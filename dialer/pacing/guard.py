"""The law that no pacer can break: a guard stands around each of them and can only lower what it wants."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dialer.pacing.snapshot import Decision, Memory, Pacer, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Wraps a pacer: never more calls than the trunk has room for, the ports allow, or the job's end leaves."""

    pacer: Pacer
    max_ports: int | None = None

    def decide(self, seen: Snapshot, memory: Memory) -> Decision:
        """The pacer's decision, lowered by the strictest limit that it passes; the reason names that limit."""
        wanted = self.pacer.decide(seen, memory)
        limits = [(max(0, seen.room), "no room on the trunk" if seen.room <= 0 else f"room for {seen.room} on the trunk")]
        if self.max_ports is not None:
            limits.append((max(0, self.max_ports - seen.in_flight), f"{seen.in_flight} of {self.max_ports} ports in use"))
        if seen.headroom is not None:
            limits.append((max(0, seen.headroom), f"{max(0, seen.headroom)} calls left before the job is to end"))
        most, because = min(limits, key=lambda limit: limit[0])
        if wanted.n > most:
            return replace(wanted, n=most, because=because)
        return wanted if wanted.n >= 0 else replace(wanted, n=0)
