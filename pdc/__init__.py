"""The Pluggable Data Connector: the contract between an IVR app and the dialer, and its HTTP client."""

from pdc.contract import CallPdc, Pdc, SessionPdc
from pdc.errors import (
    BadValue,
    CallbackRefused,
    JobEnding,
    NoSession,
    PdcError,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
    Unreachable,
)
from pdc.values import Attribute, CompletionCode, Contact, ListStatus, Phone, Session, SessionKey

__all__ = [
    "Attribute",
    "BadValue",
    "CallPdc",
    "CallbackRefused",
    "CompletionCode",
    "Contact",
    "JobEnding",
    "ListStatus",
    "NoSession",
    "Pdc",
    "PdcError",
    "Phone",
    "Session",
    "SessionKey",
    "SessionPdc",
    "UnassociatedCode",
    "UnknownAttribute",
    "UnknownCode",
    "UnknownContact",
    "Unreachable",
]
