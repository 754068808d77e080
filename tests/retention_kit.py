"""How long things are kept, for tests; and what an archive holds."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from dialer.domain.retention import ClassReport, RetentionClass, RetentionPlan, RetentionRun


def plan(folder: Path, **more: Any) -> RetentionPlan:
    """A plan with its folders under `folder`; `attempts=90` and the like are days, everything else is a field of the plan."""
    kinds = {kind.value for kind in RetentionClass}
    days = {RetentionClass(name): value for name, value in more.items() if name in kinds}
    folders = {kind: folder / kind.value for kind in (RetentionClass.RECORDINGS, RetentionClass.PROMPTS, RetentionClass.EXPORTS)}
    folders[RetentionClass.ARCHIVES] = folder / "archive"
    fields = {name: value for name, value in more.items() if name not in kinds}
    return replace(RetentionPlan(days=days, archive=folder / "archive", folders=folders), **fields)


def archived(folder: Path) -> list[dict[str, Any]]:
    """Every row in the whole files of an archive."""
    found = []
    for path in sorted((folder / "archive").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += [json.loads(line) for line in lines]
    return found


def of(run: RetentionRun | None, kind: RetentionClass) -> ClassReport:
    """What a run did about a class."""
    assert run is not None
    return next(one for one in run.report if one.of is kind)
