"""The PDC verbs of one call: what `call.pdc` is to an app."""

from __future__ import annotations

from collections.abc import Sequence

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
