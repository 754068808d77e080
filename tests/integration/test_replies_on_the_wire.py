"""People of the laboratory answer over SMPP, through a running engine: each answer counts once, and we answer once at most."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.domain.channel import Channel
from dialer.domain.codes import CustomCode
from dialer.domain.ids import OrgId
from dialer.domain.received import AnswerState, InboxState, Received, TakenFor
from dialer.engine.replies import ReplyDesk
from dialer.lab.fake_smsc import FakeSmsc
from dialer.lab.truth_log import TruthLog
from dialer.message_apps import SHIPPED_MESSAGE_APPS
from dialer.services.codes import create_code
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import OURS, Post, made, person, start_writing
from tests.reply_kit import RULES

pytestmark = [pytest.mark.integration, ON_SQLITE]

STRATEGY = """\
strategy: write
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Will you come, ${first_name}? 1 yes, 2 no"
      results: {otherwise: done, SMS Delivered: {next_state: wait}, No Match: {next_state: wait}}
      wait: {for_s: 24}
      replies:
        rows:
          - {words: ["1"], code: Coming, set: {city: "${reply}"}}
          - {words: ["2"], app: keep_answer, parameters: {code: Not Coming}}
        otherwise: {code: No Match}
"""


@asynccontextmanager
async def centre(store: Store, clock: FastClock) -> AsyncIterator[tuple[Post, ReplyDesk, FakeSmsc]]:
    """A message centre with its people, and a desk for what they write."""
    provider = FakeSmsc(system_id="outdial", password="secret", truth=TruthLog())
    await provider.start()
    config = SmppConfig(
        name="centre",
        host="127.0.0.1",
        port=provider.port,
        system_id="outdial",
        password="secret",
        sender=OURS,
        tag_messages=True,
    )
    post = Post(store, clock)
    port = SmppSms(config, clock, post.inbound.take)
    post.add(Channel.SMS, port)
    desk = ReplyDesk(store=store, clock=clock, rules=RULES, gateways=post.book.gateways, apps=SHIPPED_MESSAGE_APPS)
    post.inbound.received = desk.take
    await port.start()
    try:
        yield post, desk, provider
    finally:
        await port.stop()
        await provider.stop()


@pytest.mark.row(113, 114)
async def test_people_answer_over_smpp(store: Store, org_id: OrgId) -> None:
    for name in ("Coming", "Not Coming"):
        await create_code(store, org_id, CustomCode(name=name))
    clock = FastClock(8.0)
    async with centre(store, clock) as (post, desk, provider):
        people = [person(index, ending) for index, ending in enumerate(("41", "42", "43", "44", "45", "49"))]
        job = await start_writing(store, org_id, STRATEGY, people, codes=("Coming", "Not Coming"))
        async with post.engine(clock, replies=desk):
            await until(completed(store, job.id))

            def kept() -> list[Received]:
                return store.read_now(lambda tx: tx.received(None).after(0, limit=100))

            await until(lambda: all(one.answer_state not in (AnswerState.DUE, AnswerState.SENDING) for one in kept()))
        assert {one.address[-2:]: one.code for one in made(store, job)} == {
            "41": "Coming",
            "42": "Not Coming",
            "43": "Opted Out",
            "44": "SMS Delivered",  # "who is this?" is a call for help, and no answer
            "45": "SMS Delivered",
            "49": "No Match",
        }
        attempts = {one.id for one in made(store, job)}
        sent = [str(one["text"]) for one in provider.truth.accepted() if one["attempt_id"] not in attempts]
        # He says STOP to our confirmation, too, and she asks again who we are.
        assert sorted(text.partition(": ")[2][:12] for text in sent) == ["reply STOP t", "you will get"]
        assert [one.text for one in kept() if one.inbox is InboxState.OPEN] == ["I am out of office until Monday."]
        (stop, *again) = [one for one in kept() if one.taken_for is TakenFor.OPT_OUT]
        assert all(one.answer_state is AnswerState.NONE for one in again)
        assert store.read_now(lambda tx: tx.dnc(org_id).listed([stop.sender]))
