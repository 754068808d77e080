"""Say in plain words what is wrong with an agent's phone on the switch, and with the switch where the phone is a browser."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from dialer.lab.ami import AmiTalk
from dialer.lab.findings import Finding, bad, ok, warn
from dialer.lab.web_phones import MODULES, WEB_TIMEOUT_S

G711 = {"ulaw", "alaw"}
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "b3V0ZGlhbC1jaGVjay1vbg==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
}
OPUS_CODECS = ("codec_opus", "codec_opus_open_source")


def look_at_phone(ami: AmiTalk, phone: str) -> Iterator[Finding]:
    """An endpoint of the switch that is rung as an agent's phone."""
    state = ami.get(f"DEVICE_STATE(PJSIP/{phone})")
    codecs = set(re.findall(r"\w+", ami.get(f"PJSIP_ENDPOINT({phone},allow)") or ""))
    if not state and not codecs:
        yield warn(
            f"the phone {phone!r} cannot be seen: the switch has neither func_devstate nor func_pjsip_endpoint loaded",
            f"on the switch, `asterisk -rx 'pjsip show endpoint {phone}'` must show it",
        )
        return
    if state == "INVALID" or (not state and not codecs):
        yield bad(
            f"the phone {phone!r} is no PJSIP endpoint of the switch",
            "pjsip_outdial_phones.conf has one to start from; then `module reload res_pjsip.so`",
        )
        return
    if ami.get(f"PJSIP_ENDPOINT({phone},webrtc)") == "yes":
        yield from _browser(ami, phone, codecs)
    if state == "UNAVAILABLE":
        yield warn(
            f"nobody is registered as the phone {phone!r} now",
            "open its page, or switch it on, and look again. Where a page cannot reach the switch: `--web wss://HOST:8089/ws`",
        )
    else:
        yield ok(f"the phone {phone!r} is there")


def _browser(ami: AmiTalk, phone: str, codecs: set[str]) -> Iterator[Finding]:
    good = True
    for name, missed in MODULES.items():
        loaded = _loaded(ami, name)
        if loaded is None:
            good = False
            yield warn(
                f"whether the switch can serve browsers cannot be seen: it has no func_module ({name})",
                f"on the switch, `asterisk -rx 'module show like {name}'` must show it as Running",
            )
        elif not loaded:
            good = False
            yield bad(
                f"the phone {phone!r} is a browser, and the switch has not loaded {name}: {missed}",
                f"load = {name}.so in modules.conf, and restart the switch: a transport is not made by a reload",
            )
    if codecs and not codecs & G711 and not ("opus" in codecs and any(_loaded(ami, name) for name in OPUS_CODECS)):
        good = False
        yield bad(
            f"the phone {phone!r} allows only {', '.join(sorted(codecs))}, which the switch cannot turn into G.711: it is mute",
            "write `allow = ulaw,alaw` in its endpoint: every browser speaks G.711",
        )
    timeout = ami.get(f"PJSIP_ENDPOINT({phone},rtp_timeout)")
    if timeout == "0":
        good = False
        yield warn(
            f"a browser that dies is not noticed on the phone {phone!r}: its contact would talk with nobody",
            f"write `rtp_timeout = {WEB_TIMEOUT_S}` in its endpoint",
        )
    if good:
        yield ok(f"the switch can serve a browser as the phone {phone!r}, and takes it for lost after {timeout} s without sound")


def look_at_web(url: str, *, timeout_s: float = 5.0) -> Finding:
    """The switch's web server, as a page of an agent reaches it: ws://host:port/ws, or wss:// with a certificate."""
    try:
        parts = urlsplit(url)
        usual = {"ws": 80, "wss": 443}[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        return bad(f"{url!r} is no address of a WebSocket", "such as wss://pbx.example.com:8089/ws")
    made = http.client.HTTPSConnection if parts.scheme == "wss" else http.client.HTTPConnection
    connection = made(parts.hostname or "", port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/", headers=UPGRADE)
        answer = connection.getresponse()
    except ssl.SSLCertVerificationError as distrusted:
        return bad(
            f"no browser would trust the certificate of {url}: {distrusted.verify_message}",
            "in http_outdial.conf, a certificate for this very name, of an authority that browsers know, with its whole chain",
        )
    except (OSError, http.client.HTTPException) as refused:
        return bad(
            f"{url} cannot be reached: {getattr(refused, 'strerror', None) or refused}",
            "include http_outdial.conf in http.conf, `module reload http`, and let a firewall pass its port",
        )
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
        return bad(
            f"{url} takes no SIP over WebSocket: it answers {answer.status} {answer.reason}",
            "is the path /ws, and are res_http_websocket and res_pjsip_transport_websocket loaded?",
        )
    return ok(f"{url} takes SIP over WebSocket")


def _loaded(ami: AmiTalk, module: str) -> bool | None:
    """Whether a module runs; None where the switch does not say."""
    said = ami.get(f"IFMODULE({module}.so)")
    return None if said is None or said == "" else said == "1"
