"""The settings of this node: config/dialer.toml and the environment, read once, checked whole, and then never changed."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationError

from dialer.domain.installation import InstallationMode
from dialer.errors import BadSettings, unreadable
from dialer.settings.check import cross_checks, explain
from dialer.settings.messages import EmailGateway, Messages, SmsGateway, Web
from dialer.settings.section import LISTEN_OR_NOT, Listen, Name, Seconds, Section
from dialer.settings.sources import KeyLines, environment_layer, merge, mistake, read_secret_files

DEFAULT_FILE = Path("config/dialer.toml")
SWITCH_PORT = 5038

CallerId = Annotated[str, StringConstraints(pattern=r"^(\+[0-9]{3,15})?$")]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Days = Annotated[int, Field(ge=0, le=36_500)]


class Node(Section):
    """[node]: this process."""

    name: Name = "node1"
    data_dir: Path = Path("var")  # the embedded database, rendered prompts, error files of imports


class Database(Section):
    """[database]: where everything is kept."""

    url: str = Field(default="", repr=False)  # "" = an SQLite file in data_dir; may hold a password, so it is never shown
    group_commit_ms: Annotated[float, Field(ge=0, le=1000)] = 20.0


class Switch(Section):
    """[[switch]]: an Asterisk that we drive by its manager interface (AMI)."""

    name: Name
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = SWITCH_PORT
    username: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n]+$")] = "outdial"
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    allow_remote: bool = False  # AMI is not encrypted: a host other than this one needs a private network, and this word
    max_cps: Annotated[float, Field(gt=0, le=1000)] = 10.0
    max_channels: Annotated[int, Field(ge=1, le=100_000)] = 250


class Trunk(Section):
    """[[trunk]]: a way out into the telephone network, a PJSIP endpoint of a switch."""

    name: Name
    switch: Name
    endpoint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,80}$")] = ""  # "" = the trunk's name
    caller_id: CallerId = ""
    max_cps: Annotated[float, Field(gt=0, le=1000)] = 10.0
    max_channels: Annotated[int, Field(ge=1, le=100_000)] = 250
    tag_calls: bool = False  # send our attempt id in a SIP header, for a test network that logs it


class Tts(Section):
    """[ivr.tts]: the program that speaks prompts for which there is no recording."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] = ("espeak-ng",)
    voice: str = ""  # "" = by the language


class Ivr(Section):
    """[ivr]: the server to which answered calls come, and the apps that treat them."""

    listen: Listen = "127.0.0.1:0"
    advertise: Listen | None = None  # the address that the switch uses to reach `listen`; none = the same
    allow_remote: bool = False
    workers: Annotated[int, Field(ge=0, le=64)] = 2  # 0 = apps run inside the engine, for debugging
    max_calls: Annotated[int, Field(ge=1, le=100_000)] = 500
    max_app_s: Seconds = 300.0  # an app that takes longer is ended with an apology
    stall_s: Seconds = 10.0  # a worker that does not react for so long is taken for hung
    apps: tuple[Path, ...] = ()  # folders with IVR apps of your own
    prompts: tuple[Path, ...] = ()  # folders with recordings and texts of your own
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")] = "en"
    tts: Tts = Tts()


class Pdc(Section):
    """[pdc]: the address at which IVR apps reach the dialer (Pluggable Data Connector)."""

    listen: Listen = "127.0.0.1:0"
    allow_remote: bool = False
    token: SecretStr = SecretStr("")  # "" = a new one at each start, told to our own workers only
    token_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 3.0  # so long apps wait for an answer; who called waits with them


class Agents(Section):
    """[agents]: people who talk to contacts, and the desk that their programs connect to."""

    listen: Annotated[str, StringConstraints(pattern=LISTEN_OR_NOT)] = ""  # "" = no desk: nobody can work as an agent
    allow_remote: bool = False
    origins: tuple[Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")], ...] = ()  # of web pages that may connect
    mode: InstallationMode = InstallationMode.TELEPHONY
    unmask: tuple[Annotated[str, StringConstraints(min_length=1, max_length=80)], ...] = ()  # logins: see masked attributes
    tell_of_listening: bool = False  # an agent is told of a supervisor who only listens, too


class Imports(Section):
    """[imports]: how data sources are read."""

    at_once: Annotated[int, Field(ge=0, le=16)] = 2  # runs at the same time, each in a process; 0 = this node carries out none


class Sftp(Section):
    """[[sftp]]: a server from which data sources fetch files."""

    name: Name
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    username: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\r\n]+$")]
    secret: SecretStr = SecretStr("")  # the password; with key_file, what opens the key
    secret_file: Path | None = None
    key_file: Path | None = None  # sign in with this private key
    host_key: Annotated[str, StringConstraints(pattern=r"^([a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?)?$")] = ""  # the server's own
    known_hosts: Path | None = None  # a file with the keys of servers, instead of host_key


