"""Agents' phones in browsers: the files for a switch of one's own serve them, and the check says what is missing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dialer.lab.findings import Finding, Level
from dialer.lab.lab import Lab
from dialer.lab.phone_check import look_at_web
from dialer.lab.switch_check import check_switch
from dialer.lab.switch_files import SwitchPlan, write_switch_files
from dialer.lab.web_phones import WEB_PHONE, WebPhone
from tests.leaks import keep
from tests.web_phone import BrowserPhone
from tests.web_sound import self_signed

pytestmark = pytest.mark.integration


def findings(lab: Lab, phone: str) -> list[Finding]:
    """What is said of a phone, after what is said of every switch."""
    at = lab.switch
    found = check_switch(host=at.host, port=at.port, username=at.username, secret=at.secret, trunk=lab.trunk, phone=phone)
    return [finding for finding in found if "phone '" in finding.what]


async def test_a_phone_that_is_registered_has_no_fault(web_lab: Lab, web_phone: WebPhone) -> None:
    assert [(one.level, one.what) for one in findings(web_lab, WEB_PHONE)][-1] == (
        Level.WARN,
        "nobody is registered as the phone 'web-phone' now",
    )
    async with BrowserPhone.opened(web_phone):
        # In a thread: the phone is asked meanwhile whether it is there.
        found = await asyncio.to_thread(findings, web_lab, WEB_PHONE)
        assert [finding.level for finding in found] == [Level.OK, Level.OK]
    assert look_at_web(web_phone.url).level is Level.OK


async def test_a_wrong_password_is_refused(web_lab: Lab, web_phone: WebPhone) -> None:
    with pytest.raises(AssertionError, match="401"):
        async with BrowserPhone.opened(WebPhone(name=web_phone.name, secret="wrong", url=web_phone.url)):
            pass


async def test_nobody_can_be_called_from_an_agents_phone(web_phone: WebPhone) -> None:
    async with BrowserPhone.opened(web_phone) as tab:
        for number in ("s", "+15550100001", "support"):
            assert await tab.try_to_call(number) in (403, 404)


def test_addresses_that_serve_no_browser_are_told(web_phone: WebPhone) -> None:
    assert "404" in look_at_web(f"{web_phone.url}/elsewhere").what
    assert "cannot be reached" in look_at_web("wss://127.0.0.1:9/ws").what
    assert "cannot be reached" in look_at_web(web_phone.url.replace("ws:", "wss:", 1)).what  # no TLS there
    assert "no address of a WebSocket" in look_at_web("http://127.0.0.1:8088/ws").what
    assert "no address of a WebSocket" in look_at_web("wss://127.0.0.1:808888/ws").what


async def test_the_files_as_they_are_written_serve_a_browser_over_tls(web_lab: Lab, web_phone: WebPhone, tmp_path: Path) -> None:
    etc, key = web_lab.switch_instance.folder / "etc", ec.generate_private_key(ec.SECP256R1())
    certificate, private = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.write_bytes(self_signed(key).public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    texts = {path.name: path.read_text() for path in write_switch_files(tmp_path / "files", SwitchPlan(transport="local"))}
    web = texts["http_outdial.conf"].replace("/etc/asterisk/keys", str(tmp_path))
    web = web.replace("0.0.0.0:8089", f"127.0.0.1:{web_lab.ports.web}").replace("8088", str(web_lab.ports.control))
    phones = texts["pjsip_outdial_phones.conf"]
    (etc / "http.conf").write_text("[general]\n#include http_outdial.conf\n")
    (etc / "http_outdial.conf").write_text(web)
    (etc / "pjsip_outdial_phones.conf").write_text(phones)
    await web_lab.kill_switch()
    log = web_lab.switch_instance.folder / "log/messages"
    before = len(log.read_text())
    await web_lab.start_switch()
    keep(web_lab.switch_instance.keeper_pid)
    complaints = [line for line in log.read_text()[before:].splitlines() if "ERROR" in line or "WARNING" in line]
    assert [line for line in complaints if "PJSIP_SAFE_MODULE" not in line] == []  # a word of the library's about every module

    url = f"wss://127.0.0.1:{web_lab.ports.web}/ws"
    assert "no browser would trust the certificate" in look_at_web(url).what
    secrets = dict(re.findall(r"^username = (\S+)\npassword = (\S+)$", phones, re.MULTILINE))
    assert len(set(secrets.values())) == len(secrets) == 2
    async with BrowserPhone.opened(WebPhone(name=WEB_PHONE, secret=secrets[WEB_PHONE], url=url), trusts=certificate):
        found = await asyncio.to_thread(findings, web_lab, WEB_PHONE)
        assert [finding.level for finding in found] == [Level.OK, Level.OK]
        assert "5 s without sound" in found[0].what


def test_what_a_switch_needs_for_a_browser_and_has_not_is_told(web_lab: Lab) -> None:
    switch = web_lab.switch_instance
    phones = switch.folder / "etc/pjsip_outdial_phones.conf"
    text = re.sub(r"rtp_timeout = .*", "rtp_timeout = 0", phones.read_text()).replace("allow = ulaw,alaw", "allow = opus")
    phones.write_text(text)
    for module in ("res_pjsip_transport_websocket", "res_http_websocket"):
        switch.rx(f"module unload {module}.so")
    switch.rx("module reload res_pjsip.so")
    told = "\n".join(f"{finding.level} {finding.what}" for finding in findings(web_lab, WEB_PHONE))
    assert "BAD the phone 'web-phone' is a browser, and the switch has not loaded res_http_websocket" in told
    assert "not loaded res_pjsip_transport_websocket" in told
    assert "not loaded res_srtp" not in told
    assert "allows only opus" in told
    assert "WARN a browser that dies is not noticed" in told
    assert [finding.what for finding in findings(web_lab, "desk-phone")] == ["nobody is registered as the phone 'desk-phone' now"]
    assert [finding.what for finding in findings(web_lab, "nobody")] == ["the phone 'nobody' is no PJSIP endpoint of the switch"]
