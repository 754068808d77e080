"""Whoever asks a command what stands there changes nothing by asking, and what makes no sense is said, not passed over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.rules import Kind, Rule, Then
from dialer.services.organisations import DEFAULT
from dialer.services.rules import list_rules
from dialer.store.store import Store
from tests.campaign_texts import STRATEGY

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(sqlite_url: str, cli_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(sqlite_url)
    store.migrate()
    store.close_now()
    (tmp_path / "ask.yaml").write_text(STRATEGY)
    (tmp_path / "donors.csv").write_text("name,phone1\nAda,+14155550100\n")
    monkeypatch.chdir(tmp_path)


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == (2 if fails else 0), result.output
    return result.output


@pytest.mark.row(95)
@pytest.mark.usefixtures("ready")
def test_to_look_at_an_attribute_does_not_unmask_it() -> None:
    assert "nothing was said of id_card" in run("contacts", "attribute", "id_card")
    assert "yes" in run("contacts", "attribute", "id_card", "--masked")
    run("contacts", "attribute", "age", "--type", "integer")
    looked = run("contacts", "attribute", "ID_Card")
    assert "yes" in looked
    assert "age" not in looked
    changed = run("contacts", "attribute", "id_card", "--type", "integer")
    assert ("integer" in changed, "yes" in changed) == (True, True), "what is not given stays as it is"
    assert "yes" not in run("contacts", "attribute", "id_card", "--shown")
    assert "of which attribute?" in run("contacts", "attribute", "--masked", fails=True)


@pytest.mark.row(100)
@pytest.mark.usefixtures("ready")
def test_to_look_at_a_dnc_group_does_not_empty_it_and_at_a_campaign_does_not_free_it() -> None:
    run("contacts", "import", "donors.csv", "--list", "Donors")
    run("codes", "add", "Interested")
    run("campaign", "create", "Ask", "--code", "Interested", "--strategy", "ask.yaml", "--list", "Donors")
    run("dnc", "lists", "--create", "Asked in May")
    run("dnc", "group", "Wishes", "--list", "Asked in May")
    assert "Wishes" in run("dnc", "campaign", "Ask", "--group", "Wishes")
    assert "Asked in May" in run("dnc", "group", "wishes")
    assert "Asked in May" in run("dnc", "group")
    assert "Ask: Wishes" in run("dnc", "campaign", "ask")
    assert "there are: Wishes" in run("dnc", "group", "Wish", fails=True)
    assert "which group?" in run("dnc", "group", "--list", "Asked in May", fails=True)
    assert "Asked in May" not in run("dnc", "group", "Wishes", "--list", "")
    assert "only the lists that always apply" in run("dnc", "campaign", "Ask", "--group", "")


@pytest.mark.row(58, 59)
@pytest.mark.usefixtures("ready")
def test_what_a_rule_was_given_can_be_taken_from_it_again(sqlite_url: str) -> None:
    run("contacts", "import", "donors.csv", "--list", "Donors")
    run("codes", "add", "Interested")
    run("codes", "add", "Enough")
    run("campaign", "create", "Ask", "--code", "Interested", "--strategy", "ask.yaml", "--list", "Donors")
    given = ("--campaign", "Ask", "--code", "Interested", "--exempt", "manual", "--finish-with", "Enough")
    run("rules", "add", "Odd", *given)

    def rule() -> Rule:
        store = Store(sqlite_url)
        try:
            org_id = store.read_now(lambda tx: tx.organisations.by_name(DEFAULT))
            return next(one for one in asyncio.run(list_rules(store, org_id)) if one.name == "Odd")
        finally:
            store.close_now()

    made = rule()
    assert (made.codes, made.exempt, made.then, made.code) == (("Interested",), (Kind.MANUAL,), Then.FINISH, "Enough")
    assert len(made.campaigns) == 1
    run("rules", "edit", "Odd", "--campaign", "", "--code", "", "--exempt-nobody", "--finish-with", "")
    bare = rule()
    assert (bare.codes, bare.exempt, bare.then, bare.campaigns) == ((), (), Then.WAIT, ())
    assert "somebody and nobody" in run("rules", "edit", "Odd", "--exempt-nobody", "--exempt", "manual", fails=True)


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("contacts", "phone-check", "--country", "90", "--prefix", "0"), "a prefix goes with a length"),
        (("contacts", "phone-check", "--country", "90"), "what of that country?"),
        (("contacts", "phone-check", "--length", "10", "10"), "a format belongs to a country"),
        (("contacts", "phone-check", "--length", "9", "10", "--country", "90", "--prefix", "a"), "'a' cannot be dialled"),
        (("rules", "edit", "72 hours after a nuisance call", "--hours", "nan"), "nan"),
        (("callbacks", "limits", "--minutes", "nan"), "nan"),
        (("callbacks", "limits", "--retry", "inf"), "inf"),
        (("rules", "add", "Odd", "--zone", "Europe/Berlin", "--not-in-zone", "Europe/Berlin"), "does not hold there"),
    ],
)
def test_what_would_be_passed_over_is_refused(words: tuple[str, ...], says: str) -> None:
    assert says in run(*words, fails=True)
