"""Whatever stands in a contact's fields or in a text to speak, the switch gets the one order that was meant, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.codes import SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.lab.behaviours import INTERESTED
from dialer.lab.lab import Lab
from tests.ami_proxy import AmiProxy
from tests.rig import APPS, Rig, number

pytestmark = pytest.mark.acceptance

CANARY = "canary"
FIELDS = (
    f"Ada\r\nAction: Originate\r\nChannel: PJSIP/+15550009901@carrier\r\nVariable: X={CANARY}\r\n\r\n",
    f"Ada\nAction: Command\nCommand: core stop now {CANARY}\n\n",
    f"${{SHELL(touch /tmp/{CANARY})}} $[1+1] ${{GLOBAL(X)}}",
    f"&PJSIP/+15550009902@carrier {CANARY}",
    f'" )\nEXEC System "touch {CANARY}"\n',
    f"'; DROP TABLE contacts; -- {CANARY}",
    f'\\\\" , __X={CANARY},Y=(){{}}',
    f"../../../../etc/passwd {CANARY}",
    f"\u2028HANGUP\u2029\u0085{CANARY}\x00\x1b[2J",
    f"-w /tmp/{CANARY} --stdout <prosody/> %s%n {{0.__class__}}",
)
NUMBERS = (
    "+15550009901\r\nAction: Hangup",
    "+15550009901&PJSIP/x@carrier",
    "+1555${EXTEN}01",
    "+15550009901@carrier",
    "+1555000990١",  # an Arabic digit is a digit for Python, and for no telephone
    "PJSIP/15550009901",
    "",
)

ORDER = re.compile(  # the whole frame
    rb"Action: Originate\r\nActionID: [\w/-]+\r\nAsync: true\r\n"
    rb'CallerID: "(?P<attempt>\w{26})" <\+\d+>\r\n'
    rb"Channel: PJSIP/(?P<number>\+\d{3,15})@carrier\r\nChannelId: od-rig-(?P=attempt)\r\n"
    rb"Context: outdial\r\nExten: s\r\nPriority: 1\r\nTimeout: 15000\r\n"
    rb"Variable: OUTDIAL_ATTEMPT=(?P=attempt)\r\nVariable: OUTDIAL_NONCE=[0-9a-f]{32}\r\n"
    rb"Variable: OUTDIAL_AGI=127\.0\.0\.1:\d+\r\nVariable: OUTDIAL_AMD=0\r\n\r\n"
)
VERBS = {"STREAM", "GET", "SET", "WAIT", "HANGUP", "NOOP", "ANSWER"}  # RECORD, EXEC and SAY are never reached by such values
ACTIONS = {"Login", "CoreStatus", "CoreShowChannels", "Ping", "Originate", "Hangup", "Logoff"}


class AgiTap:
    """Stands between the switch and the dialer's FastAGI server, and keeps every byte that goes to the switch."""

    def __init__(self, target_port: int) -> None:
        self.target_port, self.port = target_port, 0
        self.said: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> AgiTap:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, far_writer, None))
                    group.create_task(self._pump(far_reader, writer, self.said))
            finally:
                far_writer.close()
                writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: list[bytes] | None) -> None:
        try:
            while line := await source.readline():
                if kept is not None:
                    kept.append(line)
                sink.write(line)
        except OSError:
            pass  # a side that closes with something unread resets the connection
        finally:
            sink.close()  # else the switch would wait for the next command for ever


@pytest.fixture
async def ami(lab: Lab) -> AsyncIterator[AmiProxy]:
    """The wire to the manager interface, with its recorder."""
    async with AmiProxy(lab.switch.host, lab.switch.port) as proxy:
        yield proxy


@pytest.fixture
async def agi(port: int) -> AsyncIterator[AgiTap]:
    """The wire to the FastAGI server, with its recorder."""
    async with AgiTap(port) as tap:
        yield tap


def people() -> list[NewContact]:
    """Contacts with one bad thing each."""

    def one(index: int, field: str, value: str) -> NewContact:
        return NewContact(
            user_contact_id=f"{field}{index}" if value else "empty",
            time_zone="Europe/Berlin",
            attributes={"first_name": field, "donor": field},
            addresses=(NewAddress(name="mobile", value=value, zones=("Europe/Berlin",)),),
        )

    wild = [one(index, field, number(index, "01")) for index, field in enumerate(FIELDS)]
    return wild + [one(100 + index, "Bob", value) for index, value in enumerate(NUMBERS)]


async def test_no_field_adds_a_header_a_leg_or_a_command(rig: Rig, ami: AmiProxy, agi: AgiTap) -> None:
    rig.port, rig.apps = ami.port, APPS
    rig.ivr_listen, rig.ivr_advertise = f"127.0.0.1:{agi.target_port}", f"127.0.0.1:{agi.port}"
    before = len(rig.lab.truth())
    job_id = rig.campaign((), contacts=people(), app="parrot", pace_per_s=20)
    rig.start()
    await rig.completed(job_id)
    assert rig.stop() == 0
    rig.check_invariants(job_id)
    assert rig.codes(job_id) == {INTERESTED: len(FIELDS), SystemCode.NO_CALLABLE_ADDRESS: len(NUMBERS)}

    placed = {one.id: one.address for one in rig.attempts(job_id) if one.address}
    orders = [found for action in ami.actions if (found := ORDER.fullmatch(action))]
    assert {one["attempt"].decode(): one["number"].decode() for one in orders} == placed
    assert len(orders) == ami.seen["Originate"] == len(FIELDS), "one order for each attempt, with the headers that were meant"
    assert {action.split(b"\r\n")[0].removeprefix(b"Action: ").decode() for action in ami.actions} <= ACTIONS
    assert CANARY.encode() not in b"".join(ami.actions)

    assert len(rig.lab.truth()) - before == len(FIELDS), "no leg reached the carrier that no attempt had asked for"
    assert {one.number.lstrip("+") for one in rig.lab.truth()[before:]} == {one.lstrip("+") for one in placed.values()}

    assert agi.said
    for line in agi.said:
        words = shlex.split(line.decode().rstrip("\n"))
        assert words[0] in VERBS, line
        assert not re.search(rb"[&;$`\r\x00]|\.\.|canary|SHELL|System", line), line
    assert not Path(f"/tmp/{CANARY}").exists()
