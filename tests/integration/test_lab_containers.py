"""The lab of containers: what is written into the shared volume fits the compose file and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer.lab.containers import DATA_FOLDER, FASTAGI_PORT, NETWORK, PORTS, ContainerLab, write
from dialer.lab.errors import LabFailed
from dialer.settings import Settings, load_settings

pytestmark = pytest.mark.integration

COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yml"


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    assert write(tmp_path)
    return load_settings(tmp_path / "dialer.toml", environ={})


def test_the_settings_name_containers_that_exist(settings: Settings, services: dict[str, Any]) -> None:
    assert settings.switch[0].host in services
    assert settings.ivr.advertise == f"dialer:{FASTAGI_PORT}"
    assert {"dialer", NETWORK.carrier} <= set(services)
    assert settings.switch[0].port == PORTS.ami


def test_the_switch_reads_prompts_where_the_dialer_writes_them(settings: Settings, services: dict[str, Any]) -> None:
    assert settings.data_dir == DATA_FOLDER
    assert f"data:{DATA_FOLDER}" in services["dialer"]["volumes"]
    assert f"data:{DATA_FOLDER}:ro" in services["switch"]["volumes"]


def test_nothing_of_the_lab_is_published_to_the_outside(services: dict[str, Any]) -> None:
    assert not any("ports" in service for service in services.values())


def test_switch_and_carrier_listen_to_the_network_of_the_containers(settings: Settings) -> None:
    etc = settings.root / "switch/etc", settings.root / "carrier/etc"
    assert all("bind = 0.0.0.0:5060" in (folder / "pjsip.conf").read_text() for folder in etc)
    assert "contact = sip:carrier:5060" in (etc[0] / "pjsip_outdial.conf").read_text()
    assert "permit = 172.16.0.0/12" in (etc[0] / "manager_outdial.conf").read_text()
    assert "match = 172.16.0.0/12" in (etc[1] / "pjsip.conf").read_text()


def test_a_second_start_keeps_the_password(tmp_path: Path) -> None:
    assert write(tmp_path)
    before = (tmp_path / "dialer.toml").read_text(), (tmp_path / "switch/etc/manager_outdial.conf").read_text()
    assert not write(tmp_path)
    assert before == ((tmp_path / "dialer.toml").read_text(), (tmp_path / "switch/etc/manager_outdial.conf").read_text())


def test_only_its_owner_can_read_the_password(tmp_path: Path) -> None:
    write(tmp_path)
    assert [(tmp_path / name).stat().st_mode & 0o077 for name in ("dialer.toml", "switch/etc/manager_outdial.conf")] == [0, 0]


def test_a_run_sees_its_own_calls_alone(tmp_path: Path) -> None:
    write(tmp_path)
    log = tmp_path / "carrier/truth.log"
    log.write_text("2026-01-02T03:04:05.678|+15550100001|older\n")
    lab = ContainerLab.reading(tmp_path)
    with log.open("a") as file:
        file.write("2026-01-02T03:05:05.678|+15550100002|ours\n")
    assert [call.attempt_id for call in lab.truth()] == ["ours"]


def test_a_folder_without_a_lab_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(LabFailed, match=r"docker/compose\.yml"):
        ContainerLab.reading(tmp_path)
