"""The PDC for an app that is handed the answer to a message: the verbs of a call, on a message whose attempt may be over."""

from __future__ import annotations

from dialer.domain.attempt import Attempt
from dialer.domain.codes import APP_SYSTEM_CODES, SystemCode
from dialer.errors import Conflict, NotFound
from dialer.services.codes import settable_code
from dialer.services.opt_outs import STOPPED
from dialer.services.pdc_call import OnCall, PdcParts, check_text
from dialer.services.pdc_campaign import CampaignVerbs
from dialer.services.pdc_codes import CodeVerbs
from dialer.services.pdc_contacts import ContactVerbs
from dialer.services.pdc_dnc import DncVerbs
from dialer.services.pdc_lists import ListVerbs
from dialer.store.store import Tx
from pdc import NoSession, SessionKey, UnassociatedCode, UnknownCode


class ReplyPdc(CodeVerbs, ContactVerbs, ListVerbs, DncVerbs, CampaignVerbs, OnCall):
    """All verbs, until `over`; implements `pdc.CallPdc`. The code is kept in `code` and recorded when the app has returned."""

    def __init__(self, parts: PdcParts, attempt: Attempt) -> None:
        super().__init__(parts, SessionKey(attempt_id=attempt.id, nonce=attempt.nonce))
        self.code = ""
        self.over = False

    def _open_attempt(self, tx: Tx) -> Attempt:
        if self.over:
            raise NoSession("the app had its time")
        return self._known_attempt(tx)

    async def set_code(self, name: str) -> None:
        """Set the code that the answer means; the last one before the app returns wins."""
        self.code = await self._read(lambda tx, attempt: reply_code(tx, attempt, name))

    async def opt_out(self, reason: str = "") -> None:
        """Put the address on the DNC list, at once."""
        check_text(reason)

        def work(tx: Tx, attempt: Attempt) -> None:
            tx.dnc(attempt.org_id).add(attempt.address, reason=reason[:200] or STOPPED, now=self._parts.now())

        await self._write(work)
        self.code = SystemCode.OPTED_OUT.value

    async def note(self, text: str) -> None:
        """Keep a remark with what happened to the attempt."""
        check_text(text)
        now = self._parts.now()
        await self._write(lambda tx, attempt: tx.attempts.add_events([(attempt.id, now, "note", {"text": text})]))


def reply_code(tx: Tx, attempt: Attempt, name: str) -> str:
    """The code as it is written. Raises UnknownCode, UnassociatedCode."""
    try:
        return settable_code(tx, attempt, name, APP_SYSTEM_CODES)
    except NotFound as mistake:
        raise UnknownCode(str(mistake)) from mistake
    except Conflict as mistake:
        raise UnassociatedCode(str(mistake)) from mistake
