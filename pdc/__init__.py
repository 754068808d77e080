"""The Pluggable Data Connector: the contract between an IVR app and the dialer, and its HTTP client."""

from pdc.contract import (
    BadValue,
    CallbackRefused,
    CompletionCode,
    Contact,
    NoSession,
    Pdc,
    PdcError,
    Session,
    SessionKey,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
    Unreachable,
)

__all__ = [
    "BadValue",
    "CallbackRefused",
    "CompletionCode",
    "Contact",
    "NoSession",
    "Pdc",
    "PdcError",
    "Session",
    "SessionKey",
    "UnassociatedCode",
    "UnknownAttribute",
    "UnknownCode",
    "UnknownContact",
    "Unreachable",
]
