"""Masked attributes are shown to nobody who may not see them, in no output; apps and strategies see the true value."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.cli.context import os_user
from dialer.errors import Forbidden
from dialer.logs import configure
from dialer.services.contact_cards import cards_of, list_unmaskings, unmask
from dialer.services.organisations import DEFAULT
from dialer.services.pdc import DirectPdc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.store import Store
from pdc import SessionKey
from tests.campaign_texts import STRATEGY
from tests.launch_kit import Launch
from tests.pdc_bench import Nobody

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
SECRET = "4711-0815-7"
ASKS = "      restrictions: [{when: {attribute: id_card, equals: other}}]\n      addresses:"


def give_id_cards(store: Store, value: str = SECRET) -> None:
    """Make every donor's id card known, and masked."""
    org_id = store.read_now(lambda tx: tx.organisations.by_name(DEFAULT))
    ids = store.read_now(lambda tx: [one.id for one in tx.contacts(org_id).page(tx.contact_lists(org_id).by_name("Donors").id)])
    for one in ids:
        store.write_now(lambda tx, one=one: tx.contacts(org_id).set_attribute(one, "id_card", value))  # type: ignore[misc]


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.row(95)
def test_no_output_shows_a_masked_value_and_unmasking_needs_the_right_and_is_on_record(
    cli_settings: Path, ready_url: str, tmp_path: Path
) -> None:
    logs = io.StringIO()
    configure(level="debug", out=logs)
    store = Store(ready_url)
    try:
        org_id = store.write_now(lambda tx: tx.organisations.ensure(DEFAULT))

        async def call() -> None:
            launch = await Launch.ready(store, org_id, count=2, strategy=STRATEGY.replace("      addresses:", ASKS))
            give_id_cards(store)
            (attempt, other) = (await launch.run(NOW)).to_place
            pdc = DirectPdc(store, strategy_of=StrategyShelf(), listener=Nobody(), now=lambda: NOW)
            contact = await pdc.on(SessionKey(attempt_id=attempt.id, nonce=attempt.nonce)).contact()
            assert contact.attributes["id_card"] == SECRET, "an app sees the true value"
            await launch.end(attempt.id, "Call Busy", NOW)
            await launch.end(other.id, "Interested", NOW)

        asyncio.run(call())
    finally:
        store.close_now()
        structlog.reset_defaults()
    run("contacts", "attribute", "id_card", "--type", "string", "--masked")
    rows = tmp_path / "more.csv"
    rows.write_text(f"id,mobile,id_card\nx1,+15550109999,{SECRET}\nx2,,{SECRET}\nx3,+15550109998,\x01{SECRET}\n")
    run("contacts", "import", str(rows), "--list", "Donors", "--errors-to", str(tmp_path / "errors.csv"))
    outputs = [
        run("contacts", "list", "Donors"),
        run("contacts", "show", "d0"),
        run("contacts", "attribute"),
        run("why", "d0"),
        run("attempts"),
        run("export"),
        run("callbacks", "list", "--all"),
        run("campaign", "gates", "Blood"),
        (tmp_path / "errors.csv").read_text(),
        logs.getvalue(),
    ]
    assert not [one for one in outputs if SECRET in one]
    assert "Call Busy" in outputs[1], "what the dialer keeps of the contact is there"
    assert "control character" in outputs[8]
    for words in (("list", "Donors"), ("show", "d0")):
        refused = run("contacts", *words, "--unmask", code=2)
        assert "may not see masked attributes" in refused
        assert SECRET not in refused
    assert "cli:" not in run("contacts", "unmaskings")
    cli_settings.write_text(cli_settings.read_text() + f'[access]\nunmask = ["{os_user()}"]\n')
    assert SECRET in run("contacts", "list", "Donors", "--unmask")
    assert SECRET in run("contacts", "show", "d0", "--unmask")
    seen = run("contacts", "unmaskings")
    assert f"cli:{os_user()}" in seen
    assert "the contact d0" in seen
    assert "the list Donors" in seen


@pytest.mark.row(95)
async def test_each_look_is_on_record_before_it_is_taken_in_its_organisation_only(store: Store) -> None:
    org_id = store.write_now(lambda tx: tx.organisations.ensure(DEFAULT))
    other = store.write_now(lambda tx: tx.organisations.create("Red Crescent"))
    await Launch.ready(store, org_id, count=1)
    with pytest.raises(Forbidden, match="bob may not"):
        await unmask(store, org_id, user="bob", allowed=("ann",), what="the contact d0", by="cli:bob")
    assert await list_unmaskings(store, org_id) == []
    await unmask(store, org_id, user="ann", allowed=("ann",), what="the contact d0", by="cli:ann")
    (look,) = await list_unmaskings(store, org_id)
    assert (look.by, look.what) == ("cli:ann", "the contact d0")
    assert await list_unmaskings(store, other) == []
    (card,) = await cards_of(store, org_id, "d0", unmasked=True)
    assert card.attributes["city"] == "Ankara"
