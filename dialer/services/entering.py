"""Find the handler that has a contact now, and what its restrictions say of the contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dialer.domain.campaign import Job
from dialer.domain.codes import SystemCode
from dialer.domain.condition import Attributes
from dialer.domain.contact import Address
from dialer.domain.gates import Denied
from dialer.domain.ids import ContactId
from dialer.domain.next_step import Done, Goto, waited_out
from dialer.domain.progress import Progress
from dialer.domain.restriction import HeldBack, RestrictionKind, restricted_by
from dialer.domain.strategy import DONE, WAIT, Handler, Strategy
from dialer.services.contact_steps import apply_step, known_of
from dialer.store.job_contacts import JobContact
from dialer.store.store import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the custom restrictions of one handler said of a contact."""

    handler: str
    held: tuple[HeldBack, ...] = ()


def known_of_claim(claim: JobContact, attributes: Mapping[ContactId, Mapping[str, str]], owned: Sequence[Address]) -> Attributes:
    """All that conditions can ask of a claimed contact; nothing where nobody asks."""
    if claim.contact_id not in attributes:
        return {}  # no condition asks
    return known_of(attributes[claim.contact_id], owned, last_code=claim.last_code, attempts=claim.attempts)


def enter(
    tx: Tx, job: Job, strategy: Strategy, claim: JobContact, known: Attributes, now: datetime
) -> tuple[JobContact, Handler] | None:
    """The handler that has the contact now, chosen by the selector or reached by waiting; None when the contact has left."""
    if claim.handler == WAIT:
        step = waited_out(strategy, Progress.from_json(claim.progress), now)
        if not isinstance(step, Goto):
            apply_step(tx, job.id, claim.contact_id, step, code=None, now=now)
            return None
        claim = replace(claim, handler=step.state, address_index=0, progress={})
        tx.job_contacts.start_handler(job.id, claim.contact_id, step.state)
        return claim, strategy.handler(step.state)
    state, because = strategy.enter(claim.handler, known)
    if state == DONE:
        apply_step(tx, job.id, claim.contact_id, Done(because=because), code=None, now=now)
        return None
    if state != claim.handler:
        claim = replace(claim, handler=state, address_index=0)
        tx.job_contacts.start_handler(job.id, claim.contact_id, state)
    return claim, strategy.handler(state)


def handler_ahead(strategy: Strategy, claim: JobContact, known: Attributes, now: datetime) -> Handler | None:
    """The handler to which `enter` will lead, as far as can be seen before; None when the contact will leave."""
    if claim.handler == WAIT:
        step = waited_out(strategy, Progress.from_json(claim.progress), now)
        return strategy.handler(step.state) if isinstance(step, Goto) else None
    state, _ = strategy.enter(claim.handler, known)
    return None if state == DONE else strategy.handler(state)


def restriction_on(handler: Handler, known: Attributes, judged: Judged | None, now: datetime) -> Denied | None:
    """What the handler's restrictions say of a contact at this moment; what its custom ones said was asked before."""
    found = restricted_by(handler.restrictions, known, judged.held if judged is not None else ())
    if found is None:
        return None
    if found.kind is RestrictionKind.PERMANENT:
        return Denied(code=SystemCode.RESTRICTED_OTHER, because=f"restricted: {found}")
    because = f"restricted for now: {found}; looked at again after {found.recheck_s:g} s"
    return Denied(code=None, because=because, until=now + timedelta(seconds=found.recheck_s))
