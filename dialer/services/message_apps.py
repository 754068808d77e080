"""Hand answers to other people's programs, and record what each of them makes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from dialer.domain.attempt import Attempt
from dialer.domain.ids import AttemptId, JobId
from dialer.domain.received import InboxState, Received
from dialer.domain.strategy import Strategy
from dialer.ivr.message import Message, MessageApp
from dialer.ivr.outcome import Outcome
from dialer.services.completion import Completed, StrategyOf
from dialer.services.pdc_call import PdcParts
from dialer.services.pdc_contacts import contact_on_the_line
from dialer.services.pdc_reply import ReplyPdc, reply_code
from dialer.services.plugin_threads import PluginThreads, TooLong
from dialer.services.received import AppCall
from dialer.services.reply_codes import give_code
from dialer.store.store import Store, Tx
from pdc import Contact, PdcError

log = structlog.get_logger()

LIMIT_S = 10.0
THREADS = 8


class MessageApps:
    """The installed message apps by name, each answer on a thread of its own (see PluginThreads)."""

    def __init__(
        self, known: Mapping[str, MessageApp], *, store: Store, now: Callable[[], datetime], limit_s: float = LIMIT_S
    ) -> None:
        self._known, self._store, self._now, self._limit_s = dict(known), store, now, limit_s
        self._threads = PluginThreads(THREADS)
        self.strategy_of: StrategyOf = _nobodys

    def missing(self, strategy: Strategy) -> str:
        """Which message app a strategy wants that is not installed; "" = none."""
        wanted = {app for one in strategy.handlers if one.replies is not None for app in one.replies.apps}
        if not (missing := sorted(wanted - set(self._known))):
            return ""
        return f"the message app {missing[0]!r} is not installed (installed: {', '.join(sorted(self._known)) or 'none'})"

    async def handle(self, received: Received, call: AppCall) -> Completed | None:
        """Run the app, and record its code; a message that it made nothing of stays in the inbox, with the reason.

        Returns an attempt that ended with it. Raises StoreDown: then the message stays in the inbox, too.
        """
        parts = PdcParts(store=self._store, strategy_of=self.strategy_of, listener=_Nobody(), now=self._now)
        pdc, trouble, said = ReplyPdc(parts, call.attempt), "", None
        try:
            said = await self._run(received, call, pdc)
        except TooLong as late:
            trouble = str(late)
        except Exception as failure:  # the outer edge of another's program
            log.exception("a message app failed", app=call.row.app, attempt=call.attempt.id)
            trouble = f"{type(failure).__name__}: {failure}"
        pdc.over = True
        code = said.code if isinstance(said, Outcome) else said or pdc.code
        if not isinstance(code, str):
            trouble, code = f"it returned {said!r:.80} and not the name of a code", ""
        return await self._store.write(lambda tx: self._record(tx, received, call, "" if trouble else code, trouble))

    async def _run(self, received: Received, call: AppCall, pdc: ReplyPdc) -> object:
        app = self._known.get(call.row.app)
        if app is None:
            raise LookupError(f"it is not installed (installed: {', '.join(sorted(self._known)) or 'none'})")
        campaign, contact = await self._store.read(lambda tx: _circumstances(tx, call.attempt))
        message = Message(
            text=received.text,
            subject=received.subject,
            sender=received.sender,
            recipient=received.recipient,
            channel=received.channel.value,
            at=received.at,
            campaign=campaign,
            attempt_id=call.attempt.id,
            contact=contact,
            parameters=call.row.parameters,
            pdc=pdc,
        )
        return await self._threads.run(app, message, limit_s=self._limit_s)

    def _record(self, tx: Tx, received: Received, call: AppCall, name: str, trouble: str) -> Completed | None:
        completed, code, because = None, "", trouble and f"the app {call.row.app} failed: {trouble}"
        if name:
            try:
                code = reply_code(tx, call.attempt, name)
                given = give_code(tx, call.attempt, code, strategy_of=self.strategy_of, now=self._now())
                completed, because = given.completed, given.because and f"{code}: {given.because}"
            except PdcError as mistake:
                because = f"the app {call.row.app}: {mistake}"
        if because:
            log.error("an answer waits for a person", app=call.row.app, attempt=call.attempt.id, because=because)
            tx.received(None).change(received.id, note=because[:400])
        else:
            tx.received(None).change(received.id, note="", code=code, inbox=InboxState.NONE.value)
        return completed


class _Nobody:
    """An answer is no call: nobody waits for the end of its session."""

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None:
        """Never told."""

    def session_ended(self, attempt_id: AttemptId, *, hung_up: bool) -> None:
        """Never told."""


def _nobodys(job_id: JobId, text: str) -> Strategy:
    raise AssertionError("no engine has these apps yet")


def _circumstances(tx: Tx, attempt: Attempt) -> tuple[str, Contact]:
    return tx.jobs(None).as_started(attempt.job_id).campaign_name, contact_on_the_line(tx, attempt)
