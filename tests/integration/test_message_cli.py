"""`dialer message`: what contacts will read, what it costs, and what became of what was sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.message_state import MessageState, Refusal
from dialer.ports import MessageUpdate
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.export_kit import called_job
from tests.integration.test_store_messages import ANNA, NOW, put
from tests.message_world import EMAIL, SMS

pytestmark = pytest.mark.integration


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["message", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.row(111)
def test_a_text_is_shown_as_it_will_be_read_with_the_segments_that_are_billed(tmp_path: Path) -> None:
    path = tmp_path / "write.yaml"
    path.write_text(SMS, encoding="utf-8")
    shown = run("preview", str(path), "--set", "first_name=Anna", "--set", "city=Köln")
    assert "Hello Anna, will you give blood in Köln?" in shown
    assert "1 segment(s) of GSM-7" in shown
    assert "UCS-2" in run("preview", str(path), "--set", "first_name=Zoë", "--set", "city=Köln"), (
        "the alphabet has an é, and no ë"
    )
    shown = run("preview", str(path), "--set", "first_name=Зоя", "--set", "city=" + "Санкт-Петербург " * 3)
    assert "2 segment(s) of UCS-2" in shown
    assert "without a value here: city, first_name" in run("preview", str(path))


def test_a_text_costs_what_its_own_gateway_makes_of_it(tmp_path: Path) -> None:
    path, settings = tmp_path / "write.yaml", tmp_path / "dialer.toml"
    path.write_text(
        SMS.replace('text: "', 'text: "5 € and `: ').replace("sms:", "sms:\n      gateway: centre", 1), encoding="utf-8"
    )
    gateway = 'type = "smpp"\nhost = "127.0.0.1"\nsystem_id = "us"\nsecret = "secret"\nsender = "BloodBank"\n'
    others = f'[[sms_gateway]]\nname = "usual"\n{gateway}'
    settings.write_text(f'{others}[[sms_gateway]]\nname = "centre"\n{gateway}default_alphabet = "latin-1"\n', encoding="utf-8")
    assert "of UCS-2 (because of € `)" in run("preview", str(path), "--config", str(settings))
    path.write_text(path.read_text(encoding="utf-8").replace("gateway: centre", "gateway: usual"), encoding="utf-8")
    assert "of UCS-2 (because of `)" in run("preview", str(path), "--config", str(settings))


def test_a_mail_is_shown_with_its_subject(tmp_path: Path) -> None:
    path = tmp_path / "write.yaml"
    path.write_text(EMAIL, encoding="utf-8")
    shown = run("preview", str(path), "--state", "initial", "--set", "first_name=Zoë", "--set", "city=Köln")
    assert "Subject: Will you come, Zoë?" in shown
    assert "Hello Zoë, we need you in Köln." in shown
    result = CliRunner().invoke(app, ["message", "preview", str(path), "--state", "other"])
    assert (result.exit_code, "no handler with the state 'other' writes to anybody" in result.output) == (2, True)


@ON_SQLITE
async def test_what_was_sent_to_an_address_is_shown_with_the_providers_own_words(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))
    attempt_id = (await called_job(store, org_id)).attempts()[0].id
    put(store, org_id, attempt_id)
    store.write_now(lambda tx: tx.messages.accepted(attempt_id, "twilio", ["SM1"], segments=1))
    news = MessageUpdate(
        gateway="twilio",
        state=MessageState.UNDELIVERED,
        at=NOW,
        provider_id="SM1",
        refusal=Refusal.UNREACHABLE,
        code="30003",
        text="switched off",
    )
    store.write_now(lambda tx: tx.messages.fold(news))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTDIAL__DATABASE__URL", store.url.render_as_string(hide_password=False))
    shown = run("to", ANNA)
    for word in ("twilio", "undelivered", "unreachable 30003 switched off", "SM1"):
        assert word in shown
