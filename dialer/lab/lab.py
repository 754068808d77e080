"""The telephone laboratory: a switch, a carrier with its callees, and the truth about every call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dialer.errors import BadInput
from dialer.lab.callers import call_in
from dialer.lab.config import TRUNK, USERNAME, write_carrier, write_switch
from dialer.lab.debian import Say
from dialer.lab.errors import LabFailed
from dialer.lab.gateway_process import GatewayProcess, host_port
from dialer.lab.instance import Instance
from dialer.lab.obtain import AsteriskBuild, obtain_asterisk
from dialer.lab.phones import ANSWERS
from dialer.lab.ports import Ports, free_ports
from dialer.lab.ready import PortTaken, SwitchAccess, await_sip, await_trunk
from dialer.lab.truth import Heard, Truth, read_heard, read_truth
from dialer.lab.web_phones import WEB_PHONE, WebPhone

READY_WITHIN_S = 30.0
CLASHES_BORNE = 3  # somebody may take a port between our looking and Asterisk's binding
LONGEST_SOCKET = 100  # bytes; the kernel takes 107 for a socket's path
STATE_FILE = "lab.json"


@dataclass(slots=True)
class Lab:
    """A lab in its own folder. All its files are below that folder, and gone when it is down.

    The blocking methods are `up`, `down` and `reading`; whatever a test or the demo awaits is a coroutine and works in
    any event loop.
    """

    folder: Path
    build: AsteriskBuild
    ports: Ports
    secret: str = field(repr=False)
    token: str  # in the SIP banner of both, so that we know our own from a neighbour's
    run_folder: Path
    detached: bool = False
    trunk: str = TRUNK
    caller_id: str = "+15550100000"
    gateways: GatewayProcess | None = None  # SMS and email, where they were asked for
    web_phone: WebPhone | None = None  # a phone in a browser, where it was asked for
    carrier_instance: Instance = field(init=False)
    switch_instance: Instance = field(init=False)

    def __post_init__(self) -> None:
        self.switch_instance, self.carrier_instance = (
            Instance(
                role=role,
                folder=self.folder / role,
                run_folder=self.run_folder / role,
                build=self.build,
                container=self._banner(role),
            )
            for role in ("switch", "carrier")
        )

    @classmethod
    def up(
        cls,
        folder: Path,
        *,
        say: Say = lambda _text: None,
        detached: bool = False,
        sms: bool = False,
        email: bool = False,
        sms_url: str = "",
        lmtp: str = "",
        webrtc: bool = False,
    ) -> Lab:
        """Start a lab and return when calls can be placed. Raises LabFailed, BadInput.

        `folder` must be new or empty, or hold what a crashed lab left, which is removed. Detached, the lab stays when this
        process ends; otherwise it dies with it, even by kill -9. With `sms` and `email` it has gateways for them; people's
        answers go to `sms_url` (a webhook, signed as Twilio does) and `lmtp` (host:port). With `webrtc` its switch serves
        `web_phone`, a phone in a browser.
        """
        host_port(lmtp)  # before anything is started
        if sms_url and urlsplit(sms_url).scheme not in ("http", "https"):
            raise BadInput(f"{sms_url!r} is no such address", where="where answers go", mend="http://host:port/path")
        folder = folder.absolute()
        cls._clear(folder)
        build = obtain_asterisk(say)
        say(f"Starting the switch and the carrier (Asterisk {build.version or 'in containers'}) in {folder}")
        for _ in range(CLASHES_BORNE):
            lab = cls._prepared(folder, build, detached=detached, sms=sms, email=email, webrtc=webrtc)
            try:
                lab._start()
                if lab.gateways is not None:
                    lab.gateways.start(detached=detached, sms_url=sms_url, lmtp=lmtp)
                lab.save()
                return lab
            except PortTaken as clash:
                last = clash
                lab.down()
            except BaseException:
                lab.down()
                raise
        raise LabFailed(f"no free ports for the lab: {last}")

    @classmethod
    @contextlib.contextmanager
    def running(
        cls,
        folder: Path,
        *,
        say: Say = lambda _text: None,
        sms: bool = False,
        email: bool = False,
        webrtc: bool = False,
    ) -> Iterator[Lab]:
        """A lab for as long as the block runs; it dies with this process, even by kill -9."""
        lab = cls.up(folder, say=say, sms=sms, email=email, webrtc=webrtc)
        try:
            yield lab
        finally:
            lab.down()

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, folder: Path, *, say: Say = lambda _text: None, messages: bool = False) -> AsyncIterator[Lab]:
        """As `running`, for coroutines; with `messages`, it has gateways for SMS and email."""
        lab = await asyncio.to_thread(cls.up, folder, say=say, sms=messages, email=messages)
        try:
            yield lab
        finally:
            await asyncio.shield(asyncio.to_thread(lab.down))

    @property
    def switch(self) -> SwitchAccess:
        """What the dialer's settings need to use the switch."""
        return SwitchAccess(name="lab", host="127.0.0.1", port=self.ports.ami, username=USERNAME, secret=self.secret)

    @property
    def sounds(self) -> Path:
        """The switch's folder of sounds; `en/` in it holds the English core sounds."""
        return self.switch_instance.folder / "lib/sounds"

    @property
    def music(self) -> str:
        """The sound that the switch plays to those who are held, as a dialplan names it."""
        return str(self.switch_instance.folder / "lib/moh/hold")

    @property
    def switch_pid(self) -> int:
        return self.switch_instance.pid

    @property
    def carrier_pid(self) -> int:
        return self.carrier_instance.pid

    @property
    def state_file(self) -> Path:
        return self.folder / STATE_FILE

    @property
    def truth_file(self) -> Path:
        return self.folder / "carrier/truth.log"

    def truth(self) -> list[Truth]:
        """Every call that arrived at the carrier, in order."""
        return read_truth(self.truth_file)

    def heard(self) -> list[Heard]:
        """What the agents' phones of the carrier heard, in order."""
        return read_heard(self.carrier_instance.folder / "heard.log")

    async def let_answer(self, percent: int) -> None:
        """From now on so many percent of the moody (dialer.lab.phones) answer: of those who are called, not those who ring."""
        await asyncio.to_thread(self.carrier_instance.rx, f"dialplan set global {ANSWERS} {percent}")

    async def channels(self) -> tuple[int, int]:
        """How many channels the switch and the carrier have now."""
        switch, carrier = await asyncio.gather(
            asyncio.to_thread(self.switch_instance.channels), asyncio.to_thread(self.carrier_instance.channels)
        )
        return switch, carrier

    async def call_in(self, queue: str, number: str, *, ending: str = "05") -> None:
        """Let somebody call a queue of the switch; the ending says what this person does (dialer.lab.phones)."""
        await asyncio.to_thread(self.carrier_instance.rx, call_in(queue, number, ending))

    async def kill_switch(self) -> None:
        """Kill the switch as a crash would; the carrier and its callees stay."""
        await asyncio.to_thread(self.switch_instance.kill)

    async def start_switch(self) -> None:
        """Start the switch again on the same ports; returns when it can place calls."""
        await asyncio.to_thread(self._start_switch)

    def down(self) -> None:
        """Stop all parts, and remove the folder. Quiet where a part is gone already."""
        if self.gateways is not None:
            self.gateways.stop()
        for instance in (self.switch_instance, self.carrier_instance):
            instance.stop()
        shutil.rmtree(self.run_folder, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self) -> None:
        """Write down what another process needs to find this lab again, and to take it down."""
        state = {
            "token": self.token,
            "secret": self.secret,
            "ports": asdict(self.ports),
            "run_folder": str(self.run_folder),
            "pids": {"switch": self.switch_pid, "carrier": self.carrier_pid},
            "web_phone": asdict(self.web_phone) if self.web_phone is not None else None,
            "gateways": [name for name in ("sms", "email") if self.gateways is not None and getattr(self.gateways, name)],
        }
        self.state_file.touch(mode=0o600)
        self.state_file.write_text(json.dumps(state, indent=1) + "\n")

    @classmethod
    def reading(cls, folder: Path) -> Lab:
        """A lab that another process started and saved. Raises LabFailed where there is none."""
        folder = folder.absolute()
        try:
            state = json.loads((folder / STATE_FILE).read_text())
            lab = cls(
                folder=folder,
                build=obtain_asterisk(lambda _text: None),
                ports=Ports(**state["ports"]),
                secret=state["secret"],
                token=state["token"],
                run_folder=Path(state["run_folder"]),
                detached=True,
                web_phone=WebPhone(**state["web_phone"]) if state.get("web_phone") else None,
            )
        except FileNotFoundError as missing:
            raise LabFailed(f"there is no lab in {folder}: `dialer lab up` starts one") from missing
        except (ValueError, KeyError, TypeError) as broken:
            raise LabFailed(f"{folder / STATE_FILE} cannot be read: {broken}") from broken
        if gateways := state.get("gateways"):
            lab.gateways = lab._gateways(sms="sms" in gateways, email="email" in gateways)
        return lab

    @classmethod
    def _prepared(cls, folder: Path, build: AsteriskBuild, *, detached: bool, sms: bool, email: bool, webrtc: bool) -> Lab:
        token = secrets.token_hex(4)
        run_folder = folder / "run"
        if len(str(run_folder / "carrier/asterisk.ctl").encode()) > LONGEST_SOCKET:
            run_folder = Path(tempfile.mkdtemp(prefix="outdial-lab-"))
        lab = cls(
            folder=folder,
            build=build,
            ports=free_ports(),
            secret=secrets.token_urlsafe(24),
            token=token,
            run_folder=run_folder,
            detached=detached,
        )
        if webrtc:
            lab.web_phone = WebPhone(name=WEB_PHONE, secret=secrets.token_urlsafe(24), url=f"ws://127.0.0.1:{lab.ports.web}/ws")
        if sms or email:
            lab.gateways = lab._gateways(sms=sms, email=email)
        folder.mkdir(parents=True, exist_ok=True)
        switch, carrier = lab.switch_instance, lab.carrier_instance
        for instance in (switch, carrier):
            instance.run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_switch(
            switch.folder,
            switch.run_folder,
            build,
            lab.ports,
            secret=lab.secret,
            system_name=lab._banner("switch"),
            webrtc=lab.web_phone.secret if lab.web_phone is not None else "",
        )
        write_carrier(
            carrier.folder, carrier.run_folder, build, lab.ports, truth=lab.truth_file, system_name=lab._banner("carrier")
        )
        lab.save()
        return lab

    @classmethod
    def _clear(cls, folder: Path) -> None:
        if not folder.exists() or not any(folder.iterdir()):
            return
        if not (folder / STATE_FILE).exists():
            raise LabFailed(f"{folder} holds other files: a lab needs a folder of its own")
        left = cls.reading(folder)
        if left.switch_instance.alive() and left.carrier_instance.alive() and (not left.gateways or left.gateways.alive()):
            raise LabFailed(f"the lab in {folder} is up already")
        left.down()

    def _start(self) -> None:
        self.carrier_instance.start(detached=self.detached)
        self.switch_instance.start(detached=self.detached)
        deadline = time.monotonic() + READY_WITHIN_S
        await_sip(self.ports.carrier_sip, banner=self._banner("carrier"), instance=self.carrier_instance, deadline=deadline)
        self._await_switch(deadline)

    def _start_switch(self) -> None:
        self.switch_instance.start(detached=self.detached)
        self._await_switch(time.monotonic() + READY_WITHIN_S)

    def _await_switch(self, deadline: float) -> None:
        await_sip(self.ports.switch_sip, banner=self._banner("switch"), instance=self.switch_instance, deadline=deadline)
        await_trunk(self.switch, self.trunk, instance=self.switch_instance, deadline=deadline)

    def _gateways(self, *, sms: bool, email: bool) -> GatewayProcess:
        return GatewayProcess(folder=self.folder / "gateways", ports=self.ports, sms=sms, email=email)

    def _banner(self, role: str) -> str:
        return f"outdial-lab-{self.token}-{role}"
