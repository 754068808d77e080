"""What a mail is after each answer that a mail server may give, or not give, one by one and to several commands at once."""

from __future__ import annotations

import pytest

from dialer.domain.message_state import Refusal
from dialer.errors import MaybeSent, NotSent, Rejected
from tests.patience import PATIENCE_S, until
from tests.scripted_mail import CLOSES, SILENT, scripted

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("pipelining", [False, True])]

MAIL = b"Subject: x\r\n\r\nHello\r\n"
FROM, TO = "bounce+1@mail.example.org", "zoe@lab.test"


async def test_a_mail_goes_octet_by_octet_and_its_commands_together_only_where_the_server_takes_them_so(pipelining: bool) -> None:
    async with scripted(pipelining=pipelining) as (server, pool):
        for _ in range(3):
            assert await pool.send(FROM, TO, MAIL) == "taken"
        assert server.taken == [MAIL + b".\r\n"] * 3
        assert server.heard == ["EHLO", *["MAIL", "RCPT", "DATA", "."] * 3]
        assert server.together == [1, *([3] if pipelining else [1, 1, 1]) * 3]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("command", "answer", "outcome", "refusal"),
    [
        ("MAIL", "550 no", Rejected, Refusal.ACCOUNT),  # of the sender
        ("RCPT", "550 5.1.1 nobody", Rejected, Refusal.ADDRESS),
        ("DATA", "554 no", Rejected, Refusal.CONTENT),
        (".", "554 no", Rejected, Refusal.CONTENT),
        ("MAIL", "451 later", NotSent, ""),
        ("RCPT", "452 later", NotSent, ""),
        ("DATA", "451 later", NotSent, ""),
        (".", "451 later", NotSent, ""),
        ("RCPT", "550-a long\r\n550-explanation\r\n550 5.1.1 nobody", Rejected, Refusal.ADDRESS),
    ],
)
async def test_a_refusal_is_of_the_command_that_was_refused_and_the_connection_goes_on(
    pipelining: bool, command: str, answer: str, outcome: type[Exception], refusal: str
) -> None:
    afterwards = {"MAIL": {"RCPT": "503 no sender", "DATA": "503 no sender"}, "RCPT": {"DATA": "503 nobody"}}.get(command, {})
    says = {command: answer, **(afterwards if pipelining else {})}
    async with scripted(pipelining=pipelining, says=says) as (server, pool):
        with pytest.raises(outcome) as refused:
            await pool.send(FROM, TO, MAIL)
        assert getattr(refused.value, "refusal", "") == refusal
        assert await pool.send(FROM, TO, MAIL) == "taken"
        assert server.connections == 1
        assert len(server.taken) == 1 + (command == ".")


async def test_who_wants_a_mail_for_a_refused_recipient_gets_none(pipelining: bool) -> None:
    async with scripted(pipelining=pipelining, says={"RCPT": "550 5.1.1 nobody"}) as (server, pool):
        with pytest.raises(Rejected):
            await pool.send(FROM, TO, MAIL)
        assert await pool.send(FROM, TO, MAIL) == "taken"
        assert server.taken == [MAIL + b".\r\n"]
        assert server.connections == (2 if pipelining else 1)  # not even an empty one: the connection is closed without a word


@pytest.mark.parametrize(("command", "outcome"), [("MAIL", NotSent), ("RCPT", NotSent), ("DATA", NotSent), (".", MaybeSent)])
async def test_without_an_answer_only_the_last_dot_leaves_a_doubt(
    pipelining: bool, command: str, outcome: type[Exception]
) -> None:
    for trouble in (SILENT, CLOSES, "what?", "25 ok", "9" * 40_000):
        within_s = 1.0 if trouble == SILENT else PATIENCE_S
        async with scripted(pipelining=pipelining, says={command: trouble}, answer_within_s=within_s) as (server, pool):
            with pytest.raises(outcome):
                await pool.send(FROM, TO, MAIL)
            assert len(server.taken) == (command == ".")
            assert await pool.send(FROM, TO, MAIL) == "taken"  # over another connection
            assert server.connections == 2


async def test_an_answer_may_come_in_pieces(pipelining: bool) -> None:
    says = {"MAIL": "250-first\r\n250 second", ".": "250-queued\r\n250 as 7"}
    async with scripted(pipelining=pipelining, says=says, by_octet=True) as (_, pool):
        assert await pool.send(FROM, TO, MAIL) == "queued\nas 7"


async def test_a_goodbye_that_nobody_asked_for_is_the_answer_to_no_later_mail(pipelining: bool) -> None:
    async with scripted(pipelining=pipelining) as (server, pool):
        await pool.send(FROM, TO, MAIL)
        await server.say(server.writers[0], "421 4.4.2 idle for too long")
        await until(lambda: server.writers[0].is_closing())
        assert await pool.send(FROM, TO, MAIL) == "taken"
        assert (len(server.taken), server.connections) == (2, 2)


async def test_no_address_is_read_as_a_command(pipelining: bool) -> None:
    async with scripted(pipelining=pipelining) as (server, pool):
        for sender, recipient in ((FROM, "a@b.test>\r\nRCPT TO:<c@d"), (FROM, "a b@c.test"), ("x\r\nQUIT", TO), (FROM, "a@b\0")):
            with pytest.raises(Rejected):
                await pool.send(sender, recipient, MAIL)
        assert not {"MAIL", "RCPT", "DATA"} & set(server.heard)
