"""Write the settings with which a dialer calls through the lab."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.lab import Lab

DIALER_SETTINGS = "dialer.toml"

TEXT = """\
# A dialer for the lab in this folder. `dialer lab down` takes it away with the lab, and all that is in data_dir.

[node]
data_dir = {data}

[[switch]]
name = {switch}
host = {host}
port = {port}
username = {username}
secret = {secret}
max_cps = 20

[[trunk]]
name = {trunk}
switch = {switch}
caller_id = {caller_id}
max_cps = 20
tag_calls = true  # the carrier writes our attempt ids down

[ivr]
apps = [{apps}]  # where `dialer ivr new` writes

[ivr.tts]
command = {tts}

[agents]
listen = {desk}  # the desk of agents and supervisors
"""

MESSAGES = """
[web]
listen = {hooks}
public_url = {public_url}

[messages]
secret = {secret}
sms_wait_s = 10    # nobody here takes longer
email_wait_s = 2
"""

# The first gateway is the usual one; a strategy names the other: `gateway: centre`.
SMS = """
[[sms_gateway]]
name = "twilio"
type = "twilio"
account_sid = {account_sid}
secret = {auth_token}
api_url = {twilio}
sender = {sender}
max_per_s = 50

[[sms_gateway]]
name = "centre"
type = "smpp"
host = "127.0.0.1"
port = {smpp}
system_id = {system_id}
secret = {password}
sender = {sender}
refusals = {{"0x455" = "opted out"}}
tag_messages = true  # the message centre writes our attempt ids down
"""

EMAIL = """
[[email_gateway]]
name = "mail"
host = "127.0.0.1"
port = {smtp}
security = "none"
sender = "The lab <lab@outdial.test>"
answers_domain = "outdial.test"
lmtp = {lmtp}
"""


def write_dialer_settings(lab: Lab, *, apps: Path, tts: Sequence[str]) -> Path:
    """`apps` is the folder of IVR apps, `tts` the command that speaks. Only the owner can read the file: a secret is in it."""
    switch = lab.switch
    words = {
        "data": str(lab.folder / "data"),
        "switch": switch.name,
        "host": switch.host,
        "username": switch.username,
        "secret": switch.secret,
        "trunk": lab.trunk,
        "caller_id": lab.caller_id,
        "apps": str(apps.absolute()),
        "desk": f"127.0.0.1:{lab.ports.desk}",
    }
    quoted = {name: json.dumps(word) for name, word in words.items()}  # what JSON takes for text, TOML does, too
    path = lab.folder / DIALER_SETTINGS
    path.touch(mode=0o600)
    text = TEXT.format(**quoted, port=switch.port, tts=json.dumps(list(tts)))
    if lab.gateways is not None:
        text += _of_gateways(lab.gateways)
    path.write_text(text, encoding="utf-8")
    return path


def send_answers(gateways: GatewayProcess, *, sms_url: str = "", lmtp: str = "") -> None:
    """Let people's answers go to the dialer of these settings, or to where somebody wants them. Raises OSError."""
    ports = gateways.ports
    here = {"sms_url": f"http://127.0.0.1:{ports.hooks}/hooks/twilio/twilio/inbound", "lmtp": f"127.0.0.1:{ports.lmtp}"}
    gateways.tell("/answers", here | {name: where for name, where in (("sms_url", sms_url), ("lmtp", lmtp)) if where})


def _of_gateways(gateways: GatewayProcess) -> str:
    ports, plan = gateways.ports, gateways.plan
    words = {
        **{name: plan[name] for name in ("account_sid", "auth_token", "system_id", "password")},
        "secret": secrets.token_hex(32),
        "hooks": f"127.0.0.1:{ports.hooks}",
        "public_url": f"http://127.0.0.1:{ports.hooks}",
        "twilio": gateways.twilio_url,
        "sender": "+15550199999",
        "lmtp": f"127.0.0.1:{ports.lmtp}",
    }
    quoted = {name: json.dumps(word) for name, word in words.items()}
    parts = (MESSAGES, SMS if gateways.sms else "", EMAIL if gateways.email else "")
    return "".join(part.format(**quoted, smpp=ports.smpp, smtp=ports.smtp) for part in parts)
