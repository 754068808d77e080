"""Say in plain words what is wrong with a switch, with no more rights than the dialer itself has."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from dialer.lab.ami import AmiRefused, AmiTalk, Headers
from dialer.lab.errors import LabFailed
from dialer.lab.findings import Finding, bad, ok, warn
from dialer.lab.phone_check import look_at_phone

CONTEXT, AGENTS_CONTEXT, PASSED_CONTEXT = "outdial", "outdial-agent", "outdial-passed"
NEWEST_FLAW = (22, 10, 1)  # before it: deadlocks under originate load, and a ring timeout that hung up with cause 0
OLDEST = (20, 0, 0)
NO_SUCH_CHANNEL = "PJSIP/outdial-check-no-such-endpoint"  # an originate that cannot ring anybody
SOUNDS = ("beep", "im-sorry", "goodbye")
QUALIFY_S = 4.0


def check_switch(
    *, host: str, port: int, username: str, secret: str, trunk: str, phone: str = "", timeout_s: float = 5.0
) -> Iterator[Finding]:
    """Look at one thing after the other; ends early where nothing more can be seen. `phone` is an agent's."""
    try:
        ami = AmiTalk(host, port, timeout_s=timeout_s)
    except TimeoutError:
        yield bad(f"{host}:{port} does not answer", "is the address right, and does a firewall let this machine through?")
        return
    except OSError as refused:
        yield bad(
            f"nobody listens on {host}:{port} ({refused.strerror or refused})",
            "in manager.conf: enabled = yes, bindaddr and port in [general]; then `asterisk -rx 'manager reload'`",
        )
        return
    with ami:
        if "Asterisk Call Manager" not in ami.banner:
            yield bad(
                f"what listens on {host}:{port} is no Asterisk manager", "the manager's port is in [general] of manager.conf"
            )
            return
        yield ok(f"{host}:{port} answers")
        try:
            yield from _logged_in(ami, host, username, secret, trunk, phone)
        except (OSError, LabFailed) as broken:
            yield bad(f"the conversation broke: {broken}", "look into the switch's log")


def _logged_in(ami: AmiTalk, host: str, username: str, secret: str, trunk: str, phone: str) -> Iterator[Finding]:
    try:
        ami.login(username, secret)
    except AmiRefused as refused:
        yield bad(
            f"the login as {username!r} was refused: {refused}",
            "is the secret that of manager_outdial.conf, is that file included, and does its `permit` name this machine?",
        )
        return
    yield ok(f"logged in as {username!r}")
    if ami.wait_for(lambda event: event.get("Event") == "FullyBooted", deadline=time.monotonic() + 2) is None:
        yield warn(
            "the switch does not say when it is fully booted",
            "give the account `read = call,system,user,agent,dtmf`, and FullyBooted in its eventfilter",
        )
    yield from _version(ami)
    yield from _rights(ami)
    yield from _sounds(ami, host)
    yield from _trunk(ami, trunk)
    if phone:
        yield from look_at_phone(ami, phone)


def _version(ami: AmiTalk) -> Iterator[Finding]:
    settings = ami.action("CoreSettings")
    if settings.get("Response") != "Success":
        yield bad(
            f"the state of the switch cannot be read: {settings.get('Message')}",
            "give the account `write = originate,call,reporting,agent`",
        )
        return
    yield version_finding(settings.get("AsteriskVersion", ""))


