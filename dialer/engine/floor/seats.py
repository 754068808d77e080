"""Everybody who is at work on the floor: found by who they are, by their telephone, by their contact, and by whom they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dialer.domain.ids import AgentId, AttemptId, ConsultId, LegId, OrgId
from dialer.engine.floor.seat import Seat


class Seats(Mapping[AgentId, Seat]):
    """The seats of one floor. Who has logged out keeps the seat."""

    def __init__(self) -> None:
        self._of: dict[AgentId, Seat] = {}
        self.legs: dict[LegId, Seat] = {}  # whose telephone it is
        self.contacts: dict[AttemptId, Seat] = {}  # whose contact it is
        self.consults: dict[ConsultId, Seat] = {}  # who asks this third person

    def __getitem__(self, agent_id: AgentId) -> Seat:
        return self._of[agent_id]

    def __iter__(self) -> Iterator[AgentId]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def add(self, seat: Seat) -> Seat:
        """An agent who has not been here before."""
        self._of[seat.desk.agent.id] = seat
        return seat

    def named(self, org_id: OrgId, login: str) -> Seat | None:
        """An agent of an organisation, by login."""
        mine = (one for one in self.values() if one.desk.agent.org_id == org_id)
        return next((one for one in mine if one.desk.agent.login.casefold() == login.casefold()), None)

    def colleague(self, login: str, near: Seat) -> Seat | None:
        """An agent of the same organisation as the one who is `near`."""
        return self.named(near.desk.agent.org_id, login)

    # ── telephones ────────────────────────────────────────────────────────────────────────────────────────────────────

    def take_leg(self, seat: Seat, leg_id: LegId, switch: str) -> None:
        """This telephone is the agent's from now on."""
        seat.leg_id, seat.switch, self.legs[leg_id] = leg_id, switch, seat

    def forget_leg(self, leg_id: LegId) -> Seat | None:
        """It is nobody's any more; returns whose it was."""
        seat = self.legs.pop(leg_id, None)
        if seat is None or seat.leg_id != leg_id:
            return None
        seat.leg_id = None
        return seat

    # ── contacts, and third persons ───────────────────────────────────────────────────────────────────────────────────

    def lose_contact(self, seat: Seat, attempt_id: AttemptId | None) -> None:
        """The contact is this agent's no more, if it was."""
        if attempt_id is not None and self.contacts.get(attempt_id) is seat:
            del self.contacts[attempt_id]

    def ask_third(self, seat: Seat, consult_id: ConsultId) -> None:
        """The agent asks this person."""
        seat.consult_id, self.consults[consult_id] = consult_id, seat

    def leave_third(self, consult_id: ConsultId) -> Seat | None:
        """They are asked no more; returns who asked them."""
        seat = self.consults.pop(consult_id, None)
        if seat is not None:
            seat.consult_id = None
        return seat
