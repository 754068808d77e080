"""Completion codes: how one attempt to reach a contact ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class SystemCode(StrEnum):
    """The codes that Outdial itself sets. Their names are reserved: no custom code may be called like one of them.

    Voice codes come from the hang-up cause, the SIP status, the answering-machine detector and the IVR app. Behind each name
    stands what it means, in the words that users are shown.
    """

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """A code with its meaning; everywhere else it is the text of its name."""
        code = str.__new__(cls, name)
        code._value_ = name
        code.meaning = meaning
        return code

    ATTEMPT_IN_PROGRESS = "Attempt In Progress", "dialled or being dialled; the one code that is not final"
    ANSWER_HUMAN = "Answer Human", "a person answered, and no app or agent said more"
    ANSWER_MACHINE = "Answer Machine", "an answering machine or voicemail took the call"
    CALL_ANSWERED = "Call Answered", "answered, with call classification switched off"
    CALL_BUSY = "Call Busy", "the line was in use"
    RING_NO_ANSWER = "Ring No Answer", "it rang for as long as we let it"
    SILENCE_DETECTED = "Silence Detected", "answered, and nobody spoke within the detector's time"
    FAX = "Fax Machine", "a fax tone was heard"
    NUISANCE_CALL = "Nuisance Call", "a person answered and nobody was there to talk in time"
    INVALID_NUMBER = "Invalid Number", "the network says that the number does not exist, or is badly formed"
    CALL_REJECTED = "Call Rejected", "the called person declined (SIP 603)"
    NETWORK_REFUSAL = "Network Refusal", "the carrier refused us (401, 403, 407): a fault of the trunk, not of the contact"
    NETWORK_CONGESTION = "Network Congestion", "the carrier had no circuit (503): soon again, the contact not to blame"
    NETWORK_ERROR = "Network Error", "another failure between us and the callee"
    DISCONNECTED_BY_USER = "Disconnected by User", "the callee hung up before the app had its answer"
    DISCONNECTED_BY_SYSTEM = "Disconnected by System", "we ended an answered call before the app had its answer"
    CALL_CANCELLED = "Call Cancelled", "we gave the call up before it was answered (job force-stopped)"
    NO_INPUT = "No Input", "answered and asked; no key was pressed"
    NO_MATCH = "No Match", "answered and asked; only keys that mean nothing were pressed"
    MESSAGE_PLAYED = "Message Played", "an announcement was played to a person to its end"
    MESSAGE_LEFT = "Message Left", "a message was left on a machine after its beep"
    OPTED_OUT = "Opted Out", "the contact asked never to be called again; now on the DNC list"
    APPLICATION_ERROR = (
        "Application Error",
        "the IVR app raised, hung or was missing (the contact heard an apology), or a custom action",
    )
    ACTION_COMPLETED = "Action Completed", "a custom action came to its end, and said no more"
    SMS_SENT = "SMS Sent", "the gateway took the message, and nobody said in time whether it arrived"
    SMS_DELIVERED = "SMS Delivered", "it arrived on the telephone"
    SMS_FAILED = "SMS Failed", "the gateway took it, and it did not arrive"
    SMS_REJECTED = "SMS Rejected", "the gateway did not take it: no such number, a filter, nothing to send"
    EMAIL_SENT = "Email Sent", "the mail server took it, and no bounce came in time"
    EMAIL_DELIVERED = "Email Delivered", "the mail server of the address said that it has it"
    EMAIL_FAILED = "Email Failed", "it was given up on the way, or refused for its content"
    EMAIL_BOUNCED = "Email Bounced", "the mail server of the address refused it for good"
    RESTRICTED_DNC = "Restricted DNC", "not dialled: the address is on a DNC list"
    RESTRICTED_OTHER = "Restricted Other", "not dialled: a permanent restriction"
    NO_CALLABLE_ADDRESS = "No Callable Address", "not dialled: the contact has no address that may be used"
    NOT_LAUNCHED = "Not Launched", "we crashed, or were refused, before the call left; it counts as an attempt"
    INTERRUPTED = "Interrupted", "the switch died with the call up, or a restart cut it"
    UNKNOWN = "Unknown", "the call happened while nobody watched; counts as an attempt, never repeated blindly"
    JOB_STOPPED = "Job Stopped", "not dialled: the operator stopped the job"
    PREVIEW_CANCELLED = "Preview Cancelled", "not dialled: the agent to whom the contact was offered passed it over"
    AGENT_LOST = "Agent Lost", "the agent's line or desk was lost before the contact had its code"
    REDIALLED = "Redialled", "the agent called the contact again before giving a code: the next attempt has it"


# What an IVR app may set of them: they say what happened in the talk. The rest is the network's and the dialer's to say.
APP_SYSTEM_CODES = frozenset(
    {
        SystemCode.ANSWER_HUMAN,
        SystemCode.ANSWER_MACHINE,
        SystemCode.NO_INPUT,
        SystemCode.NO_MATCH,
        SystemCode.MESSAGE_PLAYED,
        SystemCode.MESSAGE_LEFT,
        SystemCode.OPTED_OUT,
        SystemCode.APPLICATION_ERROR,
        SystemCode.DISCONNECTED_BY_USER,
        SystemCode.NUISANCE_CALL,
    }
)


# With these a person was on the line, or may have been where nobody looked. A machine, a fax or a fault of ours is no success.
REACHED = frozenset(
    {
        SystemCode.ANSWER_HUMAN,
        SystemCode.CALL_ANSWERED,
        SystemCode.NO_INPUT,
        SystemCode.NO_MATCH,
        SystemCode.MESSAGE_PLAYED,
        SystemCode.OPTED_OUT,
        SystemCode.DISCONNECTED_BY_USER,
        SystemCode.SMS_SENT,
        SystemCode.SMS_DELIVERED,
        SystemCode.EMAIL_SENT,
        SystemCode.EMAIL_DELIVERED,
    }
)

# What an agent may say besides the campaign's own codes; of a manual campaign also what only the network knows elsewhere.
AGENT_SYSTEM_CODES = (SystemCode.ANSWER_HUMAN, SystemCode.ANSWER_MACHINE, SystemCode.FAX, SystemCode.OPTED_OUT)
MANUAL_SYSTEM_CODES = (
    *AGENT_SYSTEM_CODES,
    SystemCode.CALL_BUSY,
    SystemCode.RING_NO_ANSWER,
    SystemCode.INVALID_NUMBER,
    SystemCode.CALL_REJECTED,
    SystemCode.DISCONNECTED_BY_USER,
)

ACTION_SYSTEM_CODES = APP_SYSTEM_CODES | {SystemCode.ACTION_COMPLETED}  # what a custom action may end its attempt with


class NextAction(StrEnum):
    """What a custom code makes of the contact."""

    NONE = "none"  # the strategy's result table decides
    STOP = "stop"  # the contact is done
    SCHEDULE = "schedule"  # called again at a date: the one that was given on the call, or after the code's own delay
    REMOVE_NUMBER = "remove_number"  # the number is taken from the contact; the next one is called
    BLOCK_NUMBER = "block_number"  # the number goes to the DNC list; the next one is called


class BlockScope(StrEnum):
    """For whom a number that a code blocks is blocked."""

    ORGANISATION = "organisation"  # the organisation's own DNC list
    COMMON = "common"  # every organisation's: the common DNC list


def name_key(name: str) -> str:
    """The form under which two code names are the same: CODE1 and code1 are one name on every database."""
    return " ".join(name.split()).casefold()


DAY_S = 24 * 3600
SYSTEM_NAME_KEYS = frozenset(name_key(code.value) for code in SystemCode)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomCode:
    """A completion code that a user defined. `name` is unique in its organisation without regard to case."""

    name: str
    description: str = ""
    is_rpc: bool = False  # right-party contact: the person that we wanted spoke
    is_success: bool = False
    is_closure: bool = False  # no further attempt makes sense
    is_answer_machine: bool = False
    add_to_dnc: bool = False
    next_action: NextAction = NextAction.NONE
    schedule_after_s: int = DAY_S  # with SCHEDULE: how long until the contact is called again, when no date was given
    block_scope: BlockScope = BlockScope.ORGANISATION  # with BLOCK_NUMBER and `add_to_dnc`
    active: bool = True  # passive codes cannot be chosen any more; history stays


def reached(code: str, custom: CustomCode | None) -> bool:
    """Whether an attempt that was made and ended so is a successful one: the contact was reached.

    `custom`: the definition of `code` where it is a custom one.
    """
    return not custom.is_answer_machine if custom is not None else code in REACHED
