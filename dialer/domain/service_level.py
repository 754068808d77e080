"""How soon those who answer are to have an agent: so many percent of them within so many seconds."""

from __future__ import annotations

from dataclasses import dataclass

STEP_S = 0.1  # waits are counted in tenths of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """A target of predictive pacing beside the law's budget: both hold, and the lower number of calls wins."""

    percent: float | None = None  # of the persons who answer; None = no level is asked for
    within_s: float = 0.2  # from the moment at which they are known for persons; whole steps

    @property
    def is_asked(self) -> bool:
        """Whether there is one."""
        return self.percent is not None

    @property
    def late_share(self) -> float:
        """How many may have their agent later, or none: 0 to 1."""
        return 1.0 if self.percent is None else 1.0 - self.percent / 100

    def __str__(self) -> str:
        return "no service level" if self.percent is None else f"{self.percent:g} % in {self.within_s:g} s"


NO_LEVEL = ServiceLevel()
