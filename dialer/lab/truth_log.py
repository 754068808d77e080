"""Each gateway of the laboratory writes down what it really did: the dialer's own account is judged against it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class TruthLog:
    """JSON lines, each written whole before the gateway answers; also kept in memory where no file is wanted.

    `event` is one of: accepted (from then on the message is the gateway's), refused, told (news that the other side took),
    replied. `attempt_id` is our id, as it came over the wire, or "".
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1, encoding="utf-8") if path is not None else None

    def write(self, gateway: str, event: str, **facts: object) -> None:
        """Note one thing that happened."""
        entry = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "gateway": gateway, "event": event, **facts}
        self.entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def accepted(self, attempt_id: str = "") -> list[dict[str, Any]]:
        """The messages that were accepted, of one attempt or of all."""
        return [one for one in self.entries if one["event"] == "accepted" and attempt_id in ("", one["attempt_id"])]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_truth_log(path: Path) -> list[dict[str, Any]]:
    """All entries in order. A line that is being written is left for the next reading."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]
