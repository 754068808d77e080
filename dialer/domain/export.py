"""An export: which attempts, contacts or codes go out as CSV, in which columns, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.domain.attempt import COMPLIANCE, Attempt
from dialer.domain.codes import CustomCode, SystemCode, reached
from dialer.domain.ids import CampaignId, JobId

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class ExportOf(StrEnum):
    """What a line of the file is."""

    ATTEMPTS = "attempts"  # one call, with everything that is known of its end
    CONTACTS = "contacts"  # one person, with attributes and the last result
    CODES = "codes"  # one completion code of a job or campaign, and how often it was reached
    DNC = "dnc"  # one entry of a do-not-call list
    INBOX = "inbox"  # one message that somebody wrote to us


class Only(StrEnum):
    """Which attempts count. Contacts without one that counts are left out, except with ALL."""

    ALL = "all"  # every attempt; contacts that nobody has attempted yet are there as well
    ATTEMPTED = "attempted"  # a call left for the network, however it ended
    REACHED = "reached"  # ... and the contact was reached: what "successfully attempted" means
    SUCCESS = "success"  # the code is a custom one that is flagged as a success


class Per(StrEnum):
    """What codes are counted for."""

    JOB = "job"  # each run by itself
    CAMPAIGN = "campaign"  # all runs together


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportContent:
    """What is in the file. Fit to be kept: a recurring export writes the same content again and again."""

    of: ExportOf
    columns: tuple[str, ...] = ()  # in this order; () = the usual ones
    attributes: bool = False  # attempts: the contacts' attributes as well
    only: Only = Only.ALL
    contact_list: str = ""  # attempts and contacts: of this list only
    days: int = 0  # attempts: only those begun in so many days before; 0 = all
    per: Per = Per.JOB  # codes
    delimiter: str = ","
    bom: bool = False  # a byte order mark, by which spreadsheets know UTF-8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportScope:
    """Whose attempts, contacts and codes: a job's, a campaign's, or, with neither, the whole organisation's."""

    campaign_id: CampaignId | None = None
    job_id: JobId | None = None
    at: datetime  # the moment from which days are counted back


def counts(attempt: Attempt, only: Only, custom: Mapping[str, CustomCode]) -> bool:
    """Whether an attempt counts. `custom`: the organisation's own codes by name."""
    if only is Only.ALL:
        return True
    if attempt.code_source == COMPLIANCE or attempt.code == SystemCode.NOT_LAUNCHED:
        return False
    code = custom.get(attempt.code or "")
    match only:
        case Only.ATTEMPTED:
            return True
        case Only.REACHED:
            return attempt.code is not None and reached(attempt.code, code)
        case Only.SUCCESS:
            return code is not None and code.is_success
