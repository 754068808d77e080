"""What no program could deal with waits for a person, who says so, and deals with it once."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.campaign import JobContactState
from dialer.domain.export import ExportContent, ExportOf, ExportScope
from dialer.domain.ids import OrgId
from dialer.domain.received import InboxState, TakenFor
from dialer.domain.retention import RetentionClass
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.export import export_to
from dialer.services.inbox import assign_message, close_message, list_inbox, show_message
from dialer.services.inbox_opt_outs import opt_out_sender
from dialer.services.retention import run_retention
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.reply_kit import Writing
from tests.retention_kit import archived, of, plan

pytestmark = pytest.mark.integration


async def test_messages_wait_are_assigned_and_closed_once(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "1")
    await writing.says("d1", "what is this about?")
    await writing.says("+4930123456", "hello")
    stranger, known = await list_inbox(store, org_id)
    assert (known.contact, known.campaign, known.received.text) == ("d1", "Blood", "what is this about?")
    assert (stranger.contact, stranger.campaign) == ("", "")
    assert len(await list_inbox(store, org_id, every=True)) == 3
    number = known.received.id
    assert (await assign_message(store, org_id, number, "ann")).assigned_to == "ann"
    assert [one.received.id for one in await list_inbox(store, org_id, assigned_to="ann")] == [number]
    assert [one.received.id for one in await list_inbox(store, org_id, assigned_to="")] == [stranger.received.id]
    closed = await close_message(store, org_id, number, by="ann", note="called her")
    assert (closed.inbox, closed.closed_by, closed.note) == (InboxState.CLOSED, "ann", "called her")
    assert [one.received.id for one in await list_inbox(store, org_id)] == [stranger.received.id]
    with pytest.raises(Conflict, match="ann has closed the message"):
        await close_message(store, org_id, number, by="ben")
    (shown,) = [await show_message(store, org_id, number)]
    assert shown.attempt is not None


async def test_a_person_who_reads_an_opt_out_carries_it_out_as_a_stop_would_have(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "I have no use for this, kindly let me be")
    await writing.says("+4930123456", "whoever you are, never again")
    stranger, known = await list_inbox(store, org_id)
    assert not writing.on_dnc("+15550100000")
    done = await opt_out_sender(store, org_id, known.received.id, writing.strategy_of, by="ann")
    assert (done.taken_for, done.code, done.inbox, done.closed_by) == (TakenFor.OPT_OUT, "Opted Out", InboxState.CLOSED, "ann")
    assert done.answer == "", "a confirmation would come too late"
    assert writing.on_dnc("+15550100000")
    assert writing.attempt("d0").code == "Opted Out"
    place = writing.launch.place("d0")
    assert place is not None
    assert place.state is JobContactState.FINISHED
    await opt_out_sender(store, org_id, stranger.received.id, writing.strategy_of, by="ann")
    assert writing.on_dnc("+4930123456")
    with pytest.raises(Conflict, match="waits for nobody"):
        await opt_out_sender(store, org_id, known.received.id, writing.strategy_of, by="ben")
    assert await list_inbox(store, org_id) == []
    await writing.says("d0", "START")
    assert not writing.on_dnc("+15550100000"), "it was the contact's own wish, and so is this"


@ON_SQLITE
async def test_what_was_dealt_with_or_is_not_there_cannot_be_assigned(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    heard = await writing.says("d0", "1")
    assert heard.message is not None
    with pytest.raises(Conflict, match="dealt with by itself"):
        await assign_message(store, org_id, heard.message.id, "ann")
    other = await store.write(lambda tx: tx.organisations.ensure("Other"))
    with pytest.raises(NotFound):
        await show_message(store, other, heard.message.id)
    await writing.says("d1", "what?")
    with pytest.raises(BadInput, match="too long"):
        await close_message(store, org_id, (await list_inbox(store, org_id))[0].received.id, by="ann", note="x" * 301)


@ON_SQLITE
async def test_the_inbox_can_be_exported_and_no_cell_is_a_formula(store: Store, org_id: OrgId) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "1")
    await writing.says("d1", '=HYPERLINK("http://x")\n@sum')
    out = io.BytesIO()
    content = ExportContent(of=ExportOf.INBOX, columns=("contact_id", "text", "taken_for", "code", "inbox"))
    assert export_to(store, org_id, content, ExportScope(at=datetime.now(UTC)), out) == 2
    rows = list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))
    assert rows[1] == ["d0", "1", "reply", "Interested", "none"]
    assert rows[2][0] == "d1"
    assert not rows[2][1].startswith("=")


def test_the_inbox_from_the_command_line(ready_url: str, cli_settings: Path) -> None:
    store = Store(ready_url)
    org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))

    async def write() -> None:
        writing = await Writing.delivered(store, org_id)
        await writing.says("d0", "1")
        await writing.says("d1", "what [bold]is[/] this?")
        await writing.says("d2", "kindly let me be")

    asyncio.run(write())
    store.close_now()

    def run(*words: str, fails: bool = False) -> str:
        result = CliRunner().invoke(app, ["inbox", *words], catch_exceptions=False)
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    assert "what [bold]is[/] this?" in run("list")
    assert "Interested" in run("list", "--all")
    assert "Interested" not in run("list")
    shown = run("show", "2")
    assert "not understood" in shown
    assert "No Match" in shown
    assert run("assign", "2", "ann") == "message 2: ann looks after it\n"
    assert "with ann" in run("list", "--assigned", "ann")
    assert run("close", "2", "--note", "called her").startswith("message 2: closed by cli:")
    assert "has closed the message 2 already" in run("close", "2", fails=True)
    assert run("opt-out", "3").startswith("message 3: +15550100002 is on the DNC list; closed by cli:")
    assert "waits for nobody" in run("opt-out", "3", fails=True)
    assert "no message 9 was received" in run("show", "9", fails=True)


async def test_what_is_dealt_with_grows_old_and_what_waits_does_not(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    writing = await Writing.delivered(store, org_id)
    await writing.says("d0", "1")
    await writing.says("d1", "what?")
    later = datetime.now(UTC) + timedelta(days=40)
    run = run_retention(store, plan(tmp_path, received=30), by="test", now=later)
    assert of(run, RetentionClass.RECEIVED).purged == 1
    assert [one.text for one in writing.kept()] == ["what?"]
    (kept,) = archived(tmp_path)
    assert (kept["table"], kept["text"], kept["code"]) == ("received_messages", "1", "Interested")
