"""`dialer strategy` and the next actions of `dialer codes`, as a campaign manager types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.codes import codes_app
from dialer.cli.strategy import strategy_app
from dialer.domain.codes import BlockScope, NextAction
from dialer.resources import resource
from dialer.store.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture
def notice(tmp_path: Path) -> str:
    """Give the shipped strategy as a file."""
    path = tmp_path / "notice.yaml"
    path.write_text(resource("strategies/credit_card_notice.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return str(path)


def test_a_strategy_is_checked_and_drawn(notice: str) -> None:
    checked = CliRunner().invoke(strategy_app, ["check", notice])
    assert (checked.exit_code, "2 handler(s), a selector, no mistakes" in checked.output) == (0, True)
    assert "[friendly] rings mobile" in CliRunner().invoke(strategy_app, ["show", notice]).output
    assert CliRunner().invoke(strategy_app, ["show", notice, "--format", "mermaid"]).output.startswith("stateDiagram-v2")


@pytest.mark.row(55)
def test_a_simulation_prints_the_same_table_for_the_same_seed(notice: str) -> None:
    words = ["simulate", notice, "--seed", "3", "--outcome", "call busy=1", "--outcome", "Mine=1", "--attribute", "days_late=5"]
    first, again = (CliRunner().invoke(strategy_app, words) for _ in range(2))
    assert (first.exit_code, first.output) == (0, again.output)
    assert "Call Busy" in first.output
    assert "1000 contacts" in first.output


@pytest.mark.parametrize("wrong", [["--outcome", "busy"], ["--zone", "Nowhere"], ["--start", "soon"], ["--outcome", "Mine=0"]])
def test_what_cannot_be_simulated_is_told(notice: str, wrong: list[str]) -> None:
    assert CliRunner().invoke(strategy_app, ["simulate", notice, *wrong]).exit_code == 2


@pytest.mark.row(137)
def test_a_code_gets_its_next_action(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{sqlite_url}"\n')
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    store = Store(sqlite_url)
    try:
        store.migrate()
        run = CliRunner().invoke
        added = run(codes_app, ["add", "Wrong person", "--next-action", "block_number", "--block-scope", "common"])
        assert added.exit_code == 0, added.output
        assert run(codes_app, ["edit", "wrong person", "--schedule-after-s", "60"]).exit_code == 0
        assert run(codes_app, ["add", "Both", "--closure", "--next-action", "schedule"]).exit_code == 2
        assert run(codes_app, ["record", "nobody", "Wrong person"]).exit_code == 2
        (code,) = store.read_now(lambda tx: tx.codes(tx.organisations.by_name("default")).all())
        assert (code.next_action, code.block_scope, code.schedule_after_s) == (NextAction.BLOCK_NUMBER, BlockScope.COMMON, 60)
    finally:
        store.close_now()