class ForeignDatabase(Section):
    """[[foreign_database]]: a database of somebody else, from which data sources read."""

    name: Name
    url: str = Field(repr=False, min_length=1)
    secret: SecretStr = SecretStr("")  # the password, if it does not stand in the address
    secret_file: Path | None = None


class Publish(Section):
    """[[publish]]: who is told of the results that strategies publish: a web address, or a file."""

    name: Name
    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s]+)?$")] = ""
    secret: SecretStr = SecretStr("")  # by which the other side knows that a webhook is ours
    secret_file: Path | None = None
    allow_insecure: bool = False  # results name people: http to another machine needs a private network, and this word
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    at_once: Annotated[int, Field(ge=1, le=64)] = 4  # contacts whose results are told at the same time
    file: Path | None = None
    organisation: str = ""  # whose results; "" = everybody's


class Replies(Section):
    """[replies]: what people who write to us are answered."""

    words: Path | None = None  # words and texts of your own, on top of the shipped ones
    confirm: bool = True  # answer opt-outs and opt-ins; false where the provider does
    names: dict[str, str] = Field(default_factory=dict)  # organisation -> its name as contacts know it
    help: dict[str, Annotated[str, StringConstraints(max_length=600)]] = Field(default_factory=dict)  # -> its answer to HELP


class Numbers(Section):
    """[numbers]: how telephone numbers are read."""

    region: Region = "US"  # of numbers without a country code
    strict: bool = False  # refuse numbers that no carrier has given out, not only those of an impossible length
    default_time_zone: str = ""  # for a number that tells no zone; "" = such a contact is refused at import


class Dialling(Section):
    """[dialling]: the engine's own rhythm."""

    lease_s: Seconds = 30.0  # a claimed contact comes back after so long if its node dies
    sweep_s: Seconds = 20.0  # how often the ledger is compared with the switch's channels
    max_call_s: Seconds = 900.0  # no call lasts longer
    drain_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0  # how long `serve` waits for calls when it is asked to stop


class Access(Section):
    """[access]: who may do what from the command line, until users log in. Names are those of the operating system."""

    unmask: tuple[Annotated[str, StringConstraints(min_length=1, max_length=80)], ...] = ()  # see masked attributes in full


class Exports(Section):
    """[exports]: where recurring exports are written."""

    folder: Path = Path()  # "" = "exports" in data_dir
    keep_free_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 200  # an export that would leave less on its disk is not made


class Retention(Section):
    """[retention]: how long things are kept, in days; 0 = for ever. What is older is archived and purged each night."""

    at: time = time(3, 30)  # by the clocks of `time_zone`
    time_zone: str = ""  # "" = the machine's own
    archive: Path = Path()  # "" = "archive" in data_dir
    keep_free_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 200  # nothing is archived that would leave less on its disk
    without_archive: tuple[Literal["exports", "imports", "recordings"], ...] = ()  # purged, and kept nowhere
    attempts: Days = 0
    places: Days = 0
    callbacks: Days = 0
    received: Days = 0
    contacts: Days = 0
    exports: Days = 0
    schedule_runs: Days = 0
    imports: Days = 0
    agent_states: Days = 0
    edits: Days = 0
    recordings: Days = 0
    prompts: Days = 0
    archives: Days = 0


class Log(Section):
    """[log]: what is told."""

    level: Annotated[str, StringConstraints(pattern="^(debug|info|warning|error)$")] = "info"
    json_lines: bool = Field(default=False, alias="json")


