"""What the network says becomes the right completion code, and blames the right party."""

from __future__ import annotations

import pytest

from dialer.domain.causes import TABLE, Blame, verdict
from dialer.domain.codes import SystemCode

pytestmark = pytest.mark.unit


@pytest.mark.row(8, 10)
@pytest.mark.parametrize(
    ("cause", "sip", "code"),
    [
        (17, 486, SystemCode.CALL_BUSY),
        (17, 600, SystemCode.CALL_BUSY),  # busy everywhere
        (17, None, SystemCode.CALL_BUSY),  # a switch that gives no SIP status
        (19, 480, SystemCode.RING_NO_ANSWER),
        (19, None, SystemCode.RING_NO_ANSWER),
        (19, 0, SystemCode.RING_NO_ANSWER),
        (21, 603, SystemCode.CALL_REJECTED),  # a person pressed the red key
        (21, 403, SystemCode.NETWORK_REFUSAL),  # the same cause, but the carrier's doing
        (21, 401, SystemCode.NETWORK_REFUSAL),
        (21, 407, SystemCode.NETWORK_REFUSAL),
        (34, 503, SystemCode.NETWORK_CONGESTION),
        (34, None, SystemCode.NETWORK_CONGESTION),
        (1, 404, SystemCode.INVALID_NUMBER),
        (1, 485, SystemCode.INVALID_NUMBER),
        (1, 604, SystemCode.INVALID_NUMBER),
        (28, 484, SystemCode.INVALID_NUMBER),
        (22, 410, SystemCode.INVALID_NUMBER),
        (18, 408, SystemCode.NETWORK_ERROR),  # nothing was heard of the callee at all
        (38, 500, SystemCode.NETWORK_ERROR),
        (27, 502, SystemCode.NETWORK_ERROR),
        (29, 501, SystemCode.NETWORK_ERROR),
        (102, 504, SystemCode.NETWORK_ERROR),
        (58, 488, SystemCode.NETWORK_ERROR),
        (127, 487, SystemCode.CALL_CANCELLED),
        (16, None, SystemCode.CALL_CANCELLED),  # cleared before it was answered
        (127, 499, SystemCode.NETWORK_ERROR),  # a status that no table knows
        (127, None, SystemCode.NETWORK_ERROR),
        (0, None, SystemCode.NETWORK_ERROR),
        (None, None, SystemCode.NETWORK_ERROR),
    ],
)
def test_an_unanswered_call_gets_the_code_of_its_cause(cause: int | None, sip: int | None, code: SystemCode) -> None:
    assert verdict(cause, sip).code is code


@pytest.mark.parametrize(
    ("cause", "sip", "circumstances", "code"),
    [
        (0, None, {"timed_out": True}, SystemCode.RING_NO_ANSWER),  # Asterisk before 22.8 gives no cause for our own timeout
        (0, None, {"rang": True}, SystemCode.RING_NO_ANSWER),
        (127, 487, {"timed_out": True}, SystemCode.RING_NO_ANSWER),  # our CANCEL, for our own timeout
        (18, 408, {"rang": True}, SystemCode.RING_NO_ANSWER),  # some carriers end a long ringing so
        (127, 487, {"cancelled": True}, SystemCode.CALL_CANCELLED),
        (0, None, {"cancelled": True, "rang": True}, SystemCode.CALL_CANCELLED),
        (19, 480, {"cancelled": True}, SystemCode.CALL_CANCELLED),
        (17, 486, {"rang": True, "timed_out": True}, SystemCode.CALL_BUSY),  # what the network says outright stands
        (21, 403, {"cancelled": True}, SystemCode.NETWORK_REFUSAL),
        (16, None, {"answered": True}, SystemCode.CALL_ANSWERED),
        (38, 500, {"answered": True, "timed_out": True}, SystemCode.CALL_ANSWERED),
    ],
)
def test_circumstances_decide_where_the_cause_says_little(
    cause: int | None, sip: int | None, circumstances: dict[str, bool], code: SystemCode
) -> None:
    assert verdict(cause, sip, **circumstances).code is code


def test_the_callee_is_not_blamed_for_the_carrier() -> None:
    assert verdict(21, 603).blame is Blame.CONTACT
    assert verdict(21, 403).blame is Blame.TRUNK
    assert verdict(34, 503).blame is Blame.TRUNK
    assert verdict(20, None).blame is Blame.SWITCH
    assert verdict(127, 487, cancelled=True).blame is Blame.NOBODY


def test_no_status_and_no_cause_stands_in_two_rows_of_the_table() -> None:
    statuses = [status for row in TABLE for status in row.sip]
    causes = [cause for row in TABLE for cause in row.q850]
    assert len(statuses) == len(set(statuses))
    assert len(causes) == len(set(causes))
