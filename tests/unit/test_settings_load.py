"""The settings file: every mistake at once, with its line and key; the environment goes before it; secrets stay secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from dialer.app_messages import gateway_configs
from dialer.errors import BadSettings
from dialer.resources import resource
from dialer.settings import Settings, load_settings, split_listen
from tests.settings_kit import mistakes, write

pytestmark = pytest.mark.unit

GOOD = """\
[node]
name = "n1"
data_dir = "var"

[[switch]]
name = "main"
secret = "s3cret-canary"

[[switch]]
name = "spare-1"
host = "::1"

[[trunk]]
name = "carrier"
switch = "main"
caller_id = "+15550100"

[ivr]
listen = "127.0.0.1:4573"

[log]
json = true
"""
SPARE = {"OUTDIAL__SWITCH__SPARE_1__SECRET": "other"}


def test_a_good_file_is_read(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD), environ=SPARE)
    assert settings.root == tmp_path.resolve()
    assert settings.data_dir == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/outdial.sqlite3"
    assert [one.secret.get_secret_value() for one in settings.switch] == ["s3cret-canary", "other"]
    assert (settings.switch[0].max_cps, settings.switch[0].max_channels) == (10, 250)
    assert settings.log.json_lines
    with pytest.raises(ValidationError):
        settings.node.name = "n2"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    text = GOOD + '[database]\nurl = "postgresql+psycopg://u:db-canary@h/d"\n[pdc]\ntoken = "pdc-canary"\n'
    settings = load_settings(write(tmp_path, text), environ=SPARE)
    assert "canary" not in f"{settings!r} {settings} {settings.switch[0]!r}"


SOURCES = """\
[[sftp]]
name = "partner"
host = "sftp.example.org"
username = "outdial"
secret_file = "config/secrets/partner"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 root@partner"
[[sftp]]
name = "other"
host = "10.0.0.7"
username = "outdial"
key_file = "config/secrets/key"
known_hosts = "config/known_hosts"
[[foreign_database]]
name = "crm-1"
url = "postgresql+psycopg://reader@crm.example.org/crm"
"""


def test_servers_and_databases_of_data_sources_have_their_secrets_from_anywhere_but_the_database(tmp_path: Path) -> None:
    (tmp_path / "config" / "secrets").mkdir(parents=True)
    (tmp_path / "config" / "secrets" / "partner").write_text("partner-canary\n")
    environ = {**SPARE, "OUTDIAL__FOREIGN_DATABASE__CRM_1__SECRET": "crm-canary"}
    settings = load_settings(write(tmp_path, GOOD + SOURCES), environ=environ)
    assert [one.secret.get_secret_value() for one in settings.sftp] == ["partner-canary", ""]
    assert settings.foreign_database[0].secret.get_secret_value() == "crm-canary"
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('host_key = "ssh-ed25519 AAAA', 'host_key = "AAAA'), "dialer.toml:28: sftp[0].host_key: must be a public key"),
        (
            ('known_hosts = "config/known_hosts"\n', ""),
            "sftp[1].host_key: is missing (or known_hosts): files are fetched from no",
        ),
        (('key_file = "config/secrets/key"\n', ""), "sftp[1].secret: is missing (or secret_file, key_file, or the variable"),
        (('name = "other"', 'name = "partner"'), "sftp[1].name: a second [[sftp]] is called 'partner'"),
        (('url = "postgresql', 'ur = "postgresql'), "foreign_database[0].ur: unknown key (did you mean 'url'?)"),
    ],
)
def test_a_server_whose_key_is_not_known_before_is_a_mistake(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    text = GOOD + SOURCES.replace("secret_file", "#").replace('user@partner"', '"').replace(*change)
    assert any(told in one for one in mistakes(tmp_path, text, **SPARE, OUTDIAL__SFTP__PARTNER__SECRET="x"))


def test_how_long_things_are_kept_is_read_and_its_mistakes_are_told(tmp_path: Path) -> None:
    said = '[retention]\nat = "02:15"\ntime_zone = "Europe/Istanbul"\nattempts = 730\nwithout_archive = ["recordings"]\n'
    kept = load_settings(write(tmp_path, said + '[exports]\nfolder = "out"\n'), environ={})
    assert (f"{kept.retention.at:%H:%M}", kept.retention.attempts, kept.retention.places) == ("02:15", 730, 0)
    assert (kept.archive_folder, kept.exports_folder) == (tmp_path / "var" / "archive", tmp_path / "out")
    wrong = '[retention]\nat = "night"\ntime_zone = "Europe/Istambul"\nattempts = -1\nplaces = "long"\n'
    told = mistakes(tmp_path, wrong + 'without_archive = ["attempts"]\n')
    assert told[:2] == [
        'dialer.toml:2: retention.at: must be a time of day: "03:30"',
        "dialer.toml:6: retention.without_archive[0]: input should be 'exports', 'imports' or 'recordings'",
    ]
    assert sorted(told[2:]) == [
        "dialer.toml:3: retention.time_zone: no such time zone (did you mean 'Europe/Istanbul'?)",
        "dialer.toml:4: retention.attempts: must be at least 0",
        "dialer.toml:5: retention.places: must be a whole number",
    ]


TEN_MISTAKES = """\
[node]
nme = "x"
[database]
group_commit_ms = "soon"
[[switch]]
name = "main"
secret = "canary"
host = "10.0.0.5"
port = 70000
[[trunk]]
name = "carrier"
switch = "mian"
caller_id = "555"
[ivr]
listen = "0.0.0.0:4573"
workers = 1.5
[numbers]
default_time_zone = "America/Denvr"
[log]
level = "loud"
"""


def test_ten_mistakes_are_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    told = mistakes(tmp_path, TEN_MISTAKES)
    assert sorted(told, key=lambda one: int(one.split(":")[1])) == [
        "dialer.toml:2: node.nme: unknown key (did you mean 'name'?)",
        "dialer.toml:4: database.group_commit_ms: must be a number",
        "dialer.toml:8: switch[0].host: must be an address of this machine itself, as the manager interface is not "
        "encrypted (or set allow_remote = true on a private network)",
        "dialer.toml:9: switch[0].port: must be at most 65535",
        "dialer.toml:12: trunk[0].switch: names the switch 'mian', which does not exist (there is main)",
        'dialer.toml:13: trunk[0].caller_id: must be a number in E.164: "+15550100"',
        "dialer.toml:15: ivr.listen: must be an address of this machine itself, as it is not encrypted "
        "(or set allow_remote = true on a private network)",
        "dialer.toml:16: ivr.workers: must be a whole number",
        "dialer.toml:18: numbers.default_time_zone: no such time zone (did you mean 'America/Denver'?)",
        "dialer.toml:20: log.level: must be debug, info, warning or error",
    ]
    assert "canary" not in str(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[node\nname = "x"\n', "dialer.toml:1: column 6: not TOML"),
        ("[dialing]\nlease_s = 3\n", "dialer.toml:1: dialing: unknown key (did you mean 'dialling'?)"),
        ('[switch]\nname = "x"\n', "dialer.toml:1: switch: must be a list of tables: write [[switch]]"),
        ('node = "x"\n', "dialer.toml:1: node: must be a table: [node]"),
        ('[[switch]]\nname = "x"\n', "switch[0].secret: is missing (or secret_file, or the variable OUTDIAL__SWITCH__X__SECRET)"),
        ('[[switch]]\nname = "x"\nsecret = "a\\nSecret: b"\n', "dialer.toml:3: switch[0].secret: must be one line of text"),
        ('[[switch]]\nname = "x"\nsecret_file = "gone"\n', "dialer.toml:3: switch[0].secret_file: gone cannot be read"),
        ('[[trunk]]\nname = "x"\nswitch = "y"\n', "does not exist (there is no [[switch]])"),
        ('[ivr]\nlisten = "127.0.0.1:99999"\n', "dialer.toml:2: ivr.listen: a port is at most 65535"),
        ('[ivr]\nlisten = "here"\n', 'dialer.toml:2: ivr.listen: must be "host:port"'),
        ('[pdc]\nlisten = "pbx.example.com:80"\n', "dialer.toml:2: pdc.listen: must be an address of this machine"),
        ("[dialling]\nlease_s = 0\n", "dialer.toml:2: dialling.lease_s: must be more than 0"),
        ("[dialling]\nlease_s = nan\n", "dialer.toml:2: dialling.lease_s: must be"),
        ('root = "/"\n', "root: unknown key"),
    ],
)
def test_a_mistake_is_told_with_its_mend(tmp_path: Path, text: str, told: str) -> None:
    assert any(told in one for one in mistakes(tmp_path, text)), mistakes(tmp_path, text)


def test_two_of_one_name_are_told(tmp_path: Path) -> None:
    switch = '[[switch]]\nname = "main"\nsecret = "x"\n'
    assert mistakes(tmp_path, switch + switch) == [
        "dialer.toml:5: switch[1].name: a second [[switch]] is called 'main': names are unique"
    ]


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    environ = {
        **SPARE,
        "OUTDIAL__NODE__NAME": "n2",
        "OUTDIAL__SWITCH__MAIN__PORT": "5039",
        "OUTDIAL__LOG__JSON": "false",
        "OUTDIAL__IVR__TTS__COMMAND": '["espeak-ng", "-s", "150"]',
        "PATH": "/bin",
    }
    settings = load_settings(write(tmp_path, GOOD), environ=environ)
    assert (settings.node.name, settings.switch[0].port, settings.log.json_lines) == ("n2", 5039, False)
    assert settings.ivr.tts.command == ("espeak-ng", "-s", "150")


def test_mistakes_of_the_environment_name_the_variable(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "", OUTDIAL__LOG__LEVEL="loud", OUTDIAL__DATABSE__URL="x", OUTDIAL__SWITCH__FOO__PORT="1")
    assert sorted(told) == [
        "environment OUTDIAL__DATABSE__URL: databse: unknown key (did you mean 'database'?)",
        "environment OUTDIAL__LOG__LEVEL: log.level: must be debug, info, warning or error",
        "environment OUTDIAL__SWITCH__FOO__PORT: there is no [[switch]] called 'foo'",
    ]


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "ami").write_text("from-a-file\n")
    settings = load_settings(
        write(tmp_path, '[[switch]]\nname = "main"\nsecret_file = "ami"\n[pdc]\ntoken_file = "ami"\n'), environ={}
    )
    assert settings.switch[0].secret.get_secret_value() == "from-a-file"
    assert settings.pdc.token.get_secret_value() == "from-a-file"
    both = '[[switch]]\nname = "main"\nsecret = "x"\nsecret_file = "ami"\n'
    assert mistakes(tmp_path, both) == ["dialer.toml:4: switch[0].secret_file: give either secret or secret_file, not both"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="there is no such file"):
        load_settings(tmp_path / "gone.toml", environ={})


def test_the_shipped_file_holds_with_and_without_its_suggestions(tmp_path: Path) -> None:
    text = resource("dialer.toml").read_text(encoding="utf-8")
    assert load_settings(write(tmp_path, text), environ={}).model_dump(exclude={"root"}) == Settings().model_dump(
        exclude={"root"}
    )
    (tmp_path / "config" / "secrets").mkdir()
    (tmp_path / "config" / "secrets" / "main").write_text("x")
    for name in ("pdc", "partner", "crm", "crm-webhook"):
        (tmp_path / "config" / "secrets" / name).write_text("y")
    for name in ("messages", "messages-old", "twilio", "twilio-old", "centre", "mail"):
        (tmp_path / "config" / "secrets" / name).write_text("z" * (32 if "messages" in name else 8))
    suggested = re.sub(r"(?m)^#(\[|[a-z_]+ =)", r"\1", text)
    settings = load_settings(write(tmp_path, suggested), environ={})
    assert [one.name for one in settings.switch] == ["main"]
    assert settings.trunk[0].endpoint == "carrier"
    assert settings.dialling == Settings().dialling  # what the comments give as defaults are the defaults
    assert (settings.ivr.tts, settings.log, settings.numbers) == (Settings().ivr.tts, Settings().log, Settings().numbers)
    assert [(one.name, one.timeout_s, one.at_once) for one in settings.publish] == [("crm", 10.0, 4), ("log", 10.0, 4)]
    assert ([one.name for one in settings.sftp], settings.imports) == (["partner"], Settings().imports)
    assert [(one.name, one.type) for one in settings.sms_gateway] == [("twilio", "twilio"), ("centre", "smpp")]
    assert (settings.messages.sms_wait_s, settings.messages.email_wait_s) == (3600, 300)
    configs = gateway_configs(settings)
    assert [one.name for one in (*configs.sms, *configs.email)] == ["twilio", "centre", "mail"]


def test_addresses_are_split() -> None:
    assert split_listen("127.0.0.1:4573") == ("127.0.0.1", 4573)
    assert split_listen("[::1]:0") == ("::1", 0)


PUBLISH = """\
[[publish]]
name = "both"
url = "https://crm.example.org/x"
file = "var/results.jsonl"
secret = "s"
[[publish]]
name = "neither"
[[publish]]
name = "open"
url = "http://crm.example.org/x"
[[publish]]
name = "odd"
url = "ftp://crm.example.org"
secret = "s"
[[publish]]
name = "own"
url = "http://127.0.0.1:8000/x"
"""


def test_a_target_of_results_is_a_signed_address_or_a_file(tmp_path: Path) -> None:
    assert mistakes(tmp_path, PUBLISH, OUTDIAL__PUBLISH__OWN__SECRET="s") == [
        "dialer.toml:13: publish[3].url: must be a web address: https://example.org/results",
        "dialer.toml:3: publish[0].url: either a url or a file, not both",
        "dialer.toml:6: publish[1].url: is missing (or file)",
        "dialer.toml:8: publish[2].secret: is missing (or secret_file, or the variable OUTDIAL__PUBLISH__OPEN__SECRET)",
        "dialer.toml:10: publish[2].url: must begin with https://, as results name people "
        "(or set allow_insecure = true on a private network)",
    ]


def test_the_agents_desk_is_served_to_this_machine_unless_the_network_is_private(tmp_path: Path) -> None:
    agents = load_settings(write(tmp_path, '[agents]\nlisten = "127.0.0.1:8090"\nmode = "mixed"\n'), environ={}).agents
    assert (agents.listen, agents.mode.value) == ("127.0.0.1:8090", "mixed")
    assert load_settings(write(tmp_path, ""), environ={}).agents.listen == ""
    wrong = '[agents]\nlisten = "0.0.0.0:8090"\nmode = "phone"\norigins = ["desk.example.org"]\n'
    assert mistakes(tmp_path, wrong) == [
        'dialer.toml:4: agents.origins[0]: must be the beginning of a web address: "https://desk.example.org"',
        "dialer.toml:3: agents.mode: must be 'telephony', 'mixed' or 'non_telephony'",
        "dialer.toml:2: agents.listen: must be an address of this machine itself, as it is not encrypted "
        "(or set allow_remote = true on a private network)",
    ]
