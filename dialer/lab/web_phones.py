"""Agents' phones in browsers (WebRTC): what a switch needs to serve them, and what the lab's own one is called."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

# What a switch must have loaded for a phone in a browser, and what there is not without it.
MODULES = {
    "res_http_websocket": "its web server takes no WebSockets",
    "res_pjsip_transport_websocket": "no SIP goes over a WebSocket",
    "res_srtp": "no sound can be encrypted, and browsers send no other",
}
# What the lab loads for it: there a phone has to log in, and `dialer switch check` sees what is loaded.
LAB_MODULES = [*MODULES, "res_pjsip_registrar", "res_pjsip_endpoint_identifier_user", "res_pjsip_nat", "func_module"]

NOTHING_COMES_IN = "outdial-nothing-comes-in"  # a context that no dialplan has
WEB_PHONE, DESK_PHONE = "web-phone", "desk-phone"
# Seconds without a packet until a phone counts as lost. Who talks into a browser sends packets all the time, also when muted.
WEB_TIMEOUT_S, DESK_TIMEOUT_S = 5, 30
LAB_TIMEOUT_S = 2  # nobody wants to wait for it in a test


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPhone:
    """A phone of the lab that a browser on this machine can be: SIP over the WebSocket `url`."""

    name: str
    secret: str = field(repr=False)
    url: str


def example() -> dict[str, object]:
    """The shipped file of phones for a switch of one's own, with fresh passwords."""
    return _phones(protocol="wss", bind="0.0.0.0", secret=secrets.token_urlsafe(18), timeout_s=WEB_TIMEOUT_S)


def in_lab(bind: str, secret: str) -> dict[str, object]:
    """The same file in the lab."""
    return _phones(protocol="ws", bind=bind, secret=secret, timeout_s=LAB_TIMEOUT_S)


def http_conf(bind: str, port: int) -> str:
    """The lab's web server: without TLS, as it is for this machine alone."""
    return f"[general]\nenabled = yes\nbindaddr = {bind}\nbindport = {port}\n"


def _phones(*, protocol: str, bind: str, secret: str, timeout_s: int) -> dict[str, object]:
    return {
        "incoming": NOTHING_COMES_IN,
        "desk_phone": DESK_PHONE,
        "desk_phone_secret": secrets.token_urlsafe(18),
        "desk_phone_timeout_s": DESK_TIMEOUT_S,
        "web_protocol": protocol,
        "web_bind": bind,
        "web_phone": WEB_PHONE,
        "web_phone_secret": secret,
        "web_phone_timeout_s": timeout_s,
    }
