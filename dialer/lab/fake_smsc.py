"""A message centre for the laboratory: SMPP 3.4 with receipts and answers, which misbehaves where it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from dialer.closing import accept_no_more
from dialer.domain.message_state import MessageState
from dialer.domain.sms_text import Alphabet, CentreAlphabet, alphabet_of, from_centre, to_centre
from dialer.lab.message_behaviours import GatewayFault, MessageBehaviour, message_behaviour_of
from dialer.lab.truth_log import TruthLog
from dialer.smpp_pdu import (
    Address,
    Bind,
    Command,
    Malformed,
    Pdu,
    QueryAnswer,
    ShortMessage,
    Status,
    Tag,
    c_string,
    parse_query,
    read_pdu,
)
from dialer.tasks import Tasks

STEP_S = 0.03  # between one news and the next
SLOW_S = 2.0
ANSWER_S = 2.0  # how long an answer to a delivery is waited for
TRIES = 20  # of one delivery
BARRED = 0x0455  # of a vendor's range: "the subscriber has opted out"
WORDS = {
    MessageState.SENT: ("ENROUTE", 1),
    MessageState.DELIVERED: ("DELIVRD", 2),
    MessageState.EXPIRED: ("EXPIRED", 3),
    MessageState.UNDELIVERED: ("UNDELIV", 5),
    MessageState.FAILED: ("REJECTD", 8),
}
ERRORS = {MessageState.UNDELIVERED: "001", MessageState.FAILED: "045", MessageState.EXPIRED: "027"}


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One connection of a client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    bound: bool = False
    sequence: int = 0
    waiting: dict[int, asyncio.Future[Pdu]] = field(default_factory=dict)

    def write(self, pdu: Pdu) -> None:
        if not self.writer.is_closing():
            self.writer.write(pdu.encode())

    async def ask(self, command: int, body: bytes) -> Pdu:
        """A request of ours and its answer. Raises TimeoutError, ConnectionError."""
        self.sequence += 1
        sequence = self.sequence
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self.waiting[sequence] = answer
        try:
            self.write(Pdu(command=command, sequence=sequence, body=body))
            async with asyncio.timeout(ANSWER_S):
                return await answer
        finally:
            del self.waiting[sequence]


class FakeSmsc:
    """`await start()`, then bind to 127.0.0.1 and `port`. `faults` (by number) goes before what the number's ending says."""

    def __init__(
        self,
        *,
        system_id: str,
        password: str,
        truth: TruthLog,
        step_s: float = STEP_S,
        slow_s: float = SLOW_S,
        alphabet: CentreAlphabet = CentreAlphabet.GSM,
    ) -> None:
        self.system_id, self.password, self.truth, self.step_s = system_id, password, truth, step_s
        self.slow_s, self.alphabet = slow_s, alphabet
        self.faults: dict[str, GatewayFault] = {}
        self.states: dict[str, MessageState] = {}  # by our id
        self.sessions: list[Session] = []  # those that are bound, the latest last
        self.binds = 0
        self.port = 0
        self.deaf = False  # answers nothing any more, and keeps the connections
        self._tries: Counter[str] = Counter()
        self._numbers = count(0x1F00)
        self._server: asyncio.Server | None = None
        self._open: dict[Session, asyncio.Task[Any] | None] = {}  # and who serves it
        self._tasks = Tasks()

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all connections and end."""
        if self._server is not None:
            await accept_no_more(self._server)
        self.cut()
        await asyncio.gather(*filter(None, self._open.values()), return_exceptions=True)
        await self._tasks.stop()
        if self._server is not None:
            await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection without a word."""
        for session in self._open:
            session.writer.transport.abort()

    # -- one connection ------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader=reader, writer=writer)
        self._open[session] = asyncio.current_task()
        try:
            while True:
                pdu = await read_pdu(reader)
                if self.deaf:
                    continue
                if pdu.is_response:
                    answer = session.waiting.get(pdu.sequence)
                    if answer is not None and not answer.done():
                        answer.set_result(pdu)
                elif not await self._heard(session, pdu):
                    return
        except (asyncio.IncompleteReadError, OSError, Malformed):
            pass
        finally:
            self._open.pop(session, None)
            if session in self.sessions:
                self.sessions.remove(session)
            for waiting in session.waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError("the client is gone"))
            writer.close()

    async def _heard(self, session: Session, pdu: Pdu) -> bool:
        """False: the connection has ended."""
        if pdu.command == Command.BIND_TRANSCEIVER:
            bind = Bind.parse(pdu.body)
            right = (bind.system_id, bind.password) == (self.system_id, self.password)
            session.write(pdu.answer(Status.ROK if right else Status.RINVPASWD, c_string("outdial-lab") if right else b""))
            if right:
                session.bound = True
                self.sessions.append(session)
                self.binds += 1
            return right
        if pdu.command == Command.ENQUIRE_LINK:
            session.write(pdu.answer())
        elif not session.bound:
            session.write(pdu.answer(Status.RINVBNDSTS))
        elif pdu.command == Command.SUBMIT_SM:
            self._spawn(self._submitted(session, pdu))
        elif pdu.command == Command.QUERY_SM:
            self._queried(session, pdu)
        elif pdu.command == Command.UNBIND:
            session.write(pdu.answer())
            return False
        else:
            session.write(Pdu(command=Command.GENERIC_NACK, sequence=pdu.sequence, status=Status.RINVCMDID))
        return True

    def _queried(self, session: Session, pdu: Pdu) -> None:
        message_id, _source = parse_query(pdu.body)
        state = self.states.get(message_id)
        if state is None:
            session.write(pdu.answer(Status.RQUERYFAIL))
        else:
            number = WORDS.get(state, WORDS[MessageState.SENT])[1]
            session.write(pdu.answer(body=QueryAnswer(message_id=message_id, state=number).body()))

    # -- one message -----------------------------------------------------------------------------------------------------------

    async def _submitted(self, session: Session, pdu: Pdu) -> None:
        message = ShortMessage.parse(pdu.body)
        to = f"+{message.destination.number}"
        row = message_behaviour_of(to)
        fault = self.faults.get(to, row.fault)
        attempt_id = (message.tlv(Tag.ATTEMPT_ID) or b"").decode()
        part, parts = _place(message)
        if part == 1:
            self._tries[to] += 1
        if refused := self._refusal(fault, to):
            self.truth.write("smpp", "refused", attempt_id=attempt_id, to=to, status=refused)
            session.write(pdu.answer(refused))
            return
        message_id = f"{next(self._numbers):x}"
        self.states[message_id] = MessageState.ACCEPTED
        facts = {"id": message_id, "attempt_id": attempt_id, "to": to, "text": self._text(message), "person": row.name}
        self.truth.write("smpp", "accepted", segment=part, segments=parts, **facts)
        after = self._after(
            session, message, message_id, row, replies=part == parts, shuffled=fault is GatewayFault.NEWS_SHUFFLED
        )
        if fault is GatewayFault.NEWS_FIRST:
            await after
        else:
            self._spawn(after)
        await self._answer(fault, session, pdu.answer(body=c_string(message_id)))

    def _refusal(self, fault: GatewayFault, to: str) -> int:
        match fault:
            case GatewayFault.BUSY_ONCE if self._tries[to] == 1:
                return Status.RTHROTTLED
            case GatewayFault.ERROR_BEFORE:
                return Status.RSYSERR
            case GatewayFault.REFUSED:
                return Status.RINVDSTADR
            case GatewayFault.BARRED:
                return BARRED
        return 0

    async def _answer(self, fault: GatewayFault, session: Session, answer: Pdu) -> None:
        match fault:
            case GatewayFault.HANG_AFTER:
                return
            case GatewayFault.RESET_AFTER:
                session.writer.transport.abort()
                return
            case GatewayFault.SLOW:
                await asyncio.sleep(self.slow_s)
            case GatewayFault.ERROR_AFTER:
                answer = Pdu(command=answer.command, sequence=answer.sequence, status=Status.RSYSERR)
        session.write(answer)

    async def _after(
        self,
        session: Session,
        message: ShortMessage,
        message_id: str,
        row: MessageBehaviour,
        *,
        replies: bool,
        shuffled: bool,
    ) -> None:
        end = row.state if row.state is not None and row.state in WORDS else MessageState.DELIVERED
        news = [end, end, MessageState.SENT, end] if shuffled else [MessageState.SENT, end]
        for state in news:
            await asyncio.sleep(self.step_s)
            self.states[message_id] = self.states[message_id].after(state)
            if state is not MessageState.SENT or shuffled:
                await self._tell(session, message, message_id, state)
        if row.replies and replies:
            await asyncio.sleep(self.step_s)
            await self.receive(f"+{message.destination.number}", message.source, row.replies, session)

    async def _tell(self, session: Session, message: ShortMessage, message_id: str, state: MessageState) -> None:
        word, number = WORDS[state]
        when = datetime.now(UTC).strftime("%y%m%d%H%M")
        text = (
            f"id:{message_id} sub:001 dlvrd:{'001' if state is MessageState.DELIVERED else '000'} submit date:{when} "
            f"done date:{when} stat:{word} err:{ERRORS.get(state, '000')} text:{self._text(message)[:20]}"
        )
        receipt = ShortMessage(
            source=message.destination,
            destination=message.source,
            text=text.encode("latin-1", errors="replace"),
            data_coding=3,
            esm_class=0x04,
            tlvs=((int(Tag.RECEIPTED_MESSAGE_ID), c_string(message_id)), (int(Tag.MESSAGE_STATE), bytes((number,)))),
        )
        if await self._deliver(receipt, session):
            self.truth.write("smpp", "told", id=message_id, state=word)

    async def receive(self, sender: str, to: str | Address, text: str, session: Session | None = None) -> None:
        """A person writes to one of our numbers; without a session to the client that came last."""
        if isinstance(to, str):
            to = Address(number=to.removeprefix("+"), ton=1 if to.startswith("+") else 3)
        if alphabet_of(text, self.alphabet) is Alphabet.GSM7:
            octets, coding = to_centre(text, self.alphabet), 0
        else:
            octets, coding = text.encode("utf-16-be"), 8
        self.truth.write("smpp", "replied", sender=sender, to=to.number, text=text, attempt_id="")
        source = Address(number=sender.removeprefix("+"))
        await self._deliver(ShortMessage(source=source, destination=to, text=octets, data_coding=coding), session)

    async def _deliver(self, message: ShortMessage, session: Session | None) -> bool:
        """Until a client has taken it: over the connection that the message came by, or when that is gone by the latest."""
        for _ in range(TRIES):
            if self.sessions:
                over = session if session in self.sessions else self.sessions[-1]
                with contextlib.suppress(TimeoutError, ConnectionError):
                    answer = await over.ask(Command.DELIVER_SM, message.body())
                    if answer.status != Status.RX_T_APPN:
                        return answer.status == Status.ROK
            await asyncio.sleep(2 * self.step_s)
        return False

    def _text(self, message: ShortMessage) -> str:
        octets = message.text[1 + message.text[0] :] if message.has_header else message.text
        return octets.decode("utf-16-be", errors="replace") if message.data_coding == 8 else from_centre(octets, self.alphabet)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work, name="fake-smsc")


def _place(message: ShortMessage) -> tuple[int, int]:
    """(place, parts) by the 8-bit header that concatenates."""
    if message.has_header and message.text[:3] == b"\x05\x00\x03":
        return message.text[5], message.text[4]
    return 1, 1
