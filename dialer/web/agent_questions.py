"""What a desktop can ask without changing anything: how the desk stands, who is before the agent, which reasons there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dialer.domain.agent import Agent
from dialer.domain.desk import Refused
from dialer.domain.desk_call import DeskCall
from dialer.errors import NotFound
from dialer.services.agent_card import AgentCard, card_of
from dialer.services.agent_floor import AgentFloor
from dialer.services.agents import agent_of_token, list_reasons
from dialer.store.store import Store
from dialer.web.agent_wire import Answer, Result

log = structlog.get_logger()

QUESTIONS: Mapping[str, str] = {
    "desk": "How the desk stands: state, telephone, the contact before the agent, what is pending.",
    "contact": "Who is before the agent: addresses, attributes, history, notes, the codes to choose from.",
    "floor": "For supervisors: who is at work, the state and since when, campaign, the contact's number (masked), who listens.",
    "reasons": "Why an agent may be not ready; none = any word will do.",
}
FAILED = Answer(result=Result.FAILED, because="the dialer could not do it", mend="look at the desk, and try again")
NOBODY = Answer(result=Result.REFUSED, because="no contact is before you")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskBooks:
    """What the desk looks up."""

    identify: Callable[[str], Awaitable[Agent | None]]  # whose token it is; None for nobody's, or of one who may not work
    contact: Callable[[Agent, DeskCall], Awaitable[AgentCard]]
    reasons: Callable[[Agent], Awaitable[Sequence[str]]]

    @classmethod
    def reading(cls, store: Store, *, unmask: Collection[str] = ()) -> DeskBooks:
        """Those of a database; `unmask`: the logins of those who see masked attributes in full."""
        see = {login.casefold() for login in unmask}
        return cls(
            identify=lambda token: agent_of_token(store, token),
            contact=lambda agent, call: card_of(store, agent, call, may_unmask=agent.login.casefold() in see),
            reasons=lambda agent: list_reasons(store, agent.org_id),
        )


async def answered(question: str, agent: Agent, floor: AgentFloor, books: DeskBooks) -> Answer:
    """The answer to one of QUESTIONS."""
    try:
        if question == "reasons":
            return Answer(result=Result.DONE, said={"reasons": list(await books.reasons(agent))})
        if question == "floor":
            there = await floor.listenings.at_work(agent.id)
            if isinstance(there, Refused):
                return Answer(result=Result.REFUSED, because=there.because, mend=there.mend)
            return Answer(result=Result.DONE, said={"agents": there})
        desk = await floor.desk(agent.id)
        if question == "desk":
            return Answer(result=Result.DONE, said={"agent": agent.login, "desk": desk})
        if desk is None or desk.call is None:
            return NOBODY
        return Answer(result=Result.DONE, said={"contact": await books.contact(agent, desk.call)})
    except NotFound as gone:
        return Answer(result=Result.REFUSED, because=str(gone))
    except Exception:  # the outer edge of a question
        log.exception("a desktop's question cannot be answered", agent=agent.login, question=question)
        return FAILED
