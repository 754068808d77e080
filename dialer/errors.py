"""Everything that can go wrong, as one tree.

OutdialError
├── BadInput                the user gave us something that cannot be used: names the place, the field and the mend
│   └── BadSettings         several mistakes of the configuration at once
├── NotFound                a name that does not exist in this organisation
├── Conflict                the state of the thing does not allow this now (start a completed job, a name in use)
│   ├── CallbackRefused     one promise too many: the limits of callbacks, or a job that is ending
│   ├── RunTaken            a run of a data source was paused, cancelled or taken by another process
│   └── SourceChanged       what a run had read of its source is not what stands there now
├── Forbidden               a right that the user does not have
├── Forged                  a request that says it is a provider's, and is not signed by it: no change of any state
├── StoreDown               the database cannot commit: nothing may be launched
└── WireError               what became of something that we put on a wire; exactly three verdicts
    ├── NotSent             it surely never left: safe to try again
    ├── Rejected            the other side refused it: never try again unchanged
    └── MaybeSent           nobody knows: reconcile, never repeat blindly
"""

from __future__ import annotations

from collections.abc import Sequence


class OutdialError(Exception):
    """The root; its text is fit to be shown to a user."""


class BadInput(OutdialError):
    """Something a user wrote cannot be used. `where` is a file and line, or a field; `mend` says what to write instead."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(": ".join(part for part in (where, what) if part) + (f" ({mend})" if mend else ""))


class BadSettings(BadInput):
    """All the mistakes of a configuration, reported at once."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class NotFound(OutdialError):
    """A named thing does not exist, or belongs to another organisation."""


class Conflict(OutdialError):
    """What was asked does not fit the present state of the thing."""


class CallbackRefused(Conflict):
    """A callback cannot be promised: too many for the contact, too near to another one, or the job is ending."""


class RunTaken(Conflict):
    """A run of a data source is not this process's any more: paused, cancelled, or taken up by another one."""


class SourceChanged(Conflict):
    """A source has changed while a run was under way: its rows have to be read from the beginning."""


class Forbidden(OutdialError):
    """The user does not have the right to what was asked."""


class Forged(OutdialError):
    """A webhook whose signature is missing or wrong. Answer 403, count it, change nothing."""


class StoreDown(OutdialError):
    """The database did not commit. Whatever was to be written must be taken as not written, or read again."""


class WireError(OutdialError):
    """A message to a gateway or a switch did not end in a plain acceptance."""


class NotSent(WireError):
    """It surely never left this machine, or was refused before it was processed: safe to try again.

    `retry_after_s` is the other side's own word on when, if it said one.
    """

    def __init__(self, what: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(what)


class Rejected(WireError):
    """The other side understood and refused it: trying again unchanged cannot help.

    For a message, `refusal` is one of `domain.message_state.Refusal` and `code` the provider's own number.
    """

    def __init__(self, what: str, *, refusal: str = "", code: str = "") -> None:
        self.refusal, self.code = refusal, code
        super().__init__(what)


class MaybeSent(WireError):
    """The link broke, or the answer did not come in time: it may have been carried out. Reconcile; never repeat."""


def unreadable(exc: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, for a message that names the file already."""
    return (exc.strerror or str(exc)) if isinstance(exc, OSError) else f"it is not UTF-8 (byte {exc.start})"
