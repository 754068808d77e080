"""Wait until the lab's Asterisks are really ready: they answer, they are ours, and the trunk between them works."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from dataclasses import dataclass, field

from dialer.lab.ami import AmiTalk
from dialer.lab.errors import LabFailed
from dialer.lab.instance import Instance


class PortTaken(Exception):
    """Another program answers on a port of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAccess:
    """How a dialer reaches the switch's manager."""

    name: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)


def await_sip(port: int, *, banner: str, instance: Instance, deadline: float) -> None:
    """Ask with OPTIONS until an answer with our own banner comes: a neighbour's lab may answer on that port too.

    Raises PortTaken when somebody else answers, LabFailed when the instance ends or the deadline passes.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(0.05)
        here = f"127.0.0.1:{ours.getsockname()[1]}"
        while True:
            request = (
                f"OPTIONS sip:ready@127.0.0.1:{port} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{secrets.token_hex(6)}",
                f"From: <sip:lab@{here}>;tag={secrets.token_hex(4)}",
                f"To: <sip:ready@127.0.0.1:{port}>",
                f"Call-ID: {secrets.token_hex(8)}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 5",
                "Content-Length: 0",
            )
            ours.sendto("\r\n".join((*request, "", "")).encode(), ("127.0.0.1", port))
            with contextlib.suppress(OSError):
                answer = ours.recv(4096).decode(errors="replace")
                if banner in answer:
                    return
                raise PortTaken(f"another program answers on {port}")
            _look(instance, deadline)
            time.sleep(0.02)


def await_trunk(switch: SwitchAccess, trunk: str, *, instance: Instance, deadline: float) -> None:
    """Log in to the switch's manager, wait until it is fully booted, and until its trunk answers. Raises as `await_sip`."""
    while True:
        try:
            with AmiTalk(switch.host, switch.port, timeout_s=3) as ami:
                ami.login(switch.username, switch.secret)
                ami.wait_for(lambda event: event.get("Event") == "FullyBooted", deadline=deadline)
                ami.action("PJSIPQualify", {"Endpoint": trunk})
                while ami.get(f"DEVICE_STATE(PJSIP/{trunk})") != "NOT_INUSE":
                    _look(instance, deadline)
                    time.sleep(0.02)
                return
        except OSError:
            _look(instance, deadline)
            time.sleep(0.02)


def _look(instance: Instance, deadline: float) -> None:
    if not instance.alive():
        raise LabFailed(f"the {instance.role} ended while it started:\n{instance.log_tail()}")
    tail = instance.log_tail()
    if "ddress already in use" in tail:
        raise PortTaken(tail[-300:])
    if time.monotonic() > deadline:
        raise LabFailed(f"the {instance.role} is not ready in time:\n{tail}")
