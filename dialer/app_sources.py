"""Where people for contact lists come from, by these settings: files, servers, databases and programs of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeVar

from dialer import settings as settings_of
from dialer.domain.data_source import CustomPlace, DatabasePlace, DataSource, FilePlace, SftpPlace
from dialer.engine.clock import SystemClock
from dialer.engine.importer import GROUP, Importer, ImporterOptions
from dialer.errors import BadInput
from dialer.settings import Settings
from dialer.store.store import Store

Named = TypeVar("Named", settings_of.Sftp, settings_of.ForeignDatabase)


def installed_sources() -> dict[str, str]:
    """The programs of third parties that give rows to import: name -> where each is, to be loaded by the process that runs it."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def make_importer(settings: Settings, store: Store, *, who: str, log_level: str = "") -> Importer:
    """What carries out runs of data sources, with the servers and databases of these settings."""
    programs = installed_sources()
    return Importer(
        store=store,
        clock=SystemClock(),
        access=lambda source: _access(settings, programs, source),
        options=ImporterOptions(
            who=who,
            folder=settings.imports_folder,
            most=settings.imports.at_once,
            log_level=log_level or settings.log.level,
            log_json=settings.log.json_lines,
        ),
    )


def _access(settings: Settings, programs: Mapping[str, str], source: DataSource) -> Mapping[str, Any]:
    """What the settings say of the place that a data source names; only this goes to the process that reads it."""
    match source.place:
        case FilePlace():
            return {}
        case SftpPlace(server=name):
            server = _named(settings.sftp, name, "[[sftp]]")
            return {
                "name": server.name,
                "host": server.host,
                "port": server.port,
                "username": server.username,
                "password": server.secret.get_secret_value(),
                "key_file": str(settings.root / server.key_file) if server.key_file else "",
                "host_key": server.host_key,
                "known_hosts": str(settings.root / server.known_hosts) if server.known_hosts else "",
            }
        case DatabasePlace(database=name):
            database = _named(settings.foreign_database, name, "[[foreign_database]]")
            return {"name": database.name, "url": database.url, "password": database.secret.get_secret_value()}
        case CustomPlace(program=name):
            if name not in programs:
                raise BadInput(f"no program {name!r} is installed", where=f"data source {source.name!r}")
            return {"program": programs[name]}


def _named(known: Sequence[Named], name: str, section: str) -> Named:
    for one in known:
        if one.name == name:
            return one
    raise BadInput(f"there is no {section} called {name!r} in the settings", where="data source")
