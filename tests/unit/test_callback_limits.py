"""How many callbacks a contact may be promised, how far apart, and where `why` shows one."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from dialer.domain.callback import Callback, CallbackLimits, CallbackState
from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.contact import Address
from dialer.domain.gates import GateFacts, gates
from dialer.domain.ids import CallbackId, ContactId, JobId, OrgId
from dialer.domain.strategy import AddressRule, CallHandler

pytestmark = pytest.mark.unit

NOON = datetime(2026, 5, 11, 12, tzinfo=UTC)


def at_hour(hour: int, *, state: CallbackState = CallbackState.DONE, job: int = 1) -> Callback:
    return Callback(
        id=CallbackId(hour),
        org_id=OrgId(1),
        job_id=JobId(job),
        contact_id=ContactId(1),
        at=NOON + timedelta(hours=hour),
        state=state,
    )


@pytest.mark.row(108)
@pytest.mark.parametrize(
    ("limits", "others", "said"),
    [
        (CallbackLimits(), [at_hour(1), at_hour(2), at_hour(6)], ""),  # without limits everything goes
        (CallbackLimits(most=2), [at_hour(1)], ""),
        (CallbackLimits(most=2), [at_hour(1), at_hour(2)], "2 of 2"),
        (CallbackLimits(most=2), [at_hour(1), at_hour(2, state=CallbackState.CANCELLED)], ""),  # taken back: not counted
        (CallbackLimits(most=2), [at_hour(1), at_hour(2, state=CallbackState.EXPIRED)], "2 of 2"),
        (CallbackLimits(most=1), [at_hour(1, job=2)], ""),  # each job counts its own
        (CallbackLimits(most=0), [], "0 of 0"),
        (CallbackLimits(min_interval_s=3600), [at_hour(5)], ""),  # an hour apart is apart enough
        (CallbackLimits(min_interval_s=3601), [at_hour(5)], "60.0167 minutes"),
        (CallbackLimits(min_interval_s=7200), [at_hour(7, job=2)], "120 minutes"),  # a person has one telephone in all jobs
    ],
)
def test_limits_are_told_with_their_reason(limits: CallbackLimits, others: list[Callback], said: str) -> None:
    against = limits.against(NOON + timedelta(hours=6), JobId(1), others)
    assert (said in against) if said else not against


def test_a_callback_expires_at_its_very_moment() -> None:
    one = Callback(
        id=CallbackId(1), org_id=OrgId(1), job_id=JobId(1), contact_id=ContactId(1), at=NOON, expires_at=NOON + timedelta(hours=1)
    )
    assert one.is_due(NOON)
    assert not one.has_expired(NOON + timedelta(minutes=59))
    assert one.has_expired(NOON + timedelta(hours=1))


def test_a_pending_callback_is_a_gate_of_its_own() -> None:
    later = NOON + timedelta(hours=1)
    facts = GateFacts(
        now=NOON,
        job_state=JobState.RUNNING,
        place=JobContactState.SCHEDULED,
        due_at=later,
        handler=CallHandler(state="initial", addresses=(AddressRule(name="mobile", opens=time(8), closes=time(21)),)),
        addresses=(Address(name="mobile", value="+12125550101", zones=("UTC",)),),
        callback="callback 7",
        callback_at=later,
    )
    gate = next(one for one in gates(facts) if one.name == "callback")
    assert (gate.verdict, gate.because, gate.until) == ("wait", "callback 7", later)
