"""Write the settings with which a dialer calls through the lab."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

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
    path.write_text(TEXT.format(**quoted, port=switch.port, tts=json.dumps(list(tts))), encoding="utf-8")
    return path
