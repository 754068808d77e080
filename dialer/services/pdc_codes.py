"""The PDC verbs for the outcome of a call: its completion code, an opt-out, a remark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import APP_SYSTEM_CODES, SystemCode
from dialer.errors import Conflict, NotFound
from dialer.services.codes import settable_code
from dialer.services.pdc_call import OnCall, check_text
from dialer.store.store import Tx
from pdc import CompletionCode, UnassociatedCode, UnknownCode


class CodeVerbs(OnCall):
    """Say how the call went."""

    async def set_code(self, name: str) -> None:
        """Set the completion code; the last one before the call ends wins."""
        await self._write(lambda tx, attempt: write_code(tx, attempt, name, self._parts.now()))

    async def completion_codes(self) -> Sequence[CompletionCode]:
        """The codes that this campaign may use."""
        return await self._read(lambda tx, attempt: campaign_codes(tx, tx.jobs(None).as_started(attempt.job_id)))

    async def opt_out(self, reason: str = "") -> None:
        """Put the number on the DNC list, at once."""
        check_text(reason)

        def work(tx: Tx, attempt: Attempt) -> None:
            now = self._parts.now()
            tx.dnc(attempt.org_id).add(attempt.address, reason=reason[:200] or "opted out on a call", now=now)
            write_code(tx, attempt, SystemCode.OPTED_OUT.value, now)

        await self._write(work)

    async def note(self, text: str) -> None:
        """Keep a remark with the attempt."""
        check_text(text)

        def work(tx: Tx, attempt: Attempt) -> None:
            tx.attempts.update_open(attempt.id, {"app_note": text})

        await self._write(work)


def campaign_codes(tx: Tx, job: Job) -> list[CompletionCode]:
    """The codes that an app may set in this campaign: its own active ones, and those of the system that are for apps."""
    custom = tx.codes(job.org_id).of_campaign(job.campaign_id)
    system = [CompletionCode(name=code.value, kind="system") for code in sorted(APP_SYSTEM_CODES)]
    return [CompletionCode(name=code.name, description=code.description) for code in custom if code.active] + system


def write_code(tx: Tx, attempt: Attempt, name: str, now: datetime) -> None:
    """What the app says so far. Raises UnknownCode, UnassociatedCode."""
    try:
        chosen = settable_code(tx, attempt, name, APP_SYSTEM_CODES)
    except NotFound as mistake:
        raise UnknownCode(str(mistake)) from mistake
    except Conflict as mistake:
        raise UnassociatedCode(str(mistake)) from mistake
    if attempt.app_code != chosen:
        tx.attempts.set_app_code(attempt.id, chosen, now)
