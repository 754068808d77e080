"""The PDC verbs of one call: what `call.pdc` is to an app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dialer.ivr.pulse import Pulse
from pdc.contract import CompletionCode, Contact, Pdc, SessionKey


class BoundPdc:
    """The verbs without the key. They work after the contact has hung up too: what was answered can still be kept."""

    def __init__(self, pdc: Pdc, key: SessionKey, pulse: Pulse) -> None:
        self._pdc, self._key, self._pulse = pdc, key, pulse

    async def contact(self) -> Contact:
        """The contact as it is now (`call.contact` is as it was at the start)."""
        with self._pulse:
            return await self._pdc.contact(self._key)

    async def get_attribute(self, name: str) -> str:
        """One attribute of the contact; "" where it is empty. Raises UnknownAttribute."""
        with self._pulse:
            return await self._pdc.get_attribute(self._key, name)

    async def set_attribute(self, name: str, value: str) -> None:
        """Write one attribute of the contact. Raises UnknownAttribute, BadValue."""
        with self._pulse:
            await self._pdc.set_attribute(self._key, name, value)

    async def completion_codes(self) -> Sequence[CompletionCode]:
        """The codes that this campaign may use."""
        with self._pulse:
            return await self._pdc.completion_codes(self._key)

    async def set_code(self, name: str) -> None:
        """Set the completion code already now; the last one wins. Raises UnknownCode, UnassociatedCode."""
        with self._pulse:
            await self._pdc.set_code(self._key, name)

    async def opt_out(self, reason: str = "") -> None:
        """Never call this number again."""
        with self._pulse:
            await self._pdc.opt_out(self._key, reason)

    async def note(self, text: str) -> None:
        """Keep a remark with the attempt. Raises BadValue."""
        with self._pulse:
            await self._pdc.note(self._key, text)

    async def is_dnc(self, address: str = "") -> bool:
        """Whether a DNC list bars the address ("" = the dialled one) for this campaign now."""
        with self._pulse:
            return await self._pdc.is_dnc(self._key, address)

    async def add_dnc(self, address: str = "", reason: str = "") -> None:
        """Bar an address ("" = the dialled one) for every campaign; the code stays as it is."""
        with self._pulse:
            await self._pdc.add_dnc(self._key, address, reason)

    async def remove_dnc(self, address: str = "") -> None:
        """Take an address off the organisation's DNC list, if it is there."""
        with self._pulse:
            await self._pdc.remove_dnc(self._key, address)

    async def save_contact(
        self, user_contact_id: str, *, phones: Mapping[str, str], attributes: Mapping[str, str] | None = None, list_name: str = ""
    ) -> None:
        """Put a contact on a list , or change what is named of it."""
        with self._pulse:
            await self._pdc.save_contact(self._key, user_contact_id, phones=phones, attributes=attributes, list_name=list_name)

    async def delete_contact(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete another contact, also from running jobs."""
        with self._pulse:
            await self._pdc.delete_contact(self._key, user_contact_id, list_name=list_name)

    async def add_to_job(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Let this job call a contact too, within seconds."""
        with self._pulse:
            await self._pdc.add_to_job(self._key, user_contact_id, list_name=list_name)

    async def count(self, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Add to a counter of the campaign (less with a negative amount), or `assign` it; returns its value."""
        with self._pulse:
            return await self._pdc.count(self._key, name, amount, assign=assign, once=once)

    async def schedule_callback(
        self, at: datetime, *, zone: str = "", expires: datetime | None = None, address: str = "", note: str = ""
    ) -> None:
        """Call this contact again at a moment: aware, or what the clocks of `zone` show. Raises BadValue, CallbackRefused."""
        with self._pulse:
            await self._pdc.schedule_callback(self._key, at, zone=zone, expires=expires, address=address, note=note)
