"""Write the configuration of a lab whose switch, carrier and dialer are containers on a network of their own.

`python -m dialer.lab.containers FOLDER` fills a volume that all three share, once; after that it changes nothing.
The names of the containers, their folders and ports are those of docker/compose.yml.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from dialer.lab import debian
from dialer.lab.config import TRUNK, USERNAME, Network, write_carrier, write_switch
from dialer.lab.errors import LabFailed
from dialer.lab.obtain import MODULES, SOUNDS, AsteriskBuild
from dialer.lab.ports import Ports
from dialer.lab.truth import Truth, read_truth

PORTS = Ports(ami=5038, switch_sip=5060, carrier_sip=5060, switch_rtp=10_000, carrier_rtp=10_000)
FASTAGI_PORT = 4573
SETTINGS_FILE = "dialer.toml"
DATA_FOLDER = Path("/var/lib/outdial")  # shared with the switch: rendered prompts lie in it
CALLER_ID = "+15550100000"

# A Docker engine takes its networks from the private ranges; nobody outside of them can reach a container.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
NETWORK = Network(bind="0.0.0.0", carrier="carrier", switch="switch", managers=PRIVATE, customers=PRIVATE)

SETTINGS = """\
# Written for the containers of docker/compose.yml.
[node]
data_dir = "{data_folder}"

[[switch]]
name = "lab"
host = "switch"
port = {ami_port}
username = "{username}"
secret = "{secret}"
allow_remote = true  # the containers' own network
max_cps = 20

[[trunk]]
name = "{trunk}"
switch = "lab"
caller_id = "{caller_id}"
tag_calls = true  # the carrier's log tells the attempts apart
max_cps = 20

[ivr]
listen = "0.0.0.0:{fastagi_port}"
advertise = "dialer:{fastagi_port}"
allow_remote = true

[dialling]
drain_s = 5
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLab:
    """A switch and a carrier that run already, as the dialer's container sees them."""

    folder: Path
    calls_before: int  # those of earlier runs stand in the same log

    @classmethod
    def reading(cls, folder: Path) -> ContainerLab:
        """The lab whose configuration lies in `folder`. Raises LabFailed where there is none."""
        if not (folder / SETTINGS_FILE).exists():
            raise LabFailed(f"{folder} is not the volume of a lab of containers: docker/compose.yml makes one")
        return cls(folder=folder, calls_before=len(read_truth(_truth_file(folder))))

    @property
    def settings_file(self) -> Path:
        """The dialer's settings for this lab."""
        return self.folder / SETTINGS_FILE

    def truth(self) -> list[Truth]:
        """Every call that arrived at the carrier since we looked first, in order."""
        return read_truth(_truth_file(self.folder))[self.calls_before :]


def write(folder: Path) -> bool:
    """Write everything below `folder`; False where that was done before. The settings come last: they say that it is whole."""
    settings = folder / SETTINGS_FILE
    if settings.exists():
        return False
    secret = secrets.token_urlsafe(24)
    modules = Path(MODULES[0].format(triplet=debian.architecture()[1]))
    build = AsteriskBuild(command=("asterisk",), modules=modules, sounds=Path(SOUNDS[1]), version="", source="docker")
    for role in ("switch", "carrier"):
        (folder / role / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    switch, carrier = folder / "switch", folder / "carrier"
    write_switch(switch, switch / "run", build, PORTS, secret=secret, system_name="outdial-switch", network=NETWORK)
    truth = _truth_file(folder)
    write_carrier(carrier, carrier / "run", build, PORTS, truth=truth, system_name="outdial-carrier", network=NETWORK)
    values = {"ami_port": PORTS.ami, "username": USERNAME, "secret": secret, "trunk": TRUNK, "caller_id": CALLER_ID}
    half = settings.with_suffix(".part")
    half.touch(mode=0o600)
    half.write_text(SETTINGS.format(data_folder=DATA_FOLDER, fastagi_port=FASTAGI_PORT, **values))
    half.rename(settings)
    return True


def _truth_file(folder: Path) -> Path:
    return folder / "carrier/truth.log"


def main() -> None:
    """Fill the folder that is named on the command line."""
    folder = Path(sys.argv[1])
    done = write(folder)
    sys.stdout.write(f"{'Wrote' if done else 'Kept'} the configuration of switch, carrier and dialer in {folder}\n")


if __name__ == "__main__":
    main()
