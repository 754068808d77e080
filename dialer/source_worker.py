"""The program in which a data source is read: one process for each run, so that rows by the million never hold up a call.

The parent writes what is to be done as one line of JSON on standard input and keeps it open: its end is the parent's, and ours.
How the run stands is in the database. Exit status: 0 = nothing more to do; TROUBLE = it can be tried again, and standard output
says what was the matter.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import structlog

from dialer.domain.data_source import (
    CustomPlace,
    DatabasePlace,
    DataSource,
    FilePlace,
    ImportRun,
    RowProgram,
    RunState,
    SftpPlace,
)
from dialer.domain.ids import ImportRunId
from dialer.engine.importer import GROUP, NICENESS, TROUBLE, RunOrder, fetched_file
from dialer.errors import BadInput, NotSent, OutdialError, RunTaken, StoreDown
from dialer.logs import configure
from dialer.services.run_source import OpenSource, carry_out, open_file
from dialer.services.value_source import MappingValues, ValueSource
from dialer.store.foreign import ForeignDatabase, ForeignRows
from dialer.store.store import Store

log = structlog.get_logger()


def main() -> None:
    """Carry out the run that standard input names."""
    order = RunOrder.from_line(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICENESS)  # calls go before
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a program prints is for the log, and may not fill a pipe that nobody reads meanwhile
    configure(level=order.log_level, json_lines=order.log_json)
    try:
        _work(order)
    except RunTaken as taken:
        log.info("run left", run=order.run_id, because=str(taken))
    except (NotSent, StoreDown) as trouble:
        said.write(str(trouble))
        said.flush()
        sys.exit(TROUBLE)


def _work(order: RunOrder) -> None:
    run_id, fetched = ImportRunId(order.run_id), fetched_file(Path(order.folder), order.run_id)
    store = Store(order.database_url)
    try:
        carry_out(store, run_id, order.owner, lambda source: _open(source, order.access, fetched), Path(order.folder), _told)
    except (RunTaken, NotSent, StoreDown):
        raise
    except OutdialError as exc:
        because = str(exc)
        log.warning("run failed", run=order.run_id, because=because)
        store.write_now(lambda tx: tx.import_runs(None).end(run_id, order.owner, RunState.FAILED, because))
    finally:
        store.close_now()


def _told(run: ImportRun) -> None:
    log.info("run", run=run.id, source=run.source_name, because=run.because, rows_before=run.report.processed)


def _open(source: DataSource, access: Mapping[str, Any], fetched: Path) -> OpenSource:
    match source.place:
        case FilePlace(path=path):
            return open_file(Path(path), source)
        case SftpPlace(path=path):
            from dialer.channels.sftp import SftpServer, fetch  # slow to load, and only this kind needs it

            if not fetched.exists():
                asyncio.run(fetch(SftpServer(**access), path, fetched))
            return open_file(fetched, source)
        case DatabasePlace(query=query, key=key):
            database = ForeignDatabase(**access)

            def ask(after: Any) -> ForeignRows:
                return ForeignRows(database, query, key=key, after=after, limit_s=source.limit_s)

            return OpenSource(rows=ValueSource(f"the query to {database.name!r}", ask, key=key))
        case CustomPlace(program=program, parameters=parameters):
            where = f"the program {program!r}"
            return OpenSource(
                rows=ValueSource(where, lambda _: MappingValues(_rows_of(program, access["program"], parameters, where)))
            )


def _rows_of(name: str, value: str, parameters: Mapping[str, str], where: str) -> Iterator[Mapping[str, Any]]:
    """What a third party's program gives, and its troubles in our words."""
    try:
        program: RowProgram = EntryPoint(name, value, GROUP).load()
        rows: Iterable[Mapping[str, Any]] = program(parameters)
        for row in rows:
            if not isinstance(row, Mapping):
                raise BadInput(f"gave {type(row).__name__}, not a mapping of columns to values", where=where)
            yield row
    except OutdialError:
        raise
    except OSError as exc:  # its network, its files: another time it may work
        log.warning("a program that gives rows failed", program=name, exc_info=True)
        raise NotSent(f"{where}: {exc}") from exc
    except Exception as exc:
        log.exception("a program that gives rows failed", program=name)
        raise BadInput(f"raised {type(exc).__name__}: {exc}", where=where) from exc


def _end_with_parent() -> None:
    with suppress(OSError, ValueError):
        sys.stdin.read()
    os._exit(1)  # nobody looks after us any more; what is committed stays, and the next dialer goes on


if __name__ == "__main__":
    main()
