"""Keep on record which supervisor was at whose side, and show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.domain.ids import OrgId
from dialer.store.listenings import Listened as Listened
from dialer.store.store import Store, Tx


async def note_beginning(store: Store, org_id: OrgId, new: Listened) -> int:
    """Put on record that a supervisor comes to an agent's side, before it is so; returns its number. Raises StoreDown."""
    return await store.write(lambda tx: tx.listenings(org_id).begin(org_id, new))


async def note_ends(store: Store, ended: Sequence[tuple[int, datetime, str]]) -> None:
    """Put on record when, and why, these have ended. Raises StoreDown."""

    def work(tx: Tx) -> None:
        for number, at, because in ended:
            tx.listenings(None).end(number, at=at, because=because)

    await store.write(work)


async def nobody_listens(store: Store, *, at: datetime, because: str) -> int:
    """Put on record that whatever went on does not any more: the dialer has been away. Raises StoreDown."""
    return await store.write(lambda tx: tx.listenings(None).end_all(at=at, because=because))


async def list_listenings(store: Store, org_id: OrgId, *, login: str = "", limit: int = 100) -> list[Listened]:
    """Who was at whose side, the latest first; with `login` only what this supervisor or agent had part in. Raises NotFound."""

    def work(tx: Tx) -> list[Listened]:
        known = tx.agents(org_id).by_login(login).login if login else ""
        return tx.listenings(org_id).latest(limit, login=known)

    return await store.read(work)
