"""The table of what is proven is the one that the marks on the tests give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TESTS = """\
import pytest

pytestmark = [pytest.mark.unit, pytest.mark.row(1)]


@pytest.mark.row(2)
@pytest.mark.parametrize("n", [1, 2])
async def test_two(n):
    ledger.row(9)


def test_one():
    pass


@pytest.mark.row(3)
def helper():
    pass
"""


def coverage_table(root: Path, *words: str) -> tuple[int, str]:
    """Run the tool of a project; give its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, root / "tools" / "coverage-table", *words], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with the tool, three rows, and tests of two of them."""
    for folder in ("docs", "tests/unit", "tools"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "coverage-table", tmp_path / "tools")
    (tmp_path / "docs" / "coverage-rows.txt").write_text("# Rows\n1 Codes: One\n2 Codes: Two\n3 Codes: Three\n")
    (tmp_path / "tests" / "unit" / "test_it.py").write_text(TESTS)
    return tmp_path


def test_the_table_in_the_docs_is_what_the_marks_say() -> None:
    code, said = coverage_table(ROOT, "--in-step")
    assert code == 0, said


def test_a_row_shows_the_tests_that_carry_its_mark_and_no_others(project: Path) -> None:
    assert coverage_table(project) == (0, "2 of 3 rows have a test\n")
    lines = (project / "docs" / "coverage.md").read_text().splitlines()
    assert lines[-3:] == [
        "| 1 | Codes: One | `tests/unit/test_it.py::test_two`<br>`tests/unit/test_it.py::test_one` |",
        "| 2 | Codes: Two | `tests/unit/test_it.py::test_two` |",
        "| 3 | Codes: Three | - |",
    ]
    assert coverage_table(project, "--in-step")[0] == 0


def test_a_table_that_is_missing_or_out_of_step_is_told_and_not_touched(project: Path) -> None:
    table, tests = project / "docs" / "coverage.md", project / "tests" / "unit" / "test_it.py"
    assert coverage_table(project, "--in-step")[0] == 1
    assert not table.exists()
    coverage_table(project)
    before = table.read_text()
    tests.write_text(TESTS.replace("pytest.mark.row(2)", "pytest.mark.row(2, 3)"))
    code, said = coverage_table(project, "--in-step")
    assert (code, "run tools/coverage-table" in said) == (1, True)
    assert table.read_text() == before


def test_rows_without_a_test_are_named_when_each_must_have_one(project: Path) -> None:
    coverage_table(project)
    code, said = coverage_table(project, "--check")
    assert (code, said.splitlines()[0]) == (1, "rows without a test: 3 (Codes: Three)")


def test_a_mark_of_a_row_that_is_not_listed_is_a_mistake(project: Path) -> None:
    (project / "tests" / "unit" / "test_it.py").write_text(TESTS.replace("pytest.mark.row(2)", "pytest.mark.row(22)"))
    code, said = coverage_table(project)
    assert (code, "has no row 22" in said) == (1, True)
    assert not (project / "docs" / "coverage.md").exists()
