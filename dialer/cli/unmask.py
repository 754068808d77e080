"""`--unmask` of the commands that show attributes: only for those whom the settings name, and each use on record."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from dialer.cli.context import os_user, who
from dialer.domain.ids import OrgId
from dialer.services.contact_cards import unmask
from dialer.settings import Settings
from dialer.store.store import Store

Unmask = Annotated[
    bool, typer.Option("--unmask", help="Show masked attributes in full; the settings say who may ([access] unmask).")
]


def unmask_for(store: Store, org_id: OrgId, settings: Settings, wanted: bool, what: str) -> None:
    """Do nothing unless it is wanted; then put it on record, or refuse it. Raises Forbidden."""
    if wanted:
        asyncio.run(unmask(store, org_id, user=os_user(), allowed=settings.access.unmask, what=what, by=who()))
