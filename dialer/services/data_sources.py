"""Keep definitions of where contacts come from, so that they can be fetched again and again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from dialer.domain.data_source import (
    MAX_SOURCE_NAME,
    CustomPlace,
    DatabasePlace,
    DataSource,
    FilePlace,
    Place,
    SftpPlace,
)
from dialer.domain.dnc import MAX_DAYS
from dialer.domain.ids import OrgId, SourceId
from dialer.domain.window import zone_named
from dialer.errors import BadInput, Conflict
from dialer.services.import_rows import RowReader
from dialer.services.names import checked_name
from dialer.store.foreign import check_query
from dialer.store.store import Store, Tx

FORBIDDEN = "^~`!';#$\"<>"
MIN_LIMIT_S, MAX_LIMIT_S = 60, 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """What the settings and the installed packages let data sources read: the names under which they are known."""

    servers: Collection[str] = ()  # [[sftp]]
    databases: Collection[str] = ()  # [[foreign_database]]
    programs: Collection[str] = ()  # entry points


async def add_source(store: Store, new: DataSource, reachable: Reachable) -> DataSource:
    """Keep a definition under its name; its id is given here. Raises BadInput; Conflict when the name is in use."""
    name = checked_name(new.name, "name")
    if len(name) > MAX_SOURCE_NAME:
        raise BadInput("the name is too long", where="name", mend=f"at most {MAX_SOURCE_NAME} characters")
    if wrong := sorted({sign for sign in name if sign in FORBIDDEN}):
        raise BadInput(f"the name holds {' '.join(wrong)}", where="name", mend="letters, digits, blanks, . _ - and the like")
    _check_place(new.place, reachable)
    _check_purpose(new)
    if not MIN_LIMIT_S <= new.limit_s <= MAX_LIMIT_S:
        raise BadInput(f"a limit of {new.limit_s} s", where="limit", mend=f"{MIN_LIMIT_S} to {MAX_LIMIT_S} seconds")
    RowReader(["id", "phone"], replace(new.options.rows, id_column="", phone_columns=()))  # region and zone are told now
    kept = replace(new, name=name, list_name=checked_name(new.list_name, "list"))
    return await store.write(lambda tx: tx.data_sources(new.org_id).create(kept))


async def list_sources(store: Store, org_id: OrgId) -> list[DataSource]:
    """Every data source, by name."""
    return await store.read(lambda tx: tx.data_sources(org_id).all())


async def get_source(store: Store, org_id: OrgId, name: str) -> DataSource:
    """The data source of that name. Raises NotFound."""
    return await store.read(lambda tx: tx.data_sources(org_id).by_name(name))


async def remove_source(store: Store, org_id: OrgId, name: str) -> None:
    """Forget a definition with its schedules and the record of its runs; the contacts stay.

    Raises NotFound; Conflict while a run is not over.
    """

    def work(tx: Tx) -> None:
        found = tx.data_sources(org_id).by_name(name)
        run = tx.import_runs(org_id).latest(found.id)
        if run is not None and run.ended_at is None:
            raise Conflict(f"a run of {found.name!r} is {run.state.value}; cancel it first")
        tx.data_sources(org_id).remove(SourceId(found.id))

    await store.write(work)


def _check_place(place: Place, reachable: Reachable) -> None:
    match place:
        case FilePlace():
            if not Path(place.path).is_absolute():
                raise BadInput("the dialer may run in another folder", where="file", mend="a path from / on")
        case SftpPlace():
            _check_known(place.server, reachable.servers, "server", "[[sftp]]")
            if not place.path or "\0" in place.path:
                raise BadInput("the file is missing", where="path", mend="its path on the server")
        case DatabasePlace():
            _check_known(place.database, reachable.databases, "database", "[[foreign_database]]")
            check_query(place.query)
        case CustomPlace():
            _check_known(place.program, reachable.programs, "program", "an installed entry point of outdial.import_sources")


def _check_known(name: str, known: Collection[str], where: str, what: str) -> None:
    if name not in known:
        there = f"there is {', '.join(sorted(known))}" if known else "there is none"
        raise BadInput(f"{name!r} is not the name of {what}", where=where, mend=there)


def _check_purpose(new: DataSource) -> None:
    if new.options.delete_first and new.delete_where is not None:
        raise BadInput("delete all, or those that fit?", where="delete", mend="one of the two")
    if new.exclude_days is None:
        return
    if not 1 <= new.exclude_days <= MAX_DAYS:
        raise BadInput(f"{new.exclude_days} days", where="exclude", mend=f"1 to {MAX_DAYS}")
    if zone_named(new.exclude_zone or "UTC") is None:
        raise BadInput(f"no such time zone {new.exclude_zone!r}", where="exclude")
    if new.options.delete_first or new.delete_where is not None:
        raise BadInput("a source that excludes contacts deletes none", where="delete", mend="leave it out")
