"""What Twilio's states and error numbers mean in the dialer's words: the tables."""

from __future__ import annotations

from dialer.domain.message_state import MessageState, Refusal
from dialer.errors import MaybeSent, NotSent, Rejected, WireError

# twilio.com/docs/messaging/api/message-resource, "status values"
STATES = {
    "accepted": MessageState.ACCEPTED,
    "scheduled": MessageState.ACCEPTED,
    "queued": MessageState.ACCEPTED,
    "sending": MessageState.ACCEPTED,
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "partially_delivered": MessageState.DELIVERED,  # to some devices of the contact
    "undelivered": MessageState.UNDELIVERED,
    "failed": MessageState.FAILED,
    "canceled": MessageState.FAILED,
    "read": MessageState.READ,
}

# twilio.com/docs/api/errors. 2xxxx refuse the request, 3xxxx tell why a message did not arrive. Not here: a fault of the way.
REASONS = {
    20003: Refusal.ACCOUNT,  # the login
    21211: Refusal.ADDRESS,  # To is no number
    21214: Refusal.ADDRESS,
    21217: Refusal.ADDRESS,
    21408: Refusal.ACCOUNT,  # no permission for that region
    21421: Refusal.ADDRESS,
    21601: Refusal.ACCOUNT,  # From cannot send
    21602: Refusal.CONTENT,  # no text
    21603: Refusal.ACCOUNT,  # no From
    21604: Refusal.ADDRESS,  # no To
    21606: Refusal.ACCOUNT,
    21608: Refusal.ACCOUNT,  # a trial account writes to its own numbers only
    21610: Refusal.OPTED_OUT,
    21612: Refusal.ADDRESS,  # no road from this sender to this number
    21614: Refusal.ADDRESS,  # no mobile
    21617: Refusal.CONTENT,  # too long
    21619: Refusal.CONTENT,
    21654: Refusal.CONTENT,
    21660: Refusal.ACCOUNT,
    21705: Refusal.ACCOUNT,
    30001: Refusal.NETWORK,  # its queue overflowed
    30002: Refusal.ACCOUNT,  # suspended
    30003: Refusal.UNREACHABLE,
    30004: Refusal.OPTED_OUT,  # blocked by the receiver's wish
    30005: Refusal.ADDRESS,  # unknown destination
    30006: Refusal.ADDRESS,  # a landline
    30007: Refusal.CONTENT,  # filtered
    30008: Refusal.NETWORK,
    30010: Refusal.ACCOUNT,  # dearer than we allowed
    30017: Refusal.NETWORK,  # carrier congestion
    30024: Refusal.ACCOUNT,
    30032: Refusal.ACCOUNT,  # a toll-free number that is not verified
    30034: Refusal.ACCOUNT,  # not registered for 10DLC
    30036: Refusal.UNREACHABLE,  # its time ran out
}
OUT_OF_TIME = 30036
QUEUE_FULL = 21611  # "exceeded the maximum number of queued messages": refused before it was processed
LOGIN_AGAIN_S = 60.0  # a refused login is tried no oftener
QUEUE_AGAIN_S = 60.0
TOO_MANY_AGAIN_S = 1.0  # where a 429 does not say


class LoginRefused(NotSent):
    """Our account or its token is not accepted: a human must mend it."""


def state_of(status: str, code: int | str | None) -> MessageState | None:
    """What one of Twilio's states, with its error number, is in ours; None where it is none of them."""
    state = STATES.get(status)
    return MessageState.EXPIRED if state is MessageState.FAILED and str(code) == str(OUT_OF_TIME) else state


def reason_of(code: int | str | None) -> Refusal | None:
    """Whose doing a failure was; None where there is no error number."""
    try:
        number = int(code or 0)
    except ValueError:
        return Refusal.NETWORK
    return REASONS.get(number, Refusal.NETWORK) if number else None


def verdict(status: int, code: int | None, message: str, retry_after_s: float | None) -> WireError:
    """What an answer that is not 2xx means for the message. Only a plain "no" is certain; everything else may have been sent."""
    words = f"Twilio answered {status}{f' ({code})' if code else ''}: {message or 'without a word'}"
    if status == 429:  # "never processed and always safe to retry"
        return NotSent(words, retry_after_s=TOO_MANY_AGAIN_S if retry_after_s is None else retry_after_s)
    if code == QUEUE_FULL:
        return NotSent(words, retry_after_s=retry_after_s or QUEUE_AGAIN_S)
    if status == 401:
        return LoginRefused(words, retry_after_s=LOGIN_AGAIN_S)
    if 400 <= status < 500:
        return Rejected(words, refusal=reason_of(code) or Refusal.ACCOUNT, code=str(code or status))
    return MaybeSent(words)
