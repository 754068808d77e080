"""`dialer agent play` and `dialer lab demo floor` say what is wrong with what they are given, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app

pytestmark = pytest.mark.integration


def said(*words: str) -> tuple[int, str]:
    """The exit code, and all that was printed."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False, env={"COLUMNS": "160"})
    return result.exit_code, result.output


def test_seats_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    seats = tmp_path / "seats.txt"
    assert said("agent", "play", "http://127.0.0.1:9", str(seats)) == (
        2,
        f"{seats}: cannot be read: No such file or directory\n",
    )
    seats.write_text("# token phone\n")
    assert "has no seats (TOKEN [PHONE])" in said("agent", "play", "http://127.0.0.1:9", str(seats))[1]
    seats.write_text("token phone and more\n")
    assert "has a line of more than two words (TOKEN [PHONE])" in said("agent", "play", "http://127.0.0.1:9", str(seats))[1]
    seats.write_text("token-1 phone-1\n")
    assert "'long' is no length" in said("agent", "play", "http://127.0.0.1:9", str(seats), "--talk", "long")[1]
    assert "a weight must be above 0" in said("agent", "play", "http://127.0.0.1:9", str(seats), "--code", "Sold:-1")[1]


def test_a_desk_that_is_not_there_is_told(tmp_path: Path) -> None:
    seats = tmp_path / "seats.txt"
    seats.write_text("token-1 phone-1\n")
    code, text = said("agent", "play", "http://127.0.0.1:9", str(seats), "--minutes", "0.05")
    assert code == 2
    assert "no desk answers at http://127.0.0.1:9/" in text


def test_a_floor_that_cannot_be_simulated_is_told() -> None:
    assert "'manual' cannot be simulated (predictive or progressive)" in said("lab", "demo", "floor", "--pacing", "manual")[1]
    assert "the demo takes lognormal lengths" in said("lab", "demo", "floor", "--talk", "exponential 30")[1]
    assert "more calls end in some way than are placed" in said("lab", "demo", "floor", "--persons", "0.99")[1]
