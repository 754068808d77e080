"""The settings of message gateways: read with their secrets kept, and every mistake told before a gateway is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.app_messages import gateway_configs
from dialer.channels.smpp_config import SmppConfig
from dialer.channels.twilio_config import TwilioConfig
from dialer.errors import BadSettings
from dialer.settings import load_settings
from tests.settings_kit import mistakes, write

pytestmark = pytest.mark.unit

MESSAGES = """\
[web]
listen = "127.0.0.1:8088"
public_url = "https://dialer.example.org"
[messages]
secret = "0123456789abcdef"
[[sms_gateway]]
name = "twilio"
type = "twilio"
account_sid = "AC00000000000000000000000000000000"
secret = "token"
sender = "+15550100000"
[[sms_gateway]]
name = "centre"
type = "smpp"
host = "127.0.0.1"
system_id = "outdial"
secret = "password"
sender = "BloodBank"
[[email_gateway]]
name = "mail"
host = "127.0.0.1"
security = "none"
sender = "donate@example.org"
answers_domain = "answers.example.org"
imap_host = "127.0.0.1"
imap_username = "us"
imap_secret = "mailbox-canary"
"""


def test_gateways_of_messages_are_read_and_their_secrets_stay_secret(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, MESSAGES), environ={"OUTDIAL__SMS_GATEWAY__TWILIO__SECRET": "canary-token"})
    assert "canary" not in repr(settings)
    twilio, centre = gateway_configs(settings).sms
    assert isinstance(twilio, TwilioConfig)
    assert (twilio.auth_token, twilio.public_url) == ("canary-token", "https://dialer.example.org")
    assert isinstance(centre, SmppConfig)
    assert (centre.password, centre.port, centre.default_alphabet) == ("password", 2775, "gsm")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('public_url = "https://', 'public_url = "http://', "web.public_url: must begin with https://"),
        ('listen = "127.0.0.1:8088"\n', "", "web.listen: is missing: Twilio brings its news there"),
        ('listen = "127.0.0.1', 'listen = "0.0.0.0', "web.listen: must be an address of this machine itself"),
        ('secret = "0123456789abcdef"\n', "", "messages.secret: is missing (or secret_file): it tells our own bounces"),
        ('"0123456789abcdef"', '"short"', "messages.secret: must have at least 16 characters"),
        ('name = "centre"', 'name = "twilio"', "sms_gateway[1].name: a second [[sms_gateway]] is called 'twilio'"),
        ('name = "mail"', 'name = "twilio"', "email_gateway[0].name: a second gateway is called 'twilio'"),
        ('type = "smpp"', 'type = "smtp"', "sms_gateway[1].type: input should be 'twilio' or 'smpp'"),
        ('system_id = "outdial"', "window = 3", "sms_gateway[1].system_id: is missing"),
        (
            'system_id = "outdial"',
            'system_id = "o"\naccount_sid = "A"',
            "sms_gateway[1].account_sid: is for gateways of the type",
        ),
        ('secret = "token"\n', "", "sms_gateway[0].secret: is missing (or secret_file)"),
        ('security = "none"', 'security = "none"\nusername = "us"', "email_gateway[0].secret: is missing (or secret_file)"),
        ('imap_username = "us"\n', "", "email_gateway[0].imap_username: is missing"),
        ('imap_secret = "mailbox-canary"\n', "", "email_gateway[0].imap_secret: is missing (or imap_secret_file)"),
        (
            'sender = "BloodBank"',
            'sender = "BloodBank"\ndefault_alphabet = "latin1"',
            "sms_gateway[1].default_alphabet: input should be 'gsm', 'latin-1' or 'ascii'",
        ),
        (
            'secret = "token"',
            'secret = "token"\ndefault_alphabet = "ascii"',
            "default_alphabet: is for gateways of the type",
        ),
        ('sender = "BloodBank"', 'sender = "BloodBank"\nrefusals = {432 = "content"}', "'432' is no status"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_told_before_it_is_used(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in MESSAGES
    assert any(told in one for one in mistakes(tmp_path, MESSAGES.replace(before, after, 1)))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"AC0000', '"AC', "sms_gateway 'twilio': account_sid"),
        ('"BloodBank"', '"much too long a name"', "sms_gateway 'centre': sender"),
        ('"password"', '"more than eight"', "sms_gateway 'centre': password"),
        ('"answers.example.org"', '"no domain"', "email_gateway 'mail': the domain of answers"),
    ],
)
def test_what_a_gateway_itself_cannot_take_is_told_too(tmp_path: Path, before: str, after: str, told: str) -> None:
    settings = load_settings(write(tmp_path, MESSAGES.replace(before, after, 1)), environ={})
    with pytest.raises(BadSettings) as caught:
        gateway_configs(settings)
    assert told in str(caught.value)
