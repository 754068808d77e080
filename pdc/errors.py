"""What a verb can raise. A verb that raises has changed nothing.

PdcError
├── Unreachable         no server answered
├── NoSession           the call is unknown, or over
├── UnknownCode         no such completion code
├── UnassociatedCode    the code is not this campaign's
├── UnknownAttribute    the contact list has no such attribute
├── UnknownContact      no such contact, or no such list
├── BadValue            a value cannot be kept
├── CallbackRefused     the callback cannot be promised
└── JobEnding           the job takes nobody on any more
"""

from __future__ import annotations

from collections.abc import Mapping


class PdcError(Exception):
    """The root of what a verb can raise; `kind` is the word for it on the wire."""

    kind = "error"


class Unreachable(PdcError):
    """No PDC server answered: neither the primary nor the secondary URL. Nothing is known to have changed."""

    kind = "unreachable"


class NoSession(PdcError):
    """The session is unknown, its nonce is wrong, or its call has ended."""

    kind = "no_session"


class UnknownCode(PdcError):
    """No completion code of that name exists in the organisation."""

    kind = "unknown_code"


class UnassociatedCode(PdcError):
    """The completion code exists but is not associated with this campaign, or is passive."""

    kind = "unassociated_code"


class UnknownAttribute(PdcError):
    """The contact list has no attribute of that name."""

    kind = "unknown_attribute"


class UnknownContact(PdcError):
    """No such contact, or no such contact list."""

    kind = "unknown_contact"


class BadValue(PdcError):
    """A value cannot be kept: too long, not text, not of the attribute's type, not a number that may be called."""

    kind = "bad_value"


class CallbackRefused(PdcError):
    """The callback cannot be promised: too many for this contact, too near to another one, or the job is ending."""

    kind = "callback_refused"


class JobEnding(PdcError):
    """The job is stopping, or over: it calls nobody else."""

    kind = "job_ending"


ERRORS: Mapping[str, type[PdcError]] = {
    error.kind: error
    for error in (
        *(NoSession, UnknownCode, UnassociatedCode, UnknownAttribute, UnknownContact),
        *(BadValue, CallbackRefused, JobEnding, Unreachable, PdcError),
    )
}
"""Every error by its word on the wire."""
