"""What befalls a floor in mid-shift: half the agents leave, the list answers otherwise, the dialer dies, desktops are cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dialer.errors import BadInput

EXAMPLES = "half-leave@2, half-leave@2-3.5, answers:10-60@3, kill@4, restart@4 or cut@4; minutes of the shift"
_NUMBER = r"([0-9]{1,4}(?:\.[0-9]{1,3})?)"
_FORM = re.compile(rf"([a-z-]+)(?::{_NUMBER}-{_NUMBER})?@{_NUMBER}(?:-{_NUMBER})?")


class UpheavalKind(StrEnum):
    """What can befall it."""

    HALF_LEAVE = "half-leave"  # every other agent logs out, all in one moment
    ANSWERS = "answers"  # the share of calls that a person answers jumps
    KILL = "kill"  # kill -9 of the dialer; another one is started at once on the same database and switch
    RESTART = "restart"  # an orderly stop, and a start
    CUT = "cut"  # all desktops lose their connection in one moment; they come back by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Upheaval:
    """One of them. Times are seconds of the shift, shares 0 to 1."""

    kind: UpheavalKind
    at_s: float
    until_s: float | None = None  # half-leave: when they come back; None = never
    before: float = 0.0  # answers: the share until then
    after: float = 0.0  # ... and from then on

    def __str__(self) -> str:
        at = f"{int(self.at_s) // 60}:{int(self.at_s) % 60:02}"
        match self.kind:
            case UpheavalKind.HALF_LEAVE:
                return f"{at} half leave"
            case UpheavalKind.ANSWERS:
                return f"{at} {100 * self.before:g} → {100 * self.after:g} % answer"
            case UpheavalKind.KILL:
                return f"{at} kill -9"
            case UpheavalKind.RESTART:
                return f"{at} restart"
            case UpheavalKind.CUT:
                return f"{at} desktops cut off"

    @property
    def cuts_off(self) -> bool:
        """Whether no agent is at the desk for a moment."""
        return self.kind in (UpheavalKind.KILL, UpheavalKind.RESTART, UpheavalKind.CUT)


def read_upheaval(text: str) -> Upheaval:
    """An upheaval as it is written: `half-leave@2`. Raises BadInput."""
    found = _FORM.fullmatch(text.strip().casefold().replace("%", ""))
    kind = next((one for one in UpheavalKind if found is not None and one.value == found[1]), None)
    if found is None or kind is None:
        raise BadInput(f"{text!r} is no upheaval", where="upheaval", mend=EXAMPLES)
    _, before, after, at, until = found.groups()
    if (before is not None) is not (kind is UpheavalKind.ANSWERS):
        because = "needs the shares before and after" if before is None else "takes no shares"
        raise BadInput(f"{text!r}: {kind.value} {because}", where="upheaval", mend=EXAMPLES)
    if until is not None and kind is not UpheavalKind.HALF_LEAVE:
        raise BadInput(f"{text!r}: only agents who leave come back", where="upheaval", mend=EXAMPLES)
    if until is not None and float(until) <= float(at):
        raise BadInput(f"{text!r}: they come back before they leave", where="upheaval", mend=EXAMPLES)
    shares = [0.0 if one is None else float(one) / 100 for one in (before, after)]
    if kind is UpheavalKind.ANSWERS and not all(0 < one <= 1 for one in shares):
        raise BadInput(f"{text!r}: a share is more than 0 and at most 100 %", where="upheaval", mend=EXAMPLES)
    return Upheaval(
        kind=kind, at_s=60 * float(at), until_s=None if until is None else 60 * float(until), before=shares[0], after=shares[1]
    )
