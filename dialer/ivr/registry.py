"""The IVR apps that this dialer knows: those shipped, those of installed packages, and those in the users' folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import structlog

from dialer.domain.codes import SYSTEM_NAME_KEYS, name_key
from dialer.errors import BadInput, NotFound
from dialer.ivr.call import Call
from dialer.ivr.outcome import Outcome

log = structlog.get_logger()

ENTRY_POINTS = "outdial.ivr_apps"
APP_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
IMPORT_LIMIT_S = 10.0  # an app's file that thinks longer than this while it is read is broken

Script = Callable[[Call], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrApp:
    """A script for a call, the custom codes that it can give, and the first line of what its author says of it."""

    name: str
    run: Script
    codes: frozenset[str] = field(default_factory=frozenset)

    @property
    def summary(self) -> str:
        """The first line of the script's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]

    async def __call__(self, call: Call) -> Outcome | None:
        return await self.run(call)


def ivr_app(name: str, *, codes: Collection[str] = ()) -> Callable[[Script], IvrApp]:
    """Make a coroutine an IVR app. `codes` are the custom completion codes that it gives. Raises BadInput."""
    if not APP_NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name for an app", where="ivr_app", mend="a-z, 0-9 and _, beginning with a letter")
    for code in codes:
        if not code.strip() or len(code) > 100 or name_key(code) in SYSTEM_NAME_KEYS:
            raise BadInput(f"{code!r} cannot be a custom code", where=f"ivr_app {name}", mend="system codes need no declaring")
    return lambda run: IvrApp(name=name, run=run, codes=frozenset(codes))


class Apps:
    """The apps by name. A file that cannot be read spoils only its own app: `why_missing` tells the mistake."""

    def __init__(self, shipped: Iterable[IvrApp] = ()) -> None:
        self._apps = {app.name: app for app in shipped}
        self._broken: dict[str, str] = {}

    def __iter__(self) -> Iterator[IvrApp]:
        return iter(sorted(self._apps.values(), key=lambda app: app.name))

    @property
    def broken(self) -> Mapping[str, str]:
        """What could not be read, and why."""
        return self._broken

    def find(self, name: str) -> IvrApp | None:
        """The app of that name, or None."""
        return self._apps.get(name)

    def get(self, name: str) -> IvrApp:
        """The app of that name. Raises NotFound, which says why."""
        app = self._apps.get(name)
        if app is None:
            raise NotFound(self.why_missing(name))
        return app

    def why_missing(self, name: str) -> str:
        """Why there is no app of that name."""
        if name in self._broken:
            return f"the IVR app {name} cannot be loaded: {self._broken[name]}"
        return f"there is no IVR app {name!r}; known are: {', '.join(sorted(self._apps))}"

    def load_entry_points(self) -> None:
        """Add the apps of installed packages (entry-point group `outdial.ivr_apps`)."""
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS):

            def load(point: importlib.metadata.EntryPoint = point) -> list[IvrApp]:
                found = point.load()
                return [found] if isinstance(found, IvrApp) else []

            self._add_from(point.name, load)

    def load_folder(self, folder: Path) -> None:
        """Add the apps of a folder's `*.py` files, those named `test_*` and `_*` left out."""
        if not folder.is_dir():
            log.warning("the folder of IVR apps does not exist", folder=str(folder))
            return
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith(("test_", "_")):
                self.load_file(file)

    def load_file(self, file: Path) -> None:
        """Add the apps of one file."""
        self._add_from(file.stem, lambda: [value for value in vars(_import_file(file)).values() if isinstance(value, IvrApp)])

    def _add_from(self, name: str, load: Callable[[], list[IvrApp]]) -> None:
        found: list[IvrApp] = []
        failure: list[str] = []

        def work() -> None:
            try:
                found.extend(load())
            except BaseException as exc:  # noqa: BLE001 - an app's file may raise anything, SystemExit too
                failure.append(f"{type(exc).__name__}: {exc}")

        # In a thread, so that a file that never ends is given up and the other apps go on.
        thread = threading.Thread(target=work, name=f"import-{name}", daemon=True)
        thread.start()
        thread.join(IMPORT_LIMIT_S)
        if thread.is_alive():
            failure.append(f"reading it took longer than {IMPORT_LIMIT_S:.0f} s")
        elif not failure and not found:
            failure.append("it has no @ivr_app")
        if failure:
            self._broken[name] = failure[0]
            log.error("an IVR app cannot be loaded", app=name, because=failure[0])
            return
        for app in found:
            self._apps[app.name] = app


def _import_file(file: Path) -> ModuleType:
    name = f"outdial_user_apps.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
