"""`dialer strategy` and the next actions of `dialer codes`, as a campaign manager types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.codes import codes_app
from dialer.cli.commands import app
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


@pytest.fixture
def appointment(tmp_path: Path) -> str:
    """Give the shipped strategy that asks by SMS and email."""
    path = tmp_path / "appointment.yaml"
    path.write_text(resource("strategies/appointment.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return str(path)


@pytest.mark.row(55)
def test_a_simulation_shows_what_answers_come_to(appointment: str) -> None:
    replies = ["--reply", "sms: 1=0.3, no, thanks=0.1, STOP=0.02", "--reply", "email: yes=0.1"]
    words = ["simulate", appointment, "--seed", "3", *replies]
    first, again = (CliRunner().invoke(strategy_app, words) for _ in range(2))
    assert (first.exit_code, first.output) == (0, again.output)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in first.output.splitlines() if "│" in line]
    came = {row[0]: row[1] for row in rows if len(row) == 3}
    assert came == {"1": "Confirmed", "STOP": "Opted Out", "no, thanks": "Wants Another Day", "yes": "Confirmed"}
    assert any(row[0] == "Opted Out" and int(row[2]) > 0 for row in rows if len(row) == 4)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("sms 1=0.3", "does not begin with a channel"),
        ("voice: 1=0.3", "does not begin with a channel"),
        ("sms: 1=x", "is no share"),
        ("sms:", "there is no answer"),
        ("sms: 1=0.9, 2=0.2", "above 1 together"),
    ],
)
def test_answers_that_cannot_be_are_told(appointment: str, reply: str, said: str) -> None:
    told = CliRunner().invoke(strategy_app, ["simulate", appointment, "--reply", reply])
    assert (told.exit_code, said in told.output) == (2, True)


def test_answers_by_a_channel_on_which_nothing_is_written_are_told(notice: str) -> None:
    told = CliRunner().invoke(strategy_app, ["simulate", notice, "--reply", "sms: 1=0.3"])
    assert (told.exit_code, "writes nothing by sms" in told.output) == (2, True)


def test_words_of_the_settings_are_reserved_where_strategies_are_checked_and_campaigns_defined(
    appointment: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CliRunner().invoke
    assert run(strategy_app, ["check", appointment]).exit_code == 0
    (tmp_path / "words.toml").write_text('[it]\nstop = ["oui"]\n')
    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{sqlite_url}"\n[replies]\nwords = "words.toml"\n')
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    (tmp_path / "people.csv").write_text("name,mobile\nAda,+14155550100\n")
    for words in (["migrate"], ["contacts", "import", str(tmp_path / "people.csv"), "--list", "people"]):
        done = run(app, words)
        assert done.exit_code == 0, done.output
    for words in (
        ["strategy", "check", appointment],
        ["campaign", "create", "ask", "--strategy", appointment, "--list", "people"],
    ):
        told = run(app, words)
        assert (told.exit_code, "'oui' always means STOP" in told.output) == (2, True), told.output


@pytest.mark.row(137)
def test_a_code_gets_its_next_action(ready_url: str, cli_settings: Path) -> None:
    store = Store(ready_url)
    try:
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
