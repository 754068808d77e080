"""How the end of a text message or an email becomes a completion code, and which codes each channel knows."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.message_state import MessageState, Refusal

SMS_CODES = frozenset({SystemCode.SMS_SENT, SystemCode.SMS_DELIVERED, SystemCode.SMS_FAILED, SystemCode.SMS_REJECTED})
EMAIL_CODES = frozenset({SystemCode.EMAIL_SENT, SystemCode.EMAIL_DELIVERED, SystemCode.EMAIL_FAILED, SystemCode.EMAIL_BOUNCED})
# What only a call can end with. Apps for answers may say the rest.
CALL_CODES = frozenset(
    {
        SystemCode.CALL_ANSWERED,
        SystemCode.CALL_BUSY,
        SystemCode.RING_NO_ANSWER,
        SystemCode.SILENCE_DETECTED,
        SystemCode.FAX,
        SystemCode.INVALID_NUMBER,
        SystemCode.CALL_REJECTED,
        SystemCode.NETWORK_REFUSAL,
        SystemCode.NETWORK_CONGESTION,
        SystemCode.NETWORK_ERROR,
        SystemCode.DISCONNECTED_BY_SYSTEM,
        SystemCode.CALL_CANCELLED,
    }
)
STRANGE: Mapping[Channel, frozenset[SystemCode]] = {  # no attempt on the channel ever ends with these
    Channel.VOICE: SMS_CODES | EMAIL_CODES,
    Channel.SMS: CALL_CODES | EMAIL_CODES,
    Channel.EMAIL: CALL_CODES | SMS_CODES,
    Channel.CUSTOM: frozenset(),
}
UNHEARD: Mapping[Channel, SystemCode] = {Channel.SMS: SystemCode.SMS_SENT, Channel.EMAIL: SystemCode.EMAIL_SENT}
_ARRIVED = {Channel.SMS: SystemCode.SMS_DELIVERED, Channel.EMAIL: SystemCode.EMAIL_DELIVERED}
_FAILED = {Channel.SMS: SystemCode.SMS_FAILED, Channel.EMAIL: SystemCode.EMAIL_FAILED}


def arrived(channel: Channel) -> SystemCode:
    """The code of a message that has arrived: also of one that was answered before its delivery was told."""
    return _ARRIVED[channel]


def code_of(channel: Channel, state: MessageState | None, refusal: Refusal | None) -> SystemCode | None:
    """The code of a message that was taken and came so far; None while it is on its way."""
    if state is None or not state.final:
        return None
    if not state.failed:
        return _ARRIVED[channel]
    if refusal is Refusal.OPTED_OUT:
        return SystemCode.OPTED_OUT
    return SystemCode.EMAIL_BOUNCED if channel is Channel.EMAIL and state is MessageState.BOUNCED else _FAILED[channel]


def refused_code(channel: Channel, refusal: str) -> SystemCode:
    """The code of a message that its gateway did not take, for a reason that is the contact's or the content's."""
    if refusal == Refusal.OPTED_OUT:
        return SystemCode.OPTED_OUT
    if channel is Channel.SMS:
        return SystemCode.SMS_REJECTED
    return SystemCode.EMAIL_BOUNCED if refusal == Refusal.ADDRESS else SystemCode.EMAIL_FAILED
