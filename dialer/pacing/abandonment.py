"""How many people answered and found nobody: the rate that the law limits, by each regulator's own count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Formula(StrEnum):
    """Whose count it is."""

    PLAIN = "plain"  # abandoned / (abandoned + connected): 16 CFR 310.4(b)(4)(i), 47 CFR 64.1200(a)(7)
    OFCOM = "ofcom"  # the same, less the machines among the abandoned, plus the persons whom a detector took for machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What happened in a window. A person counts once: connected in time, or abandoned."""

    connected: int = 0  # persons who had an agent in time
    abandoned: int = 0  # answered calls that had nobody in time, machines that were taken for persons among them
    agent_machines: int = 0  # calls that agents found to be machines: the share of machines among those presented
    mistaken: float = 0.0  # a reasoned estimate of persons whom the detector took for machines and hung up on

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            connected=self.connected + other.connected,
            abandoned=self.abandoned + other.abandoned,
            agent_machines=self.agent_machines + other.agent_machines,
            mistaken=self.mistaken + other.mistaken,
        )

    def rate(self, formula: Formula = Formula.PLAIN) -> float:
        """Abandoned persons by persons who answered, 0 to 1; 0 where nobody has answered."""
        lost = float(self.abandoned)
        if formula is Formula.OFCOM:
            # Ofcom, persistent misuse, annex on the abandoned call rate: with n drops, of those that agents had m were machines
            # and p persons, n * m / (p + m) of the drops are reckoned as machines.
            presented = self.connected + self.agent_machines
            machines = self.agent_machines / presented if presented else 0.0
            lost = lost * (1 - machines) + self.mistaken
        return lost / (lost + self.connected) if lost + self.connected else 0.0
