"""What the network says when a call ends, and which completion code that is: the table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.codes import SystemCode


class Blame(StrEnum):
    """Whose doing a failed call was: a trunk's fault must not use up the contact's attempts, and enough of them stop a trunk."""

    CONTACT = "contact"  # the called line or person: the normal ends of a call
    TRUNK = "trunk"  # the carrier or our contract with it
    SWITCH = "switch"  # our own Asterisk or its configuration
    NOBODY = "nobody"  # we ended it ourselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One row of the table."""

    sip: tuple[int, ...] = ()  # SIP status codes, as TechCause tells them: looked at first, they are exact
    q850: tuple[int, ...] = ()  # hang-up causes, for switches and ends that give no SIP status
    code: SystemCode
    blame: Blame
    means: str


TABLE = (
    Cause(sip=(486, 600), q850=(17,), code=SystemCode.CALL_BUSY, blame=Blame.CONTACT, means="user busy"),
    Cause(sip=(480,), q850=(19,), code=SystemCode.RING_NO_ANSWER, blame=Blame.CONTACT, means="no answer, or switched off"),
    # 603, 403, 401 and 407 all become cause 21: only the SIP status tells a person's refusal from the carrier's. Without one
    # the person's is assumed.
    Cause(sip=(603, 607), q850=(21,), code=SystemCode.CALL_REJECTED, blame=Blame.CONTACT, means="declined by the called person"),
    Cause(
        sip=(401, 402, 403, 407, 433, 436, 437, 438, 608),
        code=SystemCode.NETWORK_REFUSAL,
        blame=Blame.TRUNK,
        means="refused by the carrier: our account, our caller id or our reputation",
    ),
    Cause(sip=(404, 485, 604), q850=(1,), code=SystemCode.INVALID_NUMBER, blame=Blame.CONTACT, means="unallocated number"),
    Cause(sip=(410,), q850=(22,), code=SystemCode.INVALID_NUMBER, blame=Blame.CONTACT, means="number changed"),
    Cause(sip=(484,), q850=(28,), code=SystemCode.INVALID_NUMBER, blame=Blame.CONTACT, means="incomplete or badly formed number"),
    Cause(sip=(503, 429), q850=(34, 42, 44), code=SystemCode.NETWORK_CONGESTION, blame=Blame.TRUNK, means="no circuit"),
    Cause(sip=(408,), q850=(18,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="no response from the network"),
    Cause(sip=(500,), q850=(38,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="network out of order"),
    Cause(sip=(502,), q850=(27,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="destination out of order"),
    Cause(sip=(501,), q850=(29,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="facility rejected"),
    Cause(sip=(504,), q850=(102,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="gateway timeout"),
    Cause(sip=(301, 302, 305), q850=(23,), code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="redirected elsewhere"),
    Cause(sip=(415, 488, 606), q850=(58, 65, 79, 88), code=SystemCode.NETWORK_ERROR, blame=Blame.SWITCH, means="no common codec"),
    Cause(q850=(2, 3, 20), code=SystemCode.NETWORK_ERROR, blame=Blame.SWITCH, means="no route: the trunk is not reachable"),
    Cause(sip=(487,), q850=(16, 26), code=SystemCode.CALL_CANCELLED, blame=Blame.NOBODY, means="given up before it was answered"),
)

BY_SIP = {status: row for row in TABLE for status in row.sip}
BY_Q850 = {cause: row for row in TABLE for cause in row.q850}
OTHER = Cause(code=SystemCode.NETWORK_ERROR, blame=Blame.TRUNK, means="another failure of the network")
NO_WORD = Cause(code=SystemCode.NETWORK_ERROR, blame=Blame.SWITCH, means="the call failed without a reason")
TIMED_OUT = Cause(code=SystemCode.RING_NO_ANSWER, blame=Blame.CONTACT, means="it rang for as long as we let it")
GIVEN_UP = Cause(code=SystemCode.CALL_CANCELLED, blame=Blame.NOBODY, means="we gave it up")
ENDED = Cause(code=SystemCode.CALL_ANSWERED, blame=Blame.CONTACT, means="answered, and ended")


def verdict(
    cause: int | None,
    tech_cause: int | None,
    *,
    answered: bool = False,
    rang: bool = False,
    timed_out: bool = False,
    cancelled: bool = False,
) -> Cause:
    """The row of the table for the end of a call.

    `cause` is Q.850 (0 and None: not said), `tech_cause` the SIP status; `rang` when the far end was heard ringing, `timed_out`
    when our ring timeout had passed, `cancelled` when we asked for the hang-up.
    """
    if answered:
        return ENDED  # causes of an answered call say how it was torn down, not whom we reached
    row = BY_SIP.get(tech_cause or 0)
    if row is None and (tech_cause or 0) >= 400:
        row = OTHER
    if row is None:
        row = BY_Q850.get(cause or 0) or (OTHER if cause else NO_WORD)
    if row.code is SystemCode.CALL_CANCELLED or row is NO_WORD or row is OTHER or row is BY_SIP[480]:
        # The end that we brought about ourselves shows as 487, 480/19 or nothing at all (cause 0, before Asterisk 22.8).
        if cancelled:
            return GIVEN_UP
        if timed_out or (rang and row is NO_WORD):
            return TIMED_OUT
    if row is BY_SIP[408] and (rang or timed_out):
        return TIMED_OUT  # many carriers end a long ringing with 408
    return row
