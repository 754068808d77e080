"""What a contact has been through in its present handler: how often it was tried again, and for which codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Retries so far in one handler of one job. `retries` counts all of them, `by_code` those that each code's row caused."""

    retries: int = 0
    by_code: Mapping[str, int] = field(default_factory=dict)  # name_key of the code -> retries
    relaunches: int = 0  # calls that never left and were placed again: no retries, the contact is not to blame
    waits_in: str = ""  # while the contact's state is "wait": the handler whose result table a late code follows

    def after_retry(self, key: str) -> Progress:
        """One retry more, because of the code with this name_key."""
        return replace(self, retries=self.retries + 1, by_code={**self.by_code, key: self.by_code.get(key, 0) + 1})

    def to_json(self) -> dict[str, Any]:
        """The value that is stored with the contact's place in the job; nothing of a contact that has not been tried again."""
        found: dict[str, Any] = {"retries": self.retries, "by_code": dict(self.by_code)} if self.retries or self.by_code else {}
        if self.relaunches:
            found["relaunches"] = self.relaunches
        if self.waits_in:
            found["waits_in"] = self.waits_in
        return found

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Progress:
        """Read what `to_json` wrote; an empty value is a contact that has not been tried again."""
        return cls(
            retries=int(value.get("retries", 0)),
            by_code={str(k): int(v) for k, v in value.get("by_code", {}).items()},
            relaunches=int(value.get("relaunches", 0)),
            waits_in=str(value.get("waits_in", "")),
        )
