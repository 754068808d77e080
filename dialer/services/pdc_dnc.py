"""The PDC verbs for do-not-call lists."""

from __future__ import annotations

from dialer.domain.attempt import Attempt
from dialer.domain.dnc import DncKind
from dialer.errors import BadInput
from dialer.services.dnc import entry_value
from dialer.services.pdc_call import OnCall
from dialer.store.store import Tx
from pdc import BadValue


class DncVerbs(OnCall):
    """Ask for an address, bar it, free it."""

    async def is_dnc(self, address: str = "") -> bool:
        """Whether a DNC list bars the address for this campaign now."""

        def work(tx: Tx, attempt: Attempt) -> bool:
            campaign_id = tx.jobs(None).get(attempt.job_id).campaign_id
            value = _address(address, attempt)
            return bool(tx.dnc(attempt.org_id).listed([value], campaign_id=campaign_id, now=self._parts.now()))

        return await self._read(work)

    async def add_dnc(self, address: str = "", reason: str = "") -> None:
        """Bar an address for every campaign of the organisation."""

        def work(tx: Tx, attempt: Attempt) -> None:
            value = _address(address, attempt)
            tx.dnc(attempt.org_id).add(value, reason=reason[:200] or "on a call", now=self._parts.now())

        await self._write(work)

    async def remove_dnc(self, address: str = "") -> None:
        """Take an address off the organisation's list."""

        def work(tx: Tx, attempt: Attempt) -> None:
            tx.dnc(attempt.org_id).remove(_address(address, attempt))

        await self._write(work)


def _address(address: str, attempt: Attempt) -> str:
    if not address:
        return attempt.address
    try:
        return entry_value(address, DncKind.ADDRESS, "ZZ")
    except BadInput as exc:
        raise BadValue(f"not an address: {exc.what}") from exc
