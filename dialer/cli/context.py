"""What every command of the CLI needs: the settings, the database, the organisation, and errors in plain words."""

from __future__ import annotations

import errno
import functools
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console

from dialer.domain.ids import OrgId
from dialer.domain.wording import Wording
from dialer.errors import Conflict, OutdialError
from dialer.services.organisations import DEFAULT, organisation_named
from dialer.services.reply_words import load_wording
from dialer.settings import Settings, load_settings
from dialer.store.store import SchemaState, Store

P = ParamSpec("P")
T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT)
FAILED = 2  # the exit code of a command that could not do what it was asked

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="OUTDIAL_CONFIG", help="The settings; config/dialer.toml if not given.", show_default=False
    ),
]
Org = Annotated[str, typer.Option("--org", help="The organisation.")]

# Names and texts are the users' own: a bracket in them is a bracket, not markup.
out = Console(markup=False, highlight=False)
err = Console(stderr=True, markup=False, highlight=False)


def plain_errors(command: Callable[P, T]) -> Callable[P, T]:
    """A command whose expected errors are one message on standard error and exit code 2, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except OutdialError as exc:
            err.print(str(exc), style="red", soft_wrap=True)
            raise typer.Exit(FAILED) from exc
        except OSError as exc:  # a folder that cannot be made, a file without rights, a full disk
            if exc.filename is None and exc.errno not in FULL:
                raise
            err.print(f"{exc.filename or 'the disk'}: {exc.strerror}", style="red", soft_wrap=True)
            raise typer.Exit(FAILED) from exc

    return wrapped


def read_settings(config: Path | None = None) -> Settings:
    """The settings. Raises BadSettings."""
    return load_settings(config)


def words_in_force(settings: Settings) -> Wording:
    """The words by which people stop messages and the like, an installation's own among them. Raises BadInput."""
    return load_wording(settings.reply_words)


def open_store(config: Path | None = None, *, settings: Settings | None = None) -> Store:
    """The database of the settings, ready for use; the caller closes it. Raises BadSettings, Conflict, StoreDown."""
    chosen = settings or read_settings(config)
    store = Store(chosen.database_url, group_commit_s=chosen.database.group_commit_ms / 1000)
    try:
        state = store.schema_state()
        if state is SchemaState.NEWER:
            raise Conflict("the database was made by a newer version of Outdial than this one; install that version")
        if state is not SchemaState.CURRENT:
            what = "has no tables yet" if state is SchemaState.EMPTY else "has the tables of an older version"
            raise Conflict(f"the database {what}: run `dialer migrate` first")
    except BaseException:
        store.close_now()
        raise
    return store


@contextmanager
def opened(config: Path | None = None, org: str = DEFAULT, *, settings: Settings | None = None) -> Iterator[tuple[Store, OrgId]]:
    """The database and the organisation, for the length of a command."""
    store = open_store(config, settings=settings)
    try:
        yield store, organisation_named(store, org)
    finally:
        store.close_now()


def os_user() -> str:
    """The user of the operating system who runs this command: whoever it is, not who the environment says it is."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"


def who() -> str:
    """Who asks, for the record."""
    return f"cli:{os_user()}"
