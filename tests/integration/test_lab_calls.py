"""Every row of the carrier's table, on real calls: hang-up facts, detector, keys, and the truth log."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from dialer.domain.codes import SystemCode
from dialer.domain.ids import new_attempt_id
from dialer.lab.ami import AmiTalk, Headers
from dialer.lab.behaviours import ANY_OTHER, BEHAVIOURS, Behaviour
from dialer.lab.lab import Lab
from tests.lab_fixture import no_calls_left
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

AMD = {
    "machine": ("MACHINE", "LONGGREETING"),
    "silence": ("MACHINE", "INITIALSILENCE"),
    "dead-air": ("NOTSURE", "TOOLONG"),
    "fax": ("FAX", "CNG"),
}
KEYS = {"presses-1": "1", "presses-2": "2", "presses-9": "9", "presses-7": "77", "wrong-then-1": "71", "presses-1-at-once": "1"}


class Prompter(socketserver.StreamRequestHandler):
    """The smallest FastAGI app: two prompts after a wrong key, one after any other, and the facts written down."""

    seen: ClassVar[dict[str, tuple[str, str, str]]] = {}

    def handle(self) -> None:
        given = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            given[name] = value
        keys = ""
        for _ in range(2):
            answer = self.ask('GET DATA "vm-leavemsg" 1500 1')
            key = answer.removeprefix("200 result=").split(" ")[0] if answer.startswith("200") else ""
            keys += key if key.isdigit() else ""
            if key != "7":
                break
        Prompter.seen[given["agi_arg_1"]] = (given.get("agi_arg_3", ""), given.get("agi_arg_4", ""), keys)
        self.ask("SET VARIABLE OUTDIAL_DONE 1")

    @classmethod
    def heard_of(cls, attempt: str) -> tuple[str, str, str]:
        """What was written down; the switch tells the end of a call to others before it tells us."""
        deadline = time.monotonic() + PATIENCE_S
        while attempt not in cls.seen:
            assert time.monotonic() < deadline, "this call never came to the app"
            time.sleep(0.01)
        return cls.seen[attempt]

    def ask(self, command: str) -> str:
        try:
            self.wfile.write(f"{command}\n".encode())
            answer = self.rfile.readline().decode().strip()
            return self.rfile.readline().decode().strip() if answer == "HANGUP" else answer
        except OSError:
            return ""


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True


@pytest.fixture
def agi() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Prompter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def place(ami: AmiTalk, lab: Lab, number: str, *, agi: str, amd: bool) -> str:
    attempt = new_attempt_id()
    answer = ami.action(
        "Originate",
        {
            "Channel": f"PJSIP/{number}@{lab.trunk}",
            "ChannelId": f"t-{attempt}",
            "Context": "outdial",
            "Exten": "s",
            "Priority": "1",
            "Async": "true",
            "Timeout": "3000",
            "CallerID": f'"{attempt}" <{lab.caller_id}>',
            "Variable": f"OUTDIAL_ATTEMPT={attempt},OUTDIAL_NONCE=ab12,OUTDIAL_AGI={agi},OUTDIAL_AMD={int(amd)}",
        },
    )
    assert answer["Response"] == "Success", answer
    return attempt


def ends(ami: AmiTalk, attempts: set[str]) -> dict[str, Headers]:
    """The Hangup event of each attempt."""
    found: dict[str, Headers] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < len(attempts):
        event = ami.wait_for(lambda event: event.get("Event") == "Hangup", deadline=deadline)
        assert event is not None, f"{len(attempts) - len(found)} calls did not end"
        if event["Uniqueid"].removeprefix("t-") in attempts:
            found[event["Uniqueid"].removeprefix("t-")] = event
    return found


@pytest.mark.row(11)
@pytest.mark.parametrize("amd", [False, True], ids=["without-amd", "with-amd"])
def test_every_row_of_the_table_does_what_it_says(lab: Lab, agi: str, amd: bool) -> None:
    rows: dict[str, Behaviour] = {}
    with AmiTalk(lab.switch.host, lab.switch.port) as ami:
        ami.login(lab.switch.username, lab.switch.secret)
        for row in BEHAVIOURS:
            rows[place(ami, lab, f"+1555010{'0088' if row.ending == ANY_OTHER else f'00{row.ending}'}", agi=agi, amd=amd)] = row
        hangups = ends(ami, set(rows))

    truth = {call.attempt_id: call for call in lab.truth()}
    for attempt, row in rows.items():
        assert truth[attempt].behaviour == row.name
        event = hangups[attempt]
        assert int(event["Cause"]) == row.cause, row.name
        if row.sip:
            assert event["TechCause"] == str(row.sip), row.name
        if row.code == SystemCode.RING_NO_ANSWER:
            assert event["ChannelStateDesc"] == "Ringing"
        if row.answers and row.name != "hangs-up-at-once":
            status, cause, keys = Prompter.heard_of(attempt)
            assert keys == KEYS.get(row.name, ""), row.name
            wanted = AMD.get(row.name, ("HUMAN", "HUMAN")) if amd else ("", "")
            assert (status, cause.split("-")[0]) == wanted, row.name
    no_calls_left(lab)


def test_a_callee_hears_an_apology_where_no_dialer_listens(lab: Lab) -> None:
    with AmiTalk(lab.switch.host, lab.switch.port) as ami:
        ami.login(lab.switch.username, lab.switch.secret)
        placed = time.monotonic()
        attempt = place(ami, lab, "+15550100030", agi="127.0.0.1:9", amd=False)
        up = ami.wait_for(
            lambda event: event.get("Event") == "Newstate" and event.get("ChannelStateDesc") == "Up",
            deadline=time.monotonic() + PATIENCE_S,
        )
        assert up is not None
        ended = ends(ami, {attempt})[attempt]
    assert ended["Cause"] == "16"
    assert time.monotonic() - placed > 1.5  # "I'm sorry", "Goodbye"; the callee answers at once
    no_calls_left(lab)


def test_only_the_events_that_the_dialer_uses_are_sent(lab: Lab) -> None:
    with AmiTalk(lab.switch.host, lab.switch.port) as ami:
        ami.login(lab.switch.username, lab.switch.secret)
        place(ami, lab, "+15550100014", agi="127.0.0.1:9", amd=False)
        names, deadline = set[str](), time.monotonic() + PATIENCE_S
        while not {"OriginateResponse", "Hangup"} <= names:
            event = ami.wait_for(lambda _event: True, deadline=deadline)
            assert event is not None, names
            names.add(event["Event"])
        ami.action("Ping")  # what was told before its answer is read by then
        names |= {event["Event"] for event in ami.events}
    assert names == {"FullyBooted", "Newchannel", "DialBegin", "Newstate", "DialEnd", "OriginateResponse", "Hangup"}
    no_calls_left(lab)


@pytest.mark.parametrize(
    ("action", "headers"),
    [("Command", {"Command": "core show channels"}), ("UpdateConfig", {}), ("DBGet", {}), ("Getvar", {"Variable": "SHELL(id)"})],
)
def test_the_account_may_do_no_more_than_it_needs(lab: Lab, action: str, headers: dict[str, str]) -> None:
    with AmiTalk(lab.switch.host, lab.switch.port) as ami:
        ami.login(lab.switch.username, lab.switch.secret)
        assert ami.action(action, headers)["Response"] == "Error"


def test_sixty_calls_at_once_all_come_into_the_truth_log(lab: Lab) -> None:
    before = len(lab.truth())
    with AmiTalk(lab.switch.host, lab.switch.port) as ami:
        ami.login(lab.switch.username, lab.switch.secret)
        attempts = {place(ami, lab, "+15550100012", agi="127.0.0.1:9", amd=False) for _ in range(60)}
        ends(ami, attempts)
    assert {call.attempt_id for call in lab.truth()[before:]} == attempts
