"""A way out to the telephone network, as jobs know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A way out and its caller id."""

    name: str
    caller_id: str
