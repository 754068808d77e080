"""Answers and bounces that land in a real mailbox come to a running dialer over IMAP: each is matched, and gives its code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dialer.app_messages import make_messages, make_replies
from dialer.domain.codes import CustomCode
from dialer.domain.ids import OrgId
from dialer.domain.received import Received, TakenFor
from dialer.lab.fake_mail import FakeMail
from dialer.lab.mail_answers import reply_to
from dialer.lab.truth_log import TruthLog
from dialer.services.codes import create_code
from dialer.settings import load_settings
from dialer.store.store import Store
from dialer.testing.voice import FakeVoice
from tests.dovecot_kit import PASSWORD, USER, Dovecot, dovecot
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.message_world import made, person, start_writing

pytestmark = [pytest.mark.integration, ON_SQLITE]

STRATEGY = """\
strategy: write
status: completed
handlers:
  - state: initial
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "Will you come, ${first_name}?"
      text: "Answer 1 for yes. STOP ends messages."
      results: {otherwise: done, Email Sent: {next_state: wait}}
      wait: {for_s: 86400}
      replies: {rows: [{words: ["1"], code: Coming, set: {city: "${reply}"}}]}
"""


@asynccontextmanager
async def dialer(store: Store, folder: Path, mailbox: Dovecot, world: FakeMail) -> AsyncIterator[None]:
    """Run a dialer whose mails go out to these people, and come back through that mailbox."""
    (folder / "dialer.toml").write_text(
        f"""\
[messages]
secret = "{"s" * 32}"
email_wait_s = 5
[[email_gateway]]
name = "mail"
host = "127.0.0.1"
port = {world.port}
security = "none"
sender = "Blood Service <donate@example.org>"
answers_domain = "answers.example.org"
imap_host = "127.0.0.1"
imap_port = {mailbox.imap}
imap_security = "none"
imap_username = "{USER}"
imap_secret = "{PASSWORD}"
imap_every_s = 2
"""
    )
    settings, clock = load_settings(folder / "dialer.toml", environ={}), FastClock(8.0)
    parts = make_messages(settings, store, clock, lambda address: pytest.fail("nobody is listened to"))
    assert parts is not None
    desk = make_replies(settings, store, clock, parts, {})
    await parts.start()
    more: dict[str, Any] = {"channels": parts.channels, "messages": parts.book, "replies": desk}
    try:
        async with running(store, FakeVoice(clock), clock=clock, **more):
            yield
    finally:
        await parts.stop()


@pytest.mark.row(116)
async def test_answers_and_bounces_in_a_real_mailbox_are_fetched_matched_and_counted_once(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    await create_code(store, org_id, CustomCode(name="Coming"))
    with ExitStack() as stack:
        mailbox = await asyncio.to_thread(stack.enter_context, dovecot())
        world = FakeMail(truth=TruthLog(), answers_to=("127.0.0.1", mailbox.lmtp))
        await world.start()
        people = [person(index, ending) for index, ending in enumerate(("41", "43", "45", "46"))]
        job = await start_writing(store, org_id, STRATEGY, people, codes=("Coming",))

        def codes() -> dict[str, str | None]:
            return {one.address.partition("@")[0][-2:]: one.code for one in made(store, job)}

        def kept() -> list[Received]:
            return store.read_now(lambda tx: tx.received(None).after(0, limit=100))

        ends = {"41": "Coming", "43": "Opted Out", "45": "Email Sent", "46": "Email Bounced"}
        async with dialer(store, tmp_path, mailbox, world):
            await until(lambda: codes() == ends)
            await until(lambda: mailbox.mails(seen=True) == 4)  # he says STOP to our confirmation, too
        assert mailbox.mails(seen=False) == 0
        assert {one.taken_for for one in kept()} == {TakenFor.REPLY, TakenFor.OPT_OUT}
        assert {one.attempt_id for one in kept()} <= {one.id for one in made(store, job)}
        stopped = next(one.sender for one in kept() if one.taken_for is TakenFor.OPT_OUT)
        assert store.read_now(lambda tx: tx.dnc(org_id).listed([stopped])) == {stopped}

        # A dialer that begins anew reads what has come meanwhile, and nothing again.
        before = len(kept())
        ours = next(one.parsed for one in world.kept if one.to.endswith("45@lab.test"))
        await world.answer(ours["To"], ours["Reply-To"], reply_to(ours, ours["To"], "1", automatic=False))
        async with dialer(store, tmp_path, mailbox, world):
            await until(lambda: codes()["45"] == "Coming")
        assert [one.text for one in kept()[before:]] == ["1"]
        await world.stop()
