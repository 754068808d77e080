"""What an IVR app may read and write while its call lasts: the PDC inside the dialer."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from dialer import failpoints
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import APP_SYSTEM_CODES, SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.contact import ANY_ATTRIBUTE
from dialer.domain.hangup import amd_code
from dialer.domain.ids import AttemptId
from dialer.domain.strategy import treatment_for
from dialer.services.completion import StrategyOf
from dialer.services.pdc_verbs import CampaignVerbs, check_text
from dialer.store.store import Store, Tx
from pdc import (
    CompletionCode,
    Contact,
    NoSession,
    Session,
    SessionKey,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
)

log = structlog.get_logger()

ENDED_KEPT = 10_000  # more than can be up at once

SYSTEM_BY_KEY = {name_key(code.value): code for code in SystemCode}


class SessionListener(Protocol):
    """Who must know when the treatment of a call begins and ends: the engine, so that it waits for the app's last word."""

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None: ...

    def session_ended(self, attempt_id: AttemptId) -> None: ...


class DirectPdc(CampaignVerbs):
    """The PDC on the dialer's own store; implements `pdc.Pdc`."""

    def __init__(self, store: Store, *, strategy_of: StrategyOf, listener: SessionListener, now: Callable[[], datetime]) -> None:
        self._store, self._strategy_of, self._listener, self._now = store, strategy_of, listener, now
        self._ended: OrderedDict[str, None] = OrderedDict()  # sessions that have ended, while their calls may still be up

    async def open_session(self, key: SessionKey, *, amd_status: str = "", amd_cause: str = "") -> Session:
        """The call is answered and wants its app."""

        def work(tx: Tx) -> Session:
            attempt = self._open_attempt(tx, key)
            if attempt.app is not None:  # asked again: the detector's first word stays
                return self._session(tx, attempt)
            now = self._now()
            app, _ = self._treatment(tx, attempt, amd_status, amd_cause)
            facts = {"amd_status": amd_status[:16] or None, "amd_cause": amd_cause[:80] or None}
            return self._session(tx, tx.attempts.begin_treatment(attempt, at=now, app=app, **facts))

        session = await self._store.write(work)
        self._listener.session_opened(AttemptId(key.attempt_id), amd_status, amd_cause, treated=bool(session.app))
        failpoints.hit("K7")
        return session

    async def session(self, key: SessionKey) -> Session:
        """The call as it stands now."""
        return await self._store.read(lambda tx: self._session(tx, self._open_attempt(tx, key)))

    async def contact(self, key: SessionKey) -> Contact:
        """The contact as it is now."""
        return await self._store.read(lambda tx: self._contact(tx, self._open_attempt(tx, key)))

    async def get_attribute(self, key: SessionKey, name: str) -> str:
        """One attribute of the contact."""

        def work(tx: Tx) -> str:
            attempt = self._open_attempt(tx, key)
            self._check_attribute(tx, attempt, name)
            return self._contact(tx, attempt).attributes.get(name, "")

        return await self._store.read(work)

    async def set_attribute(self, key: SessionKey, name: str, value: str) -> None:
        """Write one attribute of the contact."""
        check_text(value)

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            self._check_attribute(tx, attempt, name)
            tx.contacts(attempt.org_id).set_attribute(attempt.contact_id, name, value, now=self._now())

        await self._store.write(work)

    async def completion_codes(self, key: SessionKey) -> Sequence[CompletionCode]:
        """The codes that this campaign may use."""
        return await self._store.read(lambda tx: self._codes(tx, self._job(tx, self._open_attempt(tx, key))))

    async def set_code(self, key: SessionKey, name: str) -> None:
        """Set the completion code; the last one before the call ends wins."""
        await self._store.write(lambda tx: self._write_code(tx, self._open_attempt(tx, key), name))

    async def opt_out(self, key: SessionKey, reason: str = "") -> None:
        """Put the number on the DNC list, at once."""
        check_text(reason)

        def work(tx: Tx) -> None:
            attempt = self._open_attempt(tx, key)
            tx.dnc(attempt.org_id).add(attempt.number, reason=reason[:200] or "opted out on a call", now=self._now())
            self._write_code(tx, attempt, SystemCode.OPTED_OUT.value)

        await self._store.write(work)

    async def note(self, key: SessionKey, text: str) -> None:
        """Keep a remark with the attempt."""
        check_text(text)

        def work(tx: Tx) -> None:
            tx.attempts.update_open(self._open_attempt(tx, key).id, {"app_note": text})

        await self._store.write(work)

    async def end_session(self, key: SessionKey, *, outcome: str = "", error: str = "") -> None:
        """The app has returned, or failed."""
        name = SystemCode.APPLICATION_ERROR.value if error else outcome

        def work(tx: Tx) -> bool:
            attempt = self._known_attempt(tx, key)
            if attempt.code is not None or key.attempt_id in self._ended:
                return False
            if name and not (error and attempt.app_code):  # an app that fails later does not take back what was said
                self._write_code(tx, attempt, name)
            if error:
                tx.attempts.add_events([(attempt.id, self._now(), "app_error", {"error": error[:400]})])
            return True

        if await self._store.write(work):
            self._ended[key.attempt_id] = None
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
            self._listener.session_ended(AttemptId(key.attempt_id))

    async def close(self) -> None:
        """Nothing to give back."""

    def _open_attempt(self, tx: Tx, key: SessionKey) -> Attempt:
        attempt = self._known_attempt(tx, key)
        if attempt.code is not None or key.attempt_id in self._ended:
            raise NoSession("the call has ended")
        return attempt

    def _known_attempt(self, tx: Tx, key: SessionKey) -> Attempt:
        attempt = tx.attempts.get(AttemptId(key.attempt_id))
        if attempt is None or not hmac.compare_digest(attempt.nonce.encode(), key.nonce.encode(errors="replace")):
            raise NoSession("no call has that name, or its nonce is wrong")
        return attempt

    def _job(self, tx: Tx, attempt: Attempt) -> Job:
        return tx.jobs(None).as_started(attempt.job_id)

    def _treatment(self, tx: Tx, attempt: Attempt, amd_status: str, amd_cause: str) -> tuple[str, dict[str, str]]:
        """The app and its parameters by who answered; ("", {}) when the strategy has nothing to say to such a one."""
        job = self._job(tx, attempt)
        handler = self._strategy_of(job.id, job.strategy_text).handler(attempt.handler)
        treatment = treatment_for(handler, answered_by(amd_status, amd_cause))
        return ("", {}) if treatment is None else (treatment.app, dict(treatment.parameters))

    def _session(self, tx: Tx, attempt: Attempt) -> Session:
        job = self._job(tx, attempt)
        amd_status, amd_cause = attempt.amd_status or "", attempt.amd_cause or ""
        _, parameters = self._treatment(tx, attempt, amd_status, amd_cause)
        return Session(
            attempt_id=attempt.id,
            campaign=job.campaign_name,
            job_id=job.id,
            app=attempt.app or "",
            answered_by=answered_by(amd_status, amd_cause),
            contact=self._contact(tx, attempt),
            parameters=parameters,
            codes=self._codes(tx, job),
        )

    def _contact(self, tx: Tx, attempt: Attempt) -> Contact:
        contact = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)
        return Contact(
            user_contact_id=contact.user_contact_id,
            address=attempt.number,
            language=contact.language,
            time_zone=contact.time_zone,
            attributes=dict(contact.attributes),
        )

    def _codes(self, tx: Tx, job: Job) -> list[CompletionCode]:
        custom = tx.codes(job.org_id).of_campaign(job.campaign_id)
        system = [CompletionCode(name=code.value, kind="system") for code in sorted(APP_SYSTEM_CODES)]
        return [CompletionCode(name=code.name, description=code.description) for code in custom if code.active] + system

    def _write_code(self, tx: Tx, attempt: Attempt, name: str) -> None:
        key = name_key(name)
        if key in SYSTEM_NAME_KEYS:
            code = SYSTEM_BY_KEY[key]
            if code not in APP_SYSTEM_CODES:
                raise UnassociatedCode(f"{code.value!r} is for the dialer itself to set")
            chosen = code.value
        else:
            codes = tx.codes(attempt.org_id)
            associated = {name_key(one.name): one for one in codes.of_campaign(self._job(tx, attempt).campaign_id)}
            custom = associated.get(key) or codes.find(name)
            if custom is None:
                raise UnknownCode(f"no completion code {name!r}")
            if key not in associated or not custom.active:
                raise UnassociatedCode(f"{custom.name!r} is passive, or not associated with this campaign")
            chosen = custom.name
        if attempt.app_code != chosen:
            tx.attempts.set_app_code(attempt.id, chosen, self._now())

    def _check_attribute(self, tx: Tx, attempt: Attempt, name: str) -> None:
        names = tx.contacts(attempt.org_id).attribute_names(attempt.contact_id)
        if name not in names and ANY_ATTRIBUTE not in names:
            raise UnknownAttribute(f"the contact's list has no attribute {name!r}")


def answered_by(amd_status: str, amd_cause: str) -> str:
    """Who answered, by the switch's detector: "human", "machine", "silence", "fax", or "unknown" when it did not run."""
    if not amd_status:
        return "unknown"
    match amd_code(amd_status, amd_cause):
        case SystemCode.ANSWER_MACHINE:
            return "machine"
        case SystemCode.SILENCE_DETECTED:
            return "silence"
        case SystemCode.FAX:
            return "fax"
    return "human"
