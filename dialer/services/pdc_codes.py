"""The PDC verbs for the outcome of a call: its completion code, an opt-out, a remark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import APP_SYSTEM_CODES, SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.services.pdc_call import OnCall, check_text
from dialer.store.store import Tx
from pdc import CompletionCode, UnassociatedCode, UnknownCode

SYSTEM_BY_KEY = {name_key(code.value): code for code in SystemCode}


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
            tx.dnc(attempt.org_id).add(attempt.number, reason=reason[:200] or "opted out on a call", now=now)
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
    key = name_key(name)
    if key in SYSTEM_NAME_KEYS:
        code = SYSTEM_BY_KEY[key]
        if code not in APP_SYSTEM_CODES:
            raise UnassociatedCode(f"{code.value!r} is for the dialer itself to set")
        chosen = code.value
    else:
        codes, job = tx.codes(attempt.org_id), tx.jobs(None).as_started(attempt.job_id)
        associated = {name_key(one.name): one for one in codes.of_campaign(job.campaign_id)}
        custom = associated.get(key) or codes.find(name)
        if custom is None:
            raise UnknownCode(f"no completion code {name!r}")
        if key not in associated or not custom.active:
            raise UnassociatedCode(f"{custom.name!r} is passive, or not associated with this campaign")
        chosen = custom.name
    if attempt.app_code != chosen:
        tx.attempts.set_app_code(attempt.id, chosen, now)
