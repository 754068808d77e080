"""The strategies of jobs, each read once from the text that its job started with."""

from __future__ import annotations

from dialer.domain.ids import JobId
from dialer.domain.strategy import Strategy
from dialer.services.strategies import load_strategy


class StrategyShelf:
    """Implements `services.completion.StrategyOf`."""

    def __init__(self) -> None:
        self._parsed: dict[JobId, Strategy] = {}

    def __call__(self, job_id: JobId, text: str) -> Strategy:
        """The strategy of a job."""
        strategy = self._parsed.get(job_id)
        if strategy is None:
            strategy = self._parsed[job_id] = load_strategy(text, f"strategy of job {job_id}")
        return strategy
