"""`dialer simulate`: a table of pacings for a floor, and plain words for a floor that cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from tests.campaign_texts import STRATEGY
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

QUICK = ("--agents", "6", "--hours", "0.2", "--seeds", "1", "--talk", "exponential 40", "--tick", "1")
TINY = ("--agents", "2", "--hours", "0.1", "--seeds", "1", "--tick", "5")


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *words], catch_exceptions=False, env={"COLUMNS": "160"})
    return result.exit_code, result.output


def test_a_floor_is_simulated_and_the_table_repeats() -> None:
    status, first = run(*QUICK)
    assert status == 0
    for pacing in ("predictive", "progressive, 1 line", "progressive, 2 lines"):
        assert pacing in first
    assert run(*QUICK) == (0, first)
    assert run(*QUICK, "--first-seed", "2")[1] != first


def test_the_legend_names_the_columns_that_are_there() -> None:
    narrow = subprocess.run(  # a console keeps the width with which it was made
        [sys.executable, "-m", "dialer", "simulate", *TINY],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    for said, everything in ((narrow.stdout, False), (run(*TINY)[1], True)):
        table, _, legend = said.rpartition("└")
        for column, words in (("Given up", "given up:"), ("wait p99", "wait p99:"), ("Occupancy over the day", "the curve goes")):
            assert ((column in table), (words in legend)) == (everything, everything)
        assert ("120 columns show more" in legend) is not everything
    assert max(len(line) for line in narrow.stdout.splitlines()[:-1]) <= 80


def test_a_service_level_is_simulated_beside_the_pacing_without_it() -> None:
    status, said = run(*QUICK, "--service-level", "95", "--answer-within", "0.3")
    assert status == 0, said
    assert "cruise control, 95 % in 0.3 s" in said
    assert "predictive (cruise control)" in said
    assert "wait p99" in said


def test_the_day_is_drawn_into_a_file(tmp_path: Path) -> None:
    status, said = run(*QUICK, "--plot", str(tmp_path / "day.png"))
    assert status == 0, said
    assert (tmp_path / "day.png").read_bytes().startswith(b"\x89PNG")
    status, said = run(*QUICK, "--plot", str(tmp_path / "day.words"))
    assert status == 2
    assert "the picture cannot be written" in said


def test_shifts_say_who_works_when() -> None:
    status, said = run(*QUICK[2:], "--shift", "4: 0-0.1", "--shift", "4: 0.1-0.2")
    assert status == 0, said
    assert "; 5 agent hours simulated" in said, "of six pacings, 0.8 each"


def test_a_campaigns_own_pacing_budget_and_ports_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli_settings: Path
) -> None:
    (tmp_path / "ask.yaml").write_text(STRATEGY)
    (tmp_path / "donors.csv").write_text("name,phone1\nAda,+14155550100\n")
    monkeypatch.chdir(tmp_path)
    created = "campaign create ask --strategy ask.yaml --list donors --code Interested --max-ports 3"
    for words in (
        "migrate",
        "codes add Interested",
        "contacts import donors.csv --list donors",
        f"{created} --pacing progressive --knob lines-per-agent=1.7",
    ):
        done = CliRunner().invoke(app, words.split())
        assert done.exit_code == 0, done.output
    status, said = run("ask", *QUICK)
    assert status == 0, said
    first = next(line for line in said.splitlines() if "%" in line)
    assert "progressive, 1.7 lines" in first
    assert run("nobody", *QUICK)[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--talk", "gamma 3"), "is no length"),
        (("--wrap", "lognormal 20"), "is no length"),
        (("--service-level", "30"), "50 to 100"),
        (("--service-level", "99", "--answer-within", "3"), "whoever waits longer is abandoned"),
        (("--talk", "exponential 10 + 0.5 exponential 90"), "has no weight"),
        (("--persons", "0:0.2, 2:x"), "is no share"),
        (("--persons", "2:0.2, 1:0.3"), "hours in order"),
        (("--persons", "0.8", "--machines", "0.4"), "more calls are answered than are placed"),
        (("--shift", "4: 3-9"), "is no shift"),
        (("--inbound", "many"), "is no number of callers"),
        (("--inbound", "-1"), "each 0 to 1000"),
        (("--shift", "2000: 0-0.1"), "at most 1000"),
    ],
)
def test_a_floor_that_cannot_be_is_refused_in_plain_words(words: tuple[str, ...], said: str) -> None:
    status, told = run("--hours", "0.1", *words)
    assert status == 2
    assert said in told


def test_callers_who_come_first_leave_less_for_the_campaign() -> None:
    def calls(*words: str) -> float:
        status, said = run(*QUICK, *words)
        assert status == 0, said
        line = next(line for line in said.splitlines() if "progressive, 1 line" in line)
        return float([cell.strip() for cell in line.split("│")][7])

    assert calls("--inbound", "3", "--inbound-talk", "exponential 60") < 0.8 * calls()
