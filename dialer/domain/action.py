"""What a custom action is told of the attempt that it is to make."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """One attempt on one contact. The action is asked once: should the dialer die meanwhile, the attempt ends as Unknown."""

    action: str  # the name by which the strategy asked for it
    parameters: Mapping[str, str] = field(default_factory=dict)  # as the strategy gives them
    campaign: str
    job_id: int
    attempt_id: str  # unique for ever: fit to be another system's idempotency key
    handler: str
    contact_id: str  # the user's own id
    address_name: str = ""  # "" where the handler names no addresses
    address: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)  # the contact's, as they are now


class CustomAction(Protocol):
    """A function of a third party, plain or async: it makes the attempt and returns the name of its completion code.

    One of the campaign's codes, or a system code that apps may set; nothing = Action Completed. What it raises, what is no such
    code, and a time limit that passes end the attempt with Application Error.
    """

    def __call__(self, request: ActionRequest, /) -> Awaitable[str | None] | str | None: ...
