"""Hold every test module to one category, named by its mark and by its folder alike."""

from __future__ import annotations

from collections.abc import Iterable

# From quick to slow: a small mistake is shown before the telephone lab is started.
CATEGORIES = ("unit", "contract", "integration", "acceptance", "faults")


def complaint_about(path: str, marks: Iterable[str]) -> str:
    """Say what is wrong with the category of the test module at `path` (relative to the tests folder), or nothing."""
    folder = path.split("/")[0] if "/" in path else ""
    found = [name for name in CATEGORIES if name in set(marks)]
    if folder not in CATEGORIES:
        return f"{path}: a test module lives in one of the folders {', '.join(CATEGORIES)}"
    if found != [folder]:
        said = f"it is marked {' and '.join(found)}" if found else "it has no category mark"
        return f"{path}: {said}; write `pytestmark = pytest.mark.{folder}` at its top, or move it to the folder of its category"
    return ""


def rank(marks: Iterable[str]) -> int:
    """Give the place of a test in the run: unit tests come first."""
    present = set(marks)
    return next((place for place, name in enumerate(CATEGORIES) if name in present), len(CATEGORIES))
