"""Write the few Asterisk files that a user's own server needs, from the templates that the lab itself runs on."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import BadInput, Conflict
from dialer.lab import web_phones
from dialer.lab.config import DIALPLANS, plain, rendered

FILES = (
    "manager_outdial.conf",
    *DIALPLANS,
    "pjsip_outdial.conf",
    "pjsip_outdial_phones.conf",
    "http_outdial.conf",
    "outdial-switch.toml",
    "README.txt",
)
SECRET = {"manager_outdial.conf", "pjsip_outdial_phones.conf", "outdial-switch.toml"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPlan:
    """What the files say. `host` is the switch as the dialer sees it, `dialer_host` the dialer as the switch sees it."""

    name: str = "main"
    host: str = "127.0.0.1"
    port: int = 5038
    dialer_host: str = "127.0.0.1"
    username: str = "outdial"
    trunk: str = "carrier"
    trunk_host: str = "sip.example.com"
    trunk_port: int = 5060
    transport: str = "transport-udp"


def write_switch_files(folder: Path, plan: SwitchPlan) -> list[Path]:
    """Write the files with a fresh secret; the ones that hold it are readable by their owner alone.

    Raises BadInput on a name or address that cannot stand in an Asterisk file, Conflict where a file is there already:
    its secret may be in use.
    """
    _refuse_odd(plan)
    if there := [name for name in FILES if (folder / name).exists()]:
        raise Conflict(f"{folder / there[0]} exists already: its secret may be in use. Choose another folder, or remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    address = ipaddress.ip_address(socket.gethostbyname(plan.dialer_host))
    secret = secrets.token_urlsafe(24)
    texts = {
        "manager_outdial.conf": rendered(
            "manager_outdial.conf",
            {
                "username": plan.username,
                "secret": secret,
                "permits": f"permit = {address}/{'255.255.255.255' if address.version == 4 else 128}",
            },
        ),
        **{name: plain(name) for name in DIALPLANS},
        "pjsip_outdial.conf": rendered(
            "pjsip_outdial.conf",
            {
                "trunk": plan.trunk,
                "trunk_host": plan.trunk_host,
                "trunk_port": plan.trunk_port,
                "transport": plan.transport,
                "incoming": web_phones.NOTHING_COMES_IN,
                "qualify_s": 30,
                "rtp_timeout_s": 60,
            },
        ),
        "pjsip_outdial_phones.conf": rendered(
            "pjsip_outdial_phones.conf",
            {"transport": plan.transport, **web_phones.example()},
        ),
        "http_outdial.conf": plain("http_outdial.conf"),
        "outdial-switch.toml": rendered(
            "outdial-switch.toml",
            {
                "name": plan.name,
                "host": plan.host,
                "port": plan.port,
                "username": plan.username,
                "secret": secret,
                "trunk": plan.trunk,
            },
        ),
        "README.txt": rendered(
            "switch_readme.txt",
            {
                "name": plan.name,
                "host": plan.host,
                "port": plan.port,
                "username": plan.username,
                "trunk": plan.trunk,
                "transport": plan.transport,
            },
        ),
    }
    for name in FILES:
        path = folder / name
        path.touch(mode=0o600 if name in SECRET else 0o644)
        path.write_text(texts[name])
    return [folder / name for name in FILES]


def _refuse_odd(plan: SwitchPlan) -> None:
    for field in ("name", "username", "trunk", "transport"):
        if not _NAME.fullmatch(getattr(plan, field)):
            raise BadInput(
                f"{getattr(plan, field)!r} cannot be a name", where=field, mend="letters, digits, dot, dash and underline only"
            )
    for field in ("host", "dialer_host", "trunk_host"):
        if not _HOST.fullmatch(getattr(plan, field)):
            raise BadInput(f"{getattr(plan, field)!r} is no address", where=field, mend="a host name or an IPv4 address")
    for field in ("port", "trunk_port"):
        if not 0 < getattr(plan, field) < 65536:
            raise BadInput(f"{getattr(plan, field)} is no port", where=field, mend="1 to 65535")
    try:
        socket.gethostbyname(plan.dialer_host)
    except OSError as unknown:
        raise BadInput(f"{plan.dialer_host!r} has no address", where="dialer_host", mend="an IPv4 address") from unknown
