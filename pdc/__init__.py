"""The Pluggable Data Connector: the contract between an IVR app and the dialer, and its HTTP client."""

from pdc.contract import CallPdc, Pdc, SessionPdc
from pdc.errors import (
    BadValue,
    CallbackRefused,
    NoSession,
    PdcError,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
    Unreachable,
)
from pdc.values import CompletionCode, Contact, Session, SessionKey

__all__ = [
    "BadValue",
    "CallPdc",
    "CallbackRefused",
    "CompletionCode",
    "Contact",
    "NoSession",
    "Pdc",
    "PdcError",
    "Session",
    "SessionKey",
    "SessionPdc",
    "UnassociatedCode",
    "UnknownAttribute",
    "UnknownCode",
    "UnknownContact",
    "Unreachable",
]
