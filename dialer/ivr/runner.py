"""Run an IVR app on a call and see to it that the call ends with a code and a word, whatever the app does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from dialer.domain.codes import SystemCode
from dialer.ivr.call import Call, Prompts
from dialer.ivr.driver import CallDriver, CallEnded, CallLost, NoSuchDialplan, PlaybackFailed
from dialer.ivr.outcome import Outcome
from dialer.ivr.registry import Apps, IvrApp
from pdc import PdcError, SessionPdc

log = structlog.get_logger()

CANCEL_GRACE_S = 2.0  # for an app that was told to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended, as its app saw it."""

    outcome: str = ""  # a code name; "" where the contact hung up before the app had its answer
    error: str = ""  # what went wrong, where something did


class AppExited(Exception):
    """An app called sys.exit(), or was killed while it computed without end."""


class CallRun:
    """One app on one call. `condemn` may be called once, on the same event loop, to end an app that does not end itself."""

    def __init__(
        self,
        call: Call,
        driver: CallDriver,
        *,
        app_name: str,
        apps: Apps,
        pdc: SessionPdc,
        prompts: Prompts,
        dialplan: str = "",
    ) -> None:
        self._call, self._driver, self._pdc, self._prompts, self._dialplan = call, driver, pdc, prompts, dialplan
        self._app, self._app_name, self._apps = apps.find(app_name), app_name, apps
        self._condemned: asyncio.Future[str] | None = None

    def condemn(self, because: str) -> None:
        """End the app with an apology."""
        if self._condemned is not None and not self._condemned.done():
            self._condemned.set_result(because)

    async def run(self) -> Ending:
        """Run it to its end. Raises nothing but CancelledError. The session is ended before the call is hung up."""
        self._condemned = asyncio.get_running_loop().create_future()
        if self._dialplan:
            return await self._hand_over()
        if not self._app_name:  # the strategy has no treatment for who answered (a fax, silence): hang up without a word
            await self._tell()
            await self._hang_up()
            return Ending()
        if self._app is None:
            return await self._fail(self._apps.why_missing(self._app_name))
        work = asyncio.create_task(self._guarded(self._app), name=f"ivr-app {self._app_name}")
        try:
            both: set[asyncio.Future[Any]] = {work, self._condemned}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return await self._end_hung(work, self._condemned.result())
        finally:
            work.cancel()
        return await self._conclude(work)

    async def _guarded(self, app: IvrApp) -> Outcome | None:
        try:
            return await app.run(self._call)
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as exc:  # sys.exit() and its kind would end the whole thread
            raise AppExited(repr(exc)) from exc

    async def _hand_over(self) -> Ending:
        """The session stays open: what the switch's dialplan has to say of the call, it says itself."""
        try:
            await self._driver.hand_over(self._dialplan)
        except CallEnded as ended:
            await self._tell(hung_up=isinstance(ended, CallLost))
        except NoSuchDialplan as exc:
            return await self._fail(str(exc))
        return Ending()

    async def _conclude(self, work: asyncio.Task[Outcome | None]) -> Ending:
        try:
            outcome = await work
        except CallEnded as ended:
            if self._call.lost:
                log.error("a call was given up", app=self._app_name, because=str(ended))
            await self._tell(hung_up=self._call.lost)
            return Ending()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return await self._fail("the app cancelled itself")
        except Exception as exc:
            log.exception("an IVR app raised", app=self._app_name)
            return await self._fail(f"{type(exc).__name__}: {exc}")
        if outcome is None and self._call.default_code:
            return await self._succeed(self._call.default_code, said_nothing=True)
        if not isinstance(outcome, Outcome):
            return await self._fail(f"the app returned {outcome!r:.80} and not an Outcome")
        return await self._succeed(self._as_it_was(outcome))

    def _as_it_was(self, outcome: Outcome) -> str:
        # "No Input" says that no key was pressed. Where the last question heard wrong keys, that would be untrue.
        if outcome == Outcome.NO_INPUT and self._call.unanswered == Outcome.NO_MATCH:
            return SystemCode.NO_MATCH.value
        return outcome.code

    async def _succeed(self, code: str, *, said_nothing: bool = False) -> Ending:
        try:
            await self._pdc.end_session(outcome="" if said_nothing else code, said_nothing=said_nothing)
        except PdcError as exc:
            # The contact has heard the whole script, so no apology; but the code is not what the author thinks it is.
            error = f"the outcome {code!r} cannot be kept: {exc.kind}: {exc}"
            log.error("an IVR app's outcome was refused", app=self._app_name, outcome=code, kind=exc.kind)
            await self._tell(error=error)
            await self._hang_up()
            return Ending(error=error)
        await self._hang_up()
        return Ending(outcome=code)

    async def _end_hung(self, work: asyncio.Task[Outcome | None], because: str) -> Ending:
        log.error("an IVR app hung and was ended", app=self._app_name, because=because)
        self._call.close()  # an app that ignores its cancellation can do nothing more with the call
        work.cancel()
        await asyncio.wait({work}, timeout=CANCEL_GRACE_S)
        if work.done() and not work.cancelled() and (exc := work.exception()) is not None:
            log.info("the hung app ended with an error", app=self._app_name, error=repr(exc))
        return await self._fail(f"hung: {because}")

    async def _fail(self, error: str) -> Ending:
        log.error("an IVR app failed", app=self._app_name, error=error)
        self._call.close()
        await self._tell(error=error)
        try:
            await self._driver.stream(self._prompts.apology(self._call.language))
        except CallEnded:
            return Ending(error=error)
        except PlaybackFailed:
            log.error("the apology cannot be played; the dialplan speaks")
            return Ending(error=error)
        await self._hang_up()
        return Ending(error=error)

    async def _tell(self, *, error: str = "", hung_up: bool = False) -> None:
        """End the session; tried once, for the contact waits. The dialer ends it by itself when the call is gone."""
        try:
            await self._pdc.end_session(error=error[:500], hung_up=hung_up)
        except PdcError as exc:
            log.error("the end of a call could not be told to the dialer", app=self._app_name, kind=exc.kind, error=str(exc))

    async def _hang_up(self) -> None:
        try:
            await self._driver.hangup()
        except CallEnded:
            return
