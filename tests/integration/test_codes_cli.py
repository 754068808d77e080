"""Completion codes as a campaign manager types them: the catalogue, and codes of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.codes import SystemCode
from dialer.store.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(ready_url: str, cli_settings: Path) -> None:
    store = Store(ready_url)
    store.write_now(lambda tx: tx.organisations.create("Red Crescent"))
    store.close_now()


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, ["codes", *words], catch_exceptions=False)
    assert result.exit_code == (2 if fails else 0), result.output
    return result.output


@pytest.mark.row(1)
@pytest.mark.usefixtures("ready")
def test_the_catalogue_of_system_codes_is_shown_with_meanings_and_cannot_be_changed() -> None:
    shown = run("list", "--system")
    for code in SystemCode:
        assert code.value in shown
        assert code.meaning in shown
    assert "is a system code" in run("edit", "call busy", "--description", "mine", fails=True)
    assert "is a system code" in run("delete", "Call Busy", fails=True)
    assert run("list", "--system") == shown


@pytest.mark.row(2, 5)
@pytest.mark.usefixtures("ready")
def test_codes_of_ones_own_are_added_seen_edited_and_deleted() -> None:
    run("add", "Moved", "--rpc", "--description", "lives elsewhere")
    run("add", "Theirs", "--org", "Red Crescent")
    assert "right party" in run("list")
    assert "Theirs" not in run("list")
    assert "Red Crescent" in run("list", "--all-orgs")
    run("edit", "moved", "--no-rpc", "--success", "--name", "Moved away")
    assert "success" in run("list")
    run("delete", "Theirs", fails=True)
    assert "deleted" in run("delete", "Moved away")
    assert "Moved" not in run("list")
