"""`dialer simulate`: a table of pacings for a floor, and plain words for a floor that cannot be."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app

pytestmark = pytest.mark.integration


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *words], catch_exceptions=False)
    return result.exit_code, result.output


def test_a_floor_is_simulated_and_the_table_repeats() -> None:
    words = ("--agents", "6", "--hours", "0.3", "--seeds", "1", "--talk", "exponential 40")
    status, first = run(*words)
    assert status == 0
    for pacing in ("predictive", "progressive, 1 line", "progressive, 2 lines"):
        assert pacing in first
    assert run(*words) == (0, first)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--talk", "gamma 3"), "is no length"),
        (("--wrap", "lognormal 20"), "is no length"),
        (("--persons", "0:0.2, 2:x"), "is no share"),
        (("--persons", "2:0.2, 1:0.3"), "hours in order"),
        (("--persons", "0.8", "--machines", "0.4"), "more calls are answered than are placed"),
    ],
)
def test_a_floor_that_cannot_be_is_refused_in_plain_words(words: tuple[str, ...], said: str) -> None:
    status, told = run("--hours", "0.1", *words)
    assert status == 2
    assert said in told
