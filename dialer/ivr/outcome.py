"""What an IVR app says at its end: the completion code of the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialer.domain.codes import SystemCode


@dataclass(frozen=True, slots=True)
class Outcome:
    """The name of a completion code: one of the campaign's own, or one of the system codes below.

    `menu` and `ask` answer with NO_INPUT or NO_MATCH in the place of a key, so an app may return what they gave.
    """

    code: str

    NO_INPUT: ClassVar[Outcome]  # asked, and no key was pressed
    NO_MATCH: ClassVar[Outcome]  # asked, and only keys that mean nothing were pressed
    OPTED_OUT: ClassVar[Outcome]  # never call again; set after `call.pdc.opt_out`
    MESSAGE_PLAYED: ClassVar[Outcome]  # a person heard the announcement to its end
    MESSAGE_LEFT: ClassVar[Outcome]  # a machine has the message
    ANSWER_HUMAN: ClassVar[Outcome]  # a person answered; there is no more to say of it
    ANSWER_MACHINE: ClassVar[Outcome]  # a machine answered, and no message was left
    APPLICATION_ERROR: ClassVar[Outcome]  # the app could not do its work


Outcome.NO_INPUT = Outcome(SystemCode.NO_INPUT.value)
Outcome.NO_MATCH = Outcome(SystemCode.NO_MATCH.value)
Outcome.OPTED_OUT = Outcome(SystemCode.OPTED_OUT.value)
Outcome.MESSAGE_PLAYED = Outcome(SystemCode.MESSAGE_PLAYED.value)
Outcome.MESSAGE_LEFT = Outcome(SystemCode.MESSAGE_LEFT.value)
Outcome.ANSWER_HUMAN = Outcome(SystemCode.ANSWER_HUMAN.value)
Outcome.ANSWER_MACHINE = Outcome(SystemCode.ANSWER_MACHINE.value)
Outcome.APPLICATION_ERROR = Outcome(SystemCode.APPLICATION_ERROR.value)
