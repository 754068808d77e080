"""The commands around settings, strategies and contacts, and the files that an installed wheel brings along."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dialer.cli.config import check_config, init
from dialer.cli.contacts import contacts_app
from dialer.cli.strategy import strategy_app
from dialer.resources import resource, resources
from dialer.settings import load_settings
from dialer.store.store import Store

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.add_typer(contacts_app, name="contacts")
app.add_typer(strategy_app, name="strategy")
app.command("check-config")(check_config)
app.command("init")(init)


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


def test_init_writes_a_folder_to_begin_with_and_never_overwrites(tmp_path: Path) -> None:
    run("init", str(tmp_path / "new"))
    config = tmp_path / "new" / "config"
    written = sorted(path.relative_to(config).as_posix() for path in config.rglob("*") if path.is_file())
    assert written == sorted(resources())
    (config / "dialer.toml").write_text("# mine\n")
    (config / "samples" / "donors.csv").unlink()
    output = run("init", str(tmp_path / "new"))
    assert (config / "dialer.toml").read_text() == "# mine\n"
    assert (config / "samples" / "donors.csv").is_file()
    assert "kept" in output


def test_check_config_tells_every_mistake_or_what_holds(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    config = tmp_path / "config" / "dialer.toml"
    assert "no mistakes" in run("check-config", "--config", str(config))
    config.write_text("[node]\nnme = 1\n[log]\nlevel = 'x'\n")
    output = run("check-config", "--config", str(config), code=2)
    assert "dialer.toml:2: node.nme: unknown key" in output
    assert "dialer.toml:4: log.level" in output


def test_check_config_tells_what_would_cost_answers_and_opt_outs_of_mails(tmp_path: Path) -> None:
    config = tmp_path / "dialer.toml"
    lines = [
        "[messages]",
        f'secret = "{"x" * 32}"',
        "[[email_gateway]]",
        'name = "mail"',
        'host = "127.0.0.1"',
        'security = "none"',
    ]
    lines += ['sender = "a@example.org"', 'answers_domain = "mail.example.org"']
    config.write_text("\n".join(lines))
    output = run("check-config", "--config", str(config))
    assert "email gateway mail: bounces, answers and opt-outs do not come back" in output
    assert "mails offer no one click to unsubscribe" in output
    web = '[web]\nlisten = "127.0.0.1:8088"\npublic_url = "https://dialer.example.org"'
    config.write_text("\n".join([*lines, 'lmtp = "127.0.0.1:2424"', web]))
    output = run("check-config", "--config", str(config))
    assert "do not come back" not in output
    assert "one click" not in output


def test_strategy_check_tells_what_a_strategy_does_or_what_is_wrong(tmp_path: Path) -> None:
    output = run("strategy", "check", str(resource("strategies/blood_donation.yaml")))
    assert "rings mobile (08:00–21:00), home (09:00–20:00) for 30 s" in output
    bad = tmp_path / "bad.yaml"
    bad.write_text("strategy: x\nstatus: completed\n")
    assert "handlers: is missing" in run("strategy", "check", str(bad), code=2)


def test_contacts_are_imported_and_listed_with_masked_numbers(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    config = tmp_path / "config" / "dialer.toml"
    store = Store(load_settings(config).database_url)
    store.migrate()
    store.close_now()
    source = tmp_path / "x.csv"
    source.write_text("id,name,phone\n1,Ana,2125550101\n2,Ben,junk\n")
    output = run("contacts", "import", str(source), "--list", "Some [bold]", "--config", str(config))
    assert "x-errors.csv" in output
    assert (tmp_path / "var" / "imports" / "x-errors.csv").is_file()
    assert "Some [bold]" in run("contacts", "list", "--config", str(config))
    listed = run("contacts", "list", "some [bold]", "--config", str(config))
    assert "America/New_York" in listed
    assert "+12125550101" not in listed
    assert "+12125550101" in run("contacts", "list", "some [bold]", "--show-numbers", "--config", str(config))


def test_a_wheel_brings_settings_strategies_and_samples_along(tmp_path: Path) -> None:
    source = tmp_path / "source"
    kept_out = shutil.ignore_patterns(".*", "var", "build", "dist", "*.egg-info", "__pycache__", "tests", "bench")
    shutil.copytree(ROOT, source, ignore=kept_out)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("outdial-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    code = "from dialer.resources import resource, resources; print(*(resource(name) for name in resources()), sep='\\n')"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(installed)}, check=True, capture_output=True, text=True
    ).stdout.split()
    assert found == [str(installed / "dialer" / "config_files" / name) for name in resources()]
    assert [Path(path).read_bytes() for path in found] == [resource(name).read_bytes() for name in resources()]


def test_a_noun_that_is_loaded_alone_has_all_its_commands() -> None:
    """`dialer contacts` loads nothing but its own module: what another one would add to it, nobody could call."""
    program = """
import importlib
from dialer.__main__ import ALONE

def commands(noun):
    app = getattr(importlib.import_module(f"dialer.cli.{noun}"), f"{noun}_app")
    return sorted(one.name or one.callback.__name__ for one in app.registered_commands)

alone = {noun: commands(noun) for noun in ALONE}
import dialer.cli.commands
assert alone == {noun: commands(noun) for noun in ALONE}, alone
print(*alone["contacts"])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert {"add-to-job", "attribute", "exclude", "import", "show"} <= set(told.stdout.split())
