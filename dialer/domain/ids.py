"""The names by which things are known: an id of one kind cannot be passed for another."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from typing import NewType, TypeAlias

OrgId = NewType("OrgId", int)
ContactListId = NewType("ContactListId", int)
ContactId = NewType("ContactId", int)  # our row; the user's own id of a contact is `user_contact_id`
CampaignId = NewType("CampaignId", int)
JobId = NewType("JobId", int)
StrategyId = NewType("StrategyId", int)
ScheduleId = NewType("ScheduleId", int)
CallbackId = NewType("CallbackId", int)
SourceId = NewType("SourceId", int)
ImportRunId = NewType("ImportRunId", int)
ExportId = NewType("ExportId", int)
ExportRunId = NewType("ExportRunId", int)
AgentId = NewType("AgentId", int)
ReceivedId = NewType("ReceivedId", int)
AttemptId = NewType("AttemptId", str)  # 26 characters 0-9a-z, sortable by time of creation
LegId = NewType("LegId", str)  # one call to an agent's phone, which stays up from contact to contact; made as an attempt id is
OfferId = NewType("OfferId", str)  # the call by which a queue offers a caller to an agent of ours; the switch names it
PersonId: TypeAlias = AttemptId | OfferId  # somebody on an agent's line: a contact, or a caller of a queue
ConsultId = NewType("ConsultId", str)  # one call to somebody whom an agent asks for help; made as an attempt id is

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case: no character that a wire could mistake
_PAIRS = [one + other for one in ALPHABET for other in ALPHABET]  # of 10 bits: ids are made by the thousand


def new_attempt_id() -> AttemptId:
    """A fresh attempt id."""
    return AttemptId(_sortable(time.time_ns() // 1_000_000, secrets.randbits(80)))


def new_leg_id() -> LegId:
    """A fresh id of an agent's leg."""
    return LegId(new_attempt_id())


def new_consult_id() -> ConsultId:
    """A fresh id of a consultation."""
    return ConsultId(new_attempt_id())


def first_attempt_id(at: datetime) -> AttemptId:
    """The least id that can be given at a moment: ids of later attempts are greater."""
    return AttemptId(_sortable(max(0, int(at.timestamp() * 1000)), 0))


def new_event_id() -> str:
    """A fresh id of something that others are told of."""
    return _sortable(time.time_ns() // 1_000_000, secrets.randbits(80))


def base_32(value: int, characters: int) -> str:
    """The lowest bits of a number in so many characters of ALPHABET; an even number of them, of 5 bits each."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(5 * characters - 10, -1, -10)])


def _sortable(ms: int, rest: int) -> str:
    """48 bits of milliseconds and 80 more in 26 characters (the layout of a ULID)."""
    value = (ms & (1 << 48) - 1) << 80 | rest
    return base_32(value, 26)
