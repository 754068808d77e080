"""Outdial: an outbound dialer and IVR server. For authors of apps: `from dialer import Call, Message, Outcome, ivr_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialer.ivr.call import Call
    from dialer.ivr.message import Message
    from dialer.ivr.outcome import Outcome
    from dialer.ivr.registry import ivr_app

__all__ = ["Call", "Message", "Outcome", "ivr_app"]

_HOMES = {
    "Call": "dialer.ivr.call",
    "Message": "dialer.ivr.message",
    "Outcome": "dialer.ivr.outcome",
    "ivr_app": "dialer.ivr.registry",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: a part of the dialer that runs no IVR apps does not load what they need.
    if name not in _HOMES:
        raise AttributeError(f"module 'dialer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