def version_finding(text: str) -> Finding:
    """What to say about a version such as "22.10.1+dfsg"."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    version = tuple(int(part or 0) for part in found.groups()) if found else ()
    if not version:
        return warn(f"this Asterisk calls itself {text!r}: its version is not known", "22.10.1 or newer is known to work")
    if version < OLDEST:
        return bad(f"Asterisk {text} is too old", "install 22.10.1 or newer")
    if version < NEWEST_FLAW:
        return warn(f"Asterisk {text} has known faults: it can lock up when many calls are placed", "install 22.10.1 or newer")
    return ok(f"Asterisk {text}")


def _rights(ami: AmiTalk) -> Iterator[Finding]:
    listed, _channels = ami.listing("CoreShowChannels")
    if listed.get("Response") == "Success":
        yield ok("the list of channels can be read")
    else:
        yield bad(f"the list of channels cannot be read: {listed.get('Message')}", "add `reporting` to the account's `write`")
    # It can ring nobody; yet the switch looks at our rights and at the context first, in the way of a real call.
    answer = _call_nobody(ami, CONTEXT)
    message = answer.get("Message", "")
    if "ermission" in message:
        yield bad("calls may not be placed", "add `originate` to the account's `write`")
    elif "xtension does not exist" in message:
        yield bad(
            f"the dialplan has no context [{CONTEXT}]",
            "include extensions_outdial.conf in extensions.conf, and `dialplan reload`",
        )
    elif answer.get("Response") != "Success":
        yield bad(f"calls cannot be placed: {message}", "look into the switch's log")
    else:
        yield ok(f"calls can be placed into the context [{CONTEXT}]")
        ours = answer["ActionID"]
        heard = ami.wait_for(
            lambda event: event.get("Event") == "OriginateResponse" and event.get("ActionID") == ours,
            deadline=time.monotonic() + 3,
        )
        if heard is None:
            yield bad(
                "the switch does not say what becomes of a call",
                "give the account `read = call,system,user,agent,dtmf` and the eventfilter of manager_outdial.conf",
            )
        else:
            yield ok("the switch says what becomes of a call")
        yield _agents(ami)
        yield from _queues(ami)
    hang_up = ami.action("Hangup", {"Channel": "outdial-check-no-such-channel"})
    if "ermission" in hang_up.get("Message", ""):
        yield bad("calls may not be hung up", "add `call` to the account's `write`")


def _call_nobody(ami: AmiTalk, context: str) -> Headers:
    return ami.action(
        "Originate",
        {"Channel": NO_SUCH_CHANNEL, "Context": context, "Exten": "s", "Priority": "1", "Async": "true", "Timeout": "1000"},
    )


def _agents(ami: AmiTalk) -> Finding:
    if _call_nobody(ami, AGENTS_CONTEXT).get("Response") == "Success":
        return ok(f"agents' phones can be called into the context [{AGENTS_CONTEXT}]")
    return warn(
        f"the dialplan has no context [{AGENTS_CONTEXT}]: campaigns with agents cannot run",
        "include extensions_outdial_agents.conf in extensions.conf, and `dialplan reload`",
    )


def _queues(ami: AmiTalk) -> Iterator[Finding]:
    """Whether agents may take callers of queues; nothing to say where the switch has no app_queue."""
    nobody = {"Queue": "outdial-check-no-such-queue", "Interface": "Local/outdial-check@outdial-inbound", "Paused": "true"}
    message = ami.action("QueuePause", nobody).get("Message", "")
    if "ermission" in message:
        mend = "add `agent` to the account's `read` and `write` (manager_outdial.conf)"
        yield warn("agents may not take callers of the switch's queues", mend)
    elif "nknown command" not in message:
        yield ok("agents can take callers of the switch's queues")
        listed, _ = ami.listing("ShowDialPlan", {"Context": PASSED_CONTEXT})
        if listed.get("Response") == "Success":
            yield ok("agents can hold those callers, and pass them on")
        else:
            mend = "write extensions_outdial_agents.conf anew (dialer switch config), and `dialplan reload`"
            yield warn(f"the dialplan has no context [{PASSED_CONTEXT}]: agents cannot hold those callers, or pass them on", mend)


def _sounds(ami: AmiTalk, host: str) -> Iterator[Finding]:
    data = ami.get("ASTDATADIR") or "/var/lib/asterisk"
    folder = Path(data) / "sounds/en"
    mend = "install the English core sounds (Debian: asterisk-core-sounds-en-wav; or sounds/en as a link to where they are)"
    if not (_is_here(host) and folder.parent.is_dir()):
        yield warn("the sounds cannot be seen from here", f"on the switch, `ls {folder}/beep.*` must find a file; if not, {mend}")
    elif missing := [name for name in SOUNDS if not any(folder.glob(f"{name}.*"))]:
        yield bad(f"sounds are missing in {folder}: {', '.join(missing)}", mend)
    else:
        yield ok(f"the sounds are in {folder}")


def _trunk(ami: AmiTalk, trunk: str) -> Iterator[Finding]:
    state = ami.get(f"DEVICE_STATE(PJSIP/{trunk})")
    codecs = ami.get(f"PJSIP_ENDPOINT({trunk},allow)")
    if not state and not codecs:
        yield warn(
            f"the trunk {trunk!r} cannot be seen: the switch has neither func_devstate nor func_pjsip_endpoint loaded",
            f"on the switch, `asterisk -rx 'pjsip show endpoint {trunk}'` must show it",
        )
        return
    if state == "INVALID" or (not state and not codecs):
        yield bad(
            f"the switch has no PJSIP endpoint {trunk!r}",
            "include pjsip_outdial.conf in pjsip.conf, and `module reload res_pjsip.so`",
        )
        return
    if codecs and not set(re.findall(r"\w+", codecs)) & {"ulaw", "alaw"}:
        yield bad(
            f"the trunk {trunk!r} allows only {codecs}",
            "write `allow = ulaw,alaw` in its endpoint: telephone networks speak G.711",
        )
    elif codecs:
        yield ok(f"the trunk {trunk!r} speaks {codecs.strip('()').replace('|', ', ')}")
    yield from _reach(ami, trunk)


def _reach(ami: AmiTalk, trunk: str) -> Iterator[Finding]:
    aor = (ami.get(f"PJSIP_ENDPOINT({trunk},aors)") or "").split(",")[0]
    contact = (ami.get(f"PJSIP_AOR({aor},contact)") or "").split(",")[0] if aor else ""
    if aor and not contact:
        yield bad(
            f"the trunk {trunk!r} has no contact: nobody is registered there",
            f"write `contact = sip:carrier:5060` in [{aor}] of type aor",
        )
        return
    every_s = ami.get(f"PJSIP_AOR({aor},qualify_frequency)") if aor else None
    if every_s == "0":
        yield warn(
            f"whether the trunk {trunk!r} is up is not known: it is never asked",
            f"write `qualify_frequency = 30` in [{aor}] of type aor",
        )
        return
    rtt = f"PJSIP_CONTACT({contact},rtt)"
    before, was_up = ami.get(rtt), ami.get(f"DEVICE_STATE(PJSIP/{trunk})") != "UNAVAILABLE"
    # The last answer may be half a minute old, or, after a reload, there is none yet: ask anew, and wait until something has
    # moved or the time for an answer is over.
    asked = ami.action("PJSIPQualify", {"Endpoint": trunk}).get("Response") == "Success"
    deadline = time.monotonic() + QUALIFY_S
    while asked and time.monotonic() < deadline:
        if ami.get(rtt) != before or (was_up and ami.get(f"DEVICE_STATE(PJSIP/{trunk})") == "UNAVAILABLE"):
            break
        time.sleep(0.05)
    if ami.get(f"DEVICE_STATE(PJSIP/{trunk})") == "UNAVAILABLE":
        yield bad(
            f"the trunk {trunk!r} does not answer", "is `contact` the carrier's address, and does a firewall let SIP through?"
        )
    else:
        yield ok(f"the trunk {trunk!r} answers")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        return False
