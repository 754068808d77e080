"""What an IVR app may read and write while its call lasts: the PDC inside the dialer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dialer.services.completion import StrategyOf
from dialer.services.pdc_call import PdcParts, SessionListener
from dialer.services.pdc_campaign import CampaignVerbs
from dialer.services.pdc_codes import CodeVerbs
from dialer.services.pdc_contacts import ContactVerbs
from dialer.services.pdc_dnc import DncVerbs
from dialer.services.pdc_lists import ListVerbs
from dialer.services.pdc_session import SessionVerbs
from dialer.store.store import Store
from pdc import SessionKey, SessionPdc


class DirectCall(SessionVerbs, CodeVerbs, ContactVerbs, ListVerbs, DncVerbs, CampaignVerbs):
    """All verbs of one call; implements `pdc.SessionPdc`."""


class DirectPdc:
    """The PDC on the dialer's own store; implements `pdc.Pdc`."""

    def __init__(self, store: Store, *, strategy_of: StrategyOf, listener: SessionListener, now: Callable[[], datetime]) -> None:
        self._parts = PdcParts(store=store, strategy_of=strategy_of, listener=listener, now=now)

    def on(self, key: SessionKey) -> SessionPdc:
        """The verbs of one call."""
        return DirectCall(self._parts, key)

    async def close(self) -> None:
        """Nothing to give back."""
