"""Say which attributes a campaign's messages name, and no list of it has: their blanks would be empty for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.campaign import Campaign
from dialer.domain.email_content import UNSUBSCRIBE_URL
from dialer.domain.ids import OrgId
from dialer.domain.strategy import EmailHandler, MessageHandler, SmsHandler, Strategy
from dialer.services.strategies import load_strategy
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Names that no list has, in the order of the alphabet."""

    blanks: tuple[str, ...]  # of texts
    kept: tuple[str, ...]  # attributes that answers are to be written to


async def unknown_in_messages(store: Store, org_id: OrgId, campaign: Campaign) -> Unknown:
    """They may come with a later import, so that this is no mistake yet. Blanks are as exact as the names of columns."""

    def work(tx: Tx) -> tuple[str, set[str]]:
        lists = [tx.contact_lists(org_id).by_name(name) for name in campaign.contact_lists]
        return tx.strategies(org_id).latest(campaign.strategy).text, {name for one in lists for name in one.attributes}

    text, known = await store.read(work)
    strategy = load_strategy(text)
    return Unknown(blanks=_without(known, _blanks(strategy)), kept=_without(known, _kept(strategy)))


def _blanks(strategy: Strategy) -> set[str]:
    found = set[str]()
    for handler in strategy.handlers:
        if isinstance(handler, SmsHandler):
            found |= handler.text.names
        elif isinstance(handler, EmailHandler):
            found |= handler.names - {UNSUBSCRIBE_URL}
    return found


def _kept(strategy: Strategy) -> set[str]:
    tables = [one.replies for one in strategy.handlers if isinstance(one, MessageHandler) and one.replies is not None]
    return {name for table in tables for row in (*table.rows, table.otherwise) for name in row.set}


def _without(known: set[str], names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names - known))
