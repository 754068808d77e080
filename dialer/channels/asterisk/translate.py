"""Turn the switch's words about a call into the dialer's."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.channels.asterisk.originate import ChannelIds
from dialer.domain.ids import AttemptId
from dialer.ports import LiveChannel, VoiceEventKind

# Everything else is dropped unread. DialState and DialEnd repeat what Newstate says, in case it is lost.
WANTED = frozenset(
    {
        *("Newchannel", "Newstate", "DialState", "DialEnd", "OriginateResponse", "Hangup", "UserEvent"),
        *("QueueCallerJoin", "QueueCallerLeave", "DTMFEnd"),
    }
)

STATES = {"4": "ringing", "5": "ringing", "6": "up"}  # ChannelState: 4 Ring, 5 Ringing, 6 Up; all others are "down"
OF_STATE = {"ringing": VoiceEventKind.RINGING, "up": VoiceEventKind.ANSWERED}


def translate(frame: Mapping[str, str], ids: ChannelIds) -> tuple[AttemptId, VoiceEventKind] | None:
    """Which attempt an event is about and what it says; None for channels that are not ours and for what says nothing new."""
    name = frame.get("Event", "")
    dialling = name in ("DialState", "DialEnd")
    attempt_id = ids.attempt(frame.get("DestUniqueid" if dialling else "Uniqueid", ""))
    if attempt_id is None:
        return None
    match name:
        case "Hangup":
            return attempt_id, VoiceEventKind.HANGUP
        case "Newchannel":
            return attempt_id, VoiceEventKind.STARTED
        case "Newstate":
            kind = OF_STATE.get(STATES.get(frame.get("ChannelState", ""), ""))
        case "DialState" | "DialEnd":
            said = frame.get("DialStatus", "")
            # Whatever it says, there was a channel to dial with: without that an order whose Newchannel and Hangup are both lost
            # would look like one that never got a channel.
            kind = {"RINGING": VoiceEventKind.RINGING, "ANSWER": VoiceEventKind.ANSWERED}.get(said, VoiceEventKind.STARTED)
        case "OriginateResponse":
            # `Reason` is not read: busy, congestion and an unallocated number all give 0.
            answered = frame.get("Response") == "Success"
            kind = VoiceEventKind.ANSWERED if answered else VoiceEventKind.ORIGINATE_FAILED
        case _:
            kind = None
    return None if kind is None else (attempt_id, kind)


def was_up(frame: Mapping[str, str]) -> bool:
    """Whether the channel of an event is, or at its hang-up was, answered."""
    return STATES.get(frame.get("ChannelState", "")) == "up"


def hangup_facts(frame: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Cause (Q.850) and TechCause (SIP status) of a Hangup; TechCause is there from Asterisk 22.7."""
    return number(frame.get("Cause", "")), number(frame.get("TechCause", ""))


def live_channel(frame: Mapping[str, str], ids: ChannelIds) -> LiveChannel | None:
    """One line of the switch's channel list, if it is ours."""
    attempt_id = ids.attempt(frame.get("Uniqueid", ""))
    if attempt_id is None:
        return None
    return LiveChannel(
        attempt_id=attempt_id, state=STATES.get(frame.get("ChannelState", ""), "down"), age_s=seconds(frame.get("Duration", ""))
    )


def number(text: str) -> int | None:
    """The leading number of "486" or "486 Busy here"; None where there is none."""
    first = text.split()[:1]
    return int(first[0]) if first and first[0].isdecimal() and len(first[0]) < 6 else None


def seconds(clock: str) -> float:
    """ "01:02:03" in seconds; 0 for anything else."""
    parts = clock.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return 0.0
    hours, minutes, rest = (int(part) for part in parts)
    return float(hours * 3600 + minutes * 60 + rest)
