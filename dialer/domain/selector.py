"""Send each contact to the handler that suits it, before anything is done with it."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.condition import Attributes, Condition, all_hold, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Contacts for whom all of `when` hold go to the handler of `state`."""

    when: tuple[Condition, ...]
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """The first handler of a strategy: it calls nobody, it chooses. The first branch that holds is taken."""

    branches: tuple[Branch, ...]
    otherwise: str

    def choose(self, of: Attributes) -> tuple[str, str]:
        """The state for a contact with these attributes, and why."""
        for branch in self.branches:
            if all_hold(branch.when, of):
                return branch.state, f"selected: {said(branch.when)} → {branch.state}"
        return self.otherwise, f"selected: no condition holds → {self.otherwise}"
