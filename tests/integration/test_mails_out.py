"""Mails have what belongs to mails: attachments, bounces, and the page at which one click stops them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.domain.message_state import MessageState, Refusal
from dialer.engine.message_channel import EmailChannel
from dialer.engine.message_gateway import MessageGateway
from dialer.ports import EmailOrder
from dialer.services.strategies import load_strategy
from dialer.store.store import Store
from dialer.testing.messages import FakeMessages, FakeReader
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import EMAIL, Post, made, message_of, person, start_writing

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)


@pytest.mark.row(115)
@ON_SQLITE
async def test_a_mail_has_its_attachments_and_a_bounce_is_its_code(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    (tmp_path / "way.pdf").write_bytes(b"%PDF-1.7")
    post = Post(store, CLOCK, patience_s=5.0, attachments=tmp_path)
    bounces = FakeReader(states=(MessageState.BOUNCED,), reason=Refusal.ADDRESS)
    silent = FakeReader(states=())
    port = FakeMessages[EmailOrder](CLOCK, post.inbound.take, readers={"p1x45@lab.test": bounces}, default=silent, name="mail")
    post.add(Channel.EMAIL, port)
    await port.start()
    text = EMAIL.replace("results:", "attachments: [{file: way.pdf, type: application/pdf}]\n      results:")
    job = await start_writing(store, org_id, text, [person(0), person(1)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert {one.address: one.code for one in made(store, job)} == {
        "p0x45@lab.test": "Email Sent",
        "p1x45@lab.test": "Email Bounced",
    }
    first = next(one for one in port.sent if one.address == "p0x45@lab.test")
    assert [(one.name, one.data) for one in first.content.attachments] == [("way.pdf", b"%PDF-1.7")]
    assert first.content is port.sent[1].content, "what is the same for all is prepared once"
    assert first.unsubscribe_url.startswith(f"https://dialer.example.org/u/{first.attempt_id}")
    assert message_of(store, made(store, job)[0]).subject.startswith("Will you come, Zoë")
    assert store.read_now(lambda tx: tx.dnc(org_id).listed(["p1x45@lab.test"])), "nobody writes to a dead mailbox again"
    (tmp_path / "way.pdf").unlink()
    assert "no attachment 'way.pdf'" in post.channels()[Channel.EMAIL].cannot(load_strategy(job.strategy_text).handlers[0])


@pytest.mark.row(115)
@ON_SQLITE
async def test_a_text_may_hold_the_address_at_which_one_click_stops_the_mails(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    post = Post(store, CLOCK, patience_s=0.2)
    port = FakeMessages[EmailOrder](CLOCK, post.inbound.take, default=FakeReader(states=()), name="mail")
    post.add(Channel.EMAIL, port)
    await port.start()
    text = EMAIL.replace("results:", """html: '<a href="${unsubscribe_url}">no more</a>'\n      results:""")
    job = await start_writing(store, org_id, text, [person(0)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    (sent,) = port.sent
    assert sent.content.html is not None
    assert f'<a href="{sent.unsubscribe_url}">no more</a>' in sent.content.html.fill_html(sent.values)
    assert sent.unsubscribe_url.startswith("https://dialer.example.org/u/")
    nowhere = EmailChannel(post.book, [MessageGateway(port=port, clock=CLOCK, sender="x")], patience_s=1.0, attachments=tmp_path)
    assert "no [web] listen and public_url" in nowhere.cannot(load_strategy(text).handlers[0])
