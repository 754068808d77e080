"""Keep one manager link (AMI) to one switch: connect, log in, watch it with pings, and come back when it is lost.

    CONNECTING ──> RECONCILING ──ready()──> READY        CONNECTING is shown once, after the start
        │              │  ^                  │
        v              v  │                  v
      DOWN, HUNG (connected, and nobody answers) or REFUSED; each stays while one attempt after another ends the same way

Every loss ends the connection and everything that waited on it; the next one starts from nothing and with RECONCILING.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from dialer import failpoints
from dialer.channels.asterisk.config import SwitchConfig
from dialer.channels.asterisk.protocol import AmiFrame, AmiProtocol, PendingAction, check_action, open_connection
from dialer.channels.deadlines import Deadlines
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.ports import SwitchState

log = structlog.get_logger()

Fields = Mapping[str, str | tuple[str, ...]]
HOUSEKEEPING = frozenset({"FullyBooted", "Shutdown"})
LIVED_S = 10.0  # a link that lived so long was a good one: the back-off starts anew
DOUBTFUL_S = 1.0  # with a ping unanswered for so long nothing new is written, well before the switch is called hung


class LinkListener(Protocol):
    """Who hears of a link. All are called from the event loop and must return at once."""

    def on_event(self, switch: str, frame: AmiFrame) -> None: ...

    def on_state(self, switch: str, state: SwitchState, because: str, restarted: bool) -> None: ...

    def on_delay(self, switch: str, kind: str, seconds: float) -> None: ...


class Refused(WireError):
    """The switch does not take our name or our secret."""


class Hung(WireError):
    """The socket is open and nobody answers."""


class Lost(WireError):
    """The connection has ended."""


class AmiLink:
    """One switch. `run` is its only task; the other methods are called from the same loop."""

    def __init__(
        self,
        config: SwitchConfig,
        listener: LinkListener,
        *,
        wanted: frozenset[str],
        started_mark: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.listener = listener
        self.wanted = wanted | HOUSEKEEPING
        self.started_mark = started_mark  # the switch's own start time, as it said at our last connect; "" if never
        self.jitter = jitter
        self.state = SwitchState.DOWN
        self.protocol: AmiProtocol | None = None
        self.pinged_at: float | None = None  # when the unanswered ping was sent
        self.booted = asyncio.Event()
        self.deadlines = Deadlines()
        self.log = log.bind(switch=config.name)

    # -- for the voice adapter -----------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """The ledger agrees with the switch. Of no effect unless the link is RECONCILING."""
        if self.state is SwitchState.RECONCILING:
            self.become(SwitchState.READY)

    def doubtful(self) -> bool:
        """True while a ping has gone unanswered for longer than a healthy switch takes."""
        return self.pinged_at is not None and time.monotonic() - self.pinged_at > DOUBTFUL_S

    def resync(self, because: str) -> None:
        """Drop the link, so that everything is reconciled anew."""
        if self.protocol is not None:
            self.protocol.end(because)

    def hung(self, because: str) -> None:
        """Take the switch for hung: drop the link and say so."""
        if self.protocol is not None and not self.protocol.lost.done():
            self.become(SwitchState.HUNG, because)
            self.protocol.end(because)

    async def call(self, fields: Fields, *, timeout_s: float | None = None) -> AmiFrame:
        """One action, one response: a Success. Raises NotSent, Rejected (with the switch's words) or MaybeSent."""
        frames = await self.exchange(PendingAction, fields, "", timeout_s or self.config.action_timeout_s)
        return frames[0]

    async def fetch_list(self, fields: Fields, complete: str, *, timeout_s: float | None = None) -> Sequence[AmiFrame]:
        """One action, answered by a list of events that ends with the event `complete`: that list, whole.

        Raises NotSent, Rejected or MaybeSent; MaybeSent too when the switch says that it sent more than we got.
        """
        frames = await self.exchange(PendingAction, fields, complete, timeout_s or self.config.list_timeout_s)
        items = frames[1:-1]
        if frames[-1].get("ListItems", str(len(items))) != str(len(items)):
            raise MaybeSent(f"the list is not whole: {len(items)} of {frames[-1].get('ListItems')}")
        return items

    async def exchange(self, kind: type[PendingAction], fields: Fields, complete: str, timeout_s: float) -> tuple[AmiFrame, ...]:
        """An action, and every frame of its answer. Raises NotSent, Rejected (the switch refuses), MaybeSent (no answer)."""
        check_action(fields)
        protocol = self.protocol
        if protocol is None:
            raise NotSent("the link to the switch is down")
        action = kind(fields, complete=complete)
        answer = protocol.send_action(action)
        if fields["Action"] == "Originate":
            failpoints.hit("K3")
        try:
            frames = await self.deadlines.wait(answer, timeout_s)
        except TimeoutError as exc:
            raise MaybeSent(f"the switch did not answer {fields['Action']} within {timeout_s:g} s") from exc
        finally:
            protocol.forget(action)
        if frames[0].get("Response") != "Success":
            raise Rejected(frames[0].get("Message", "") or "refused without a word")
        return frames

    # -- the supervisor ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold the link until cancelled."""
        failures = 0
        self.become(SwitchState.CONNECTING)
        try:
            while True:
                began = time.monotonic()
                await self.live_once()
                failures = 0 if time.monotonic() - began > LIVED_S else failures + 1
                wait_s = min(self.config.backoff_max_s, self.config.backoff_first_s * 2 ** min(failures, 16))
                # A refused login cannot mend itself in seconds, and each try may count against us.
                refused = self.state is SwitchState.REFUSED
                await asyncio.sleep(self.config.refused_retry_s if refused else wait_s * (0.5 + self.jitter() / 2))
        finally:
            if self.protocol is not None:
                self.protocol.end("we close the link")
            self.protocol = None
            self.state = SwitchState.DOWN

    async def live_once(self) -> None:
        """One connection from its opening to its end, and the state that it leaves."""
        try:
            await self.session()
        except Refused as exc:
            self.become(SwitchState.REFUSED, str(exc))
        except Hung as exc:
            self.become(SwitchState.HUNG, str(exc))
        except (OSError, TimeoutError) as exc:
            self.become(SwitchState.DOWN, f"no connection: {exc or 'no answer in time'}")
        except WireError as exc:
            if self.state is not SwitchState.HUNG or str(exc) != self.because:  # hung() has said it already
                self.become(SwitchState.DOWN, str(exc))
        finally:
            if self.protocol is not None:
                self.protocol.end("the session is over")
            self.protocol = None
            self.pinged_at = None

    async def session(self) -> None:
        """Connect, log in, tell that we must reconcile, then ping until the end. Always raises."""
        config = self.config
        self.booted.clear()
        protocol = await open_connection(
            config.host, config.port, wanted=self.wanted, on_event=self.take_event, timeout_s=config.connect_timeout_s
        )
        self.protocol = protocol
        await self.log_in()
        restarted = await self.learn_start()
        self.become(SwitchState.RECONCILING, restarted=restarted)
        pinging = asyncio.create_task(self.ping(), name=f"ami-ping-{config.name}")
        try:
            await asyncio.wait((pinging, protocol.lost), return_when=asyncio.FIRST_COMPLETED)
            if pinging.done() and not pinging.cancelled() and pinging.exception() is not None:
                raise pinging.exception() or Hung("pings stopped")
            raise Lost(protocol.lost.result())
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)

    async def log_in(self) -> None:
        """Raises Refused (wrong name or secret), Hung (nobody answers), NotSent, MaybeSent."""
        config = self.config
        fields = {"Action": "Login", "Username": config.username, "Secret": config.secret, "Events": "on"}
        try:
            await self.call(fields, timeout_s=config.connect_timeout_s)
        except Rejected as exc:
            raise Refused(f"the login as {config.username!r} was refused: {exc}") from exc
        except MaybeSent as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise Hung("the switch took the connection and did not answer the login") from exc
            raise

    async def learn_start(self) -> bool:
        """Wait until the switch is fully up; True when it has started anew since our last connect."""
        try:
            async with asyncio.timeout(self.config.boot_wait_s):
                await self.booted.wait()
        except TimeoutError:
            # The event needs the read right `system`. Without it a login that works has to do.
            self.log.warning("ami_fully_booted_not_seen", mend="give the manager user the read right `system`")
        try:
            core = await self.call({"Action": "CoreStatus"})
        except MaybeSent as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise Hung("the switch did not answer CoreStatus") from exc
            raise
        except Rejected as exc:
            raise Refused(f"the manager user may not ask CoreStatus (right `reporting`): {exc}") from exc
        mark = f"{core.get('CoreStartupDate', '')} {core.get('CoreStartupTime', '')}".strip()
        restarted = bool(self.started_mark) and mark != self.started_mark
        self.started_mark = mark
        return restarted

    async def ping(self) -> None:
        """Raises Hung when a ping goes unanswered; half-open connections and deadlocked switches show no other way."""
        while True:
            await asyncio.sleep(self.config.ping_interval_s)
            self.pinged_at = sent_at = time.monotonic()
            try:
                await self.call({"Action": "Ping"}, timeout_s=self.config.ping_deadline_s)
            except MaybeSent as exc:
                if isinstance(exc.__cause__, TimeoutError):
                    raise Hung(f"no answer to a ping for {self.config.ping_deadline_s:g} s") from exc
                return
            self.pinged_at = None
            self.listener.on_delay(self.config.name, "ping", time.monotonic() - sent_at)

    # -- telling -------------------------------------------------------------------------------------------------------------

    because = ""

    def become(self, state: SwitchState, because: str = "", *, restarted: bool = False) -> None:
        """Tell a change of state; the same state is told once."""
        if state is self.state:
            return
        self.state, self.because = state, because
        level = (
            self.log.info if state in (SwitchState.CONNECTING, SwitchState.RECONCILING, SwitchState.READY) else self.log.warning
        )
        level("switch_state", state=state.value, because=because, restarted=restarted)
        self.listener.on_state(self.config.name, state, because, restarted)

    def take_event(self, frame: AmiFrame) -> None:
        """What the switch tells by itself."""
        if frame.get("Event") == "FullyBooted":
            self.booted.set()
        elif frame.get("Event") != "Shutdown":
            self.listener.on_event(self.config.name, frame)
