"""Rules across campaigns: how often a person or a number may be called in a while, whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.codes import SystemCode, name_key
from dialer.domain.contact import Address
from dialer.domain.ids import CampaignId


class Per(StrEnum):
    """Whose attempts are counted together."""

    PERSON = "person"  # all attempts to contacts with the same user's id, on whatever list and at whatever address
    ADDRESS = "address"  # all attempts to the same address, whoever it belongs to


class Then(StrEnum):
    """What becomes of a contact that a rule holds back."""

    WAIT = "wait"  # it is tried again when the rule lets it
    FINISH = "finish"  # it leaves the job, with the rule's code


class Kind(StrEnum):
    """What sort of attempt is about to be made; a rule can exempt some."""

    CAMPAIGN = "campaign"  # the job's own turn, retries included
    CALLBACK = "callback"  # the contact was promised a call at this time
    PREVIEW = "preview"  # an agent has looked at the contact and asks for the call
    MANUAL = "manual"  # an agent dials by hand
    REDIAL = "redial"  # an agent calls the same contact again from wrap-up


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """At most `max_attempts` within `window_s` seconds; the next one waits until enough of them are that old.

    With `codes`, only attempts that ended with one of these count; with `only_last` too, the rule holds only while the
    latest of the attempts ended so, and then all of them count.
    """

    name: str
    max_attempts: int
    window_s: float
    per: Per = Per.PERSON
    channel: str = ""  # "" = all channels together
    codes: tuple[str, ...] = ()
    only_last: bool = False
    campaigns: tuple[CampaignId, ...] = ()  # () = all
    zones: tuple[str, ...] = ()  # it holds for addresses in these time zones alone; () = everywhere ...
    except_zones: tuple[str, ...] = ()  # ... but not in these
    exempt: tuple[Kind, ...] = ()
    then: Then = Then.WAIT
    code: str = SystemCode.RESTRICTED_OTHER.value  # with FINISH: what the attempt without a call is closed with
    active: bool = True
    position: int = 100  # rules are asked in this order; the first one that holds gives the reason
    system: bool = False  # shipped: may be edited and switched off, not deleted

    @property
    def said(self) -> str:
        """How its name stands in a reason."""
        return f"rule {self.name!r}"

    @property
    def window(self) -> timedelta:
        """How far back the rule looks."""
        return timedelta(seconds=self.window_s)

    def holds_in(self, zones: Sequence[str]) -> bool:
        """Whether it holds for an address that may be in any of these time zones: in doubt, and where none is known, it does."""
        return not zones or any((not self.zones or one in self.zones) and one not in self.except_zones for one in zones)


# Both come from the regulators' view of predictive dialling (Ofcom: a silent or abandoned call bars the number for 72 hours
# unless a person is sure to be there; a detected machine for 24). The first is on: nobody should be annoyed twice. The second
# is off, because an IVR campaign always has something to say and its strategy decides when to try a machine again.
SOMEBODY_IS_THERE = (Kind.CALLBACK, Kind.PREVIEW, Kind.MANUAL, Kind.REDIAL)
NUISANCE_72H = Rule(
    name="72 hours after a nuisance call",
    max_attempts=1,
    window_s=72 * 3600,
    per=Per.ADDRESS,
    codes=(SystemCode.NUISANCE_CALL.value,),
    exempt=SOMEBODY_IS_THERE,
    position=1,
    system=True,
)
MACHINE_24H = Rule(
    name="24 hours after an answering machine",
    max_attempts=1,
    window_s=24 * 3600,
    per=Per.ADDRESS,
    codes=(SystemCode.ANSWER_MACHINE.value, SystemCode.MESSAGE_LEFT.value),
    exempt=SOMEBODY_IS_THERE,
    active=False,
    position=2,
    system=True,
)
SYSTEM_RULES: Mapping[str, Rule] = {name_key(rule.name): rule for rule in (NUISANCE_72H, MACHINE_24H)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier attempt that may count. `own`: it was made to the person who is about to be called."""

    at: datetime
    address: str
    own: bool
    code: str | None = None  # None: it is still up
    channel: str = "voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A rule says no. `until` is when it will say yes; None = never in this job."""

    rule: str
    because: str
    until: datetime | None
    code: str = ""  # with no `until`: the code


def in_force(rules: Iterable[Rule], campaign_id: CampaignId, kind: Kind = Kind.CAMPAIGN, channel: str = "voice") -> list[Rule]:
    """The rules that are asked about such an attempt, in their order."""
    asked = [
        rule
        for rule in rules
        if rule.active
        and (not rule.campaigns or campaign_id in rule.campaigns)
        and kind not in rule.exempt
        and rule.channel in ("", channel)
    ]
    return sorted(asked, key=lambda rule: (rule.position, name_key(rule.name)))


def holds(rules: Sequence[Rule], addresses: Iterable[Address], past: Sequence[Past], now: datetime) -> dict[str, Held]:
    """Which of a person's addresses may not be used now, each with the first rule in the way. `rules` are `in_force`.

    An address without a value asks for the person alone: rules about single addresses say nothing of it.
    """
    found: dict[str, Held] = {}
    for address in addresses:
        for rule in rules:
            if not rule.holds_in(address.zones) or (rule.per is Per.ADDRESS and not address.value):
                continue
            counted = [one for one in past if (one.own if rule.per is Per.PERSON else one.address == address.value)]
            held = _held(rule, counted, now)
            if held is not None:
                found[address.value] = held
                break
    return found


def _held(rule: Rule, past: Sequence[Past], now: datetime) -> Held | None:
    counted = sorted((one for one in past if rule.channel in ("", one.channel)), key=lambda one: one.at)
    keys = {name_key(code) for code in rule.codes}
    if keys and rule.only_last:
        ended = [one for one in counted if one.code is not None]
        if not ended or name_key(ended[-1].code or "") not in keys:
            return None
    elif keys:
        counted = [one for one in counted if one.code is not None and name_key(one.code) in keys]
    recent = [one for one in counted if one.at > now - rule.window]
    if len(recent) < rule.max_attempts:
        return None
    which = f" ended with {', '.join(rule.codes)}" if rule.codes else ""
    said = f"{rule.said}: {len(recent)} of {rule.max_attempts} in {_span(rule.window_s)}{which}"
    if rule.then is Then.FINISH:
        return Held(rule=rule.name, because=said, until=None, code=rule.code)
    return Held(rule=rule.name, because=said, until=recent[-rule.max_attempts].at + rule.window)


def _span(seconds: float) -> str:
    for unit, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit and seconds % unit == 0:
            return f"{seconds / unit:g} {word}"
    return f"{seconds / 3600:g} hours" if seconds % 360 == 0 else f"{seconds:g} s"
