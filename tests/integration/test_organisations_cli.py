"""Organisations as an operator makes them: each has its own data, and the commands tell which there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.store.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(sqlite_url: str, cli_settings: Path) -> None:
    store = Store(sqlite_url)
    store.migrate()
    store.close_now()


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == (2 if fails else 0), result.output
    return result.output


@pytest.mark.row(5)
@pytest.mark.usefixtures("ready")
def test_an_organisation_is_added_and_has_codes_that_no_other_sees() -> None:
    run("organisation", "add", "Red Crescent")
    shown = run("organisation", "list")
    assert "default" in shown
    assert "Red Crescent" in shown
    run("codes", "add", "Donates blood", "--org", "Red Crescent")
    assert "Donates blood" in run("codes", "list", "--org", "red crescent")
    assert "Donates blood" not in run("codes", "list")


@pytest.mark.usefixtures("ready")
def test_a_name_is_given_once_and_one_that_is_not_there_is_said_to_be_none() -> None:
    assert "already" in run("organisation", "add", "DEFAULT", fails=True)
    assert "no organisation" in run("codes", "list", "--org", "Nobody's", fails=True)
    assert run("organisation", "add", "  ", fails=True)