class Settings(Section):
    """Everything that a node is told. Relative paths have been resolved against `root`."""

    root: Path = Path()  # set by load_settings; not a key of the file

    node: Node = Node()
    database: Database = Database()
    switch: tuple[Switch, ...] = ()
    trunk: tuple[Trunk, ...] = ()
    ivr: Ivr = Ivr()
    pdc: Pdc = Pdc()
    agents: Agents = Agents()
    imports: Imports = Imports()
    sftp: tuple[Sftp, ...] = ()
    foreign_database: tuple[ForeignDatabase, ...] = ()
    publish: tuple[Publish, ...] = ()
    replies: Replies = Replies()
    web: Web = Web()
    messages: Messages = Messages()
    sms_gateway: tuple[SmsGateway, ...] = ()
    email_gateway: tuple[EmailGateway, ...] = ()
    numbers: Numbers = Numbers()
    dialling: Dialling = Dialling()
    access: Access = Access()
    exports: Exports = Exports()
    retention: Retention = Retention()
    log: Log = Log()

    @property
    def database_url(self) -> str:
        """The database, or the SQLite file in the data folder when none is named. May hold a password."""
        return self.database.url or f"sqlite:///{self.data_dir / 'outdial.sqlite3'}"

    @property
    def data_dir(self) -> Path:
        """The folder for everything that this node writes."""
        return self.root / self.node.data_dir

    @property
    def exports_folder(self) -> Path:
        """Where recurring exports are written."""
        return self.data_dir / "exports" if self.exports.folder == Path() else self.root / self.exports.folder

    @property
    def archive_folder(self) -> Path:
        """Where what is purged is kept."""
        return self.data_dir / "archive" if self.retention.archive == Path() else self.root / self.retention.archive

    @property
    def app_folders(self) -> tuple[Path, ...]:
        """Folders with IVR apps of the user's own."""
        return tuple(self.root / folder for folder in self.ivr.apps)

    @property
    def imports_folder(self) -> Path:
        """The folder for files of refused rows, and for files that are fetched to be imported."""
        return self.data_dir / "imports"

    @property
    def reply_words(self) -> Path | None:
        """The file of an installation's own words for STOP and the like."""
        return None if self.replies.words is None else self.root / self.replies.words

    @property
    def prompt_folders(self) -> tuple[Path, ...]:
        """Folders with prompts of the user's own."""
        return tuple(self.root / folder for folder in self.ivr.prompts)


def split_listen(value: str) -> tuple[str, int]:
    """ "127.0.0.1:4573" or "[::1]:4573" as host and port; port 0 = any free one."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def load_settings(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. None = config/dialer.toml of the current folder if it is there, else the defaults alone.

    A variable OUTDIAL__SECTION__KEY overrides a key; OUTDIAL__SWITCH__MAIN__SECRET the secret of the switch called "main".
    Relative paths are counted from the folder that holds `config/` (or the file). Raises BadSettings with every mistake.
    """
    environ = os.environ if environ is None else environ
    text, source = _text_of(path)
    try:
        written: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise BadSettings([_syntax_mistake(source, str(exc))]) from exc
    lines = KeyLines(text, source)
    layer, origins, mistakes = environment_layer(environ, written)
    raw = merge(written, layer)
    root = source.resolve().parent if source is not None else Path.cwd()
    if source is not None and root.name == "config":
        root = root.parent
    mistakes += read_secret_files(raw, root, lines)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(raw | {"root": root})
    except ValidationError as exc:
        mistakes += explain(exc, Settings, raw, lines, origins)
    mistakes += [mistake(lines.where(at, origins), what) for at, what in cross_checks(raw)]
    if "root" in written:
        mistakes.append(mistake(lines.where(("root",), origins), "unknown key"))
    if mistakes or settings is None:
        raise BadSettings(list(dict.fromkeys(mistakes)))
    return settings


def _text_of(path: Path | None) -> tuple[str, Path | None]:
    if path is None:
        if not DEFAULT_FILE.is_file():
            return "", None
        path = DEFAULT_FILE
    try:
        return path.read_text(encoding="utf-8-sig"), path
    except FileNotFoundError as exc:
        raise BadSettings([f"{path}: there is no such file ('dialer init' writes one)"]) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSettings([f"{path}: cannot be read: {unreadable(exc)}"]) from exc


def _syntax_mistake(source: Path | None, said: str) -> str:
    found = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", said)
    if found is None:
        return f"{source}: not TOML: {said}"
    return f"{source}:{found[2]}: column {found[3]}: not TOML: {found[1]}"
