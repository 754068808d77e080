"""Look after agents: who may work, what they can do, for which campaigns, by which token, and why they may rest."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dialer.domain.agent import PHONE, PREFERRED_MOST, SKILL_LEAST, SKILL_MOST, Agent
from dialer.domain.codes import name_key
from dialer.domain.ids import AgentId, CampaignId, OrgId
from dialer.errors import BadInput
from dialer.services.names import checked_name, checked_text
from dialer.store.agents import REASON_LIMIT
from dialer.store.store import Store, Tx

PHONE_LIMIT = 80
SKILLS_MOST = 50
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}")


async def add_agent(
    store: Store,
    org_id: OrgId,
    login: str,
    *,
    name: str = "",
    phone: str = "",
    skills: Mapping[str, int] | None = None,
    campaigns: Collection[str] = (),
    supervisor: bool = False,
) -> Agent:
    """Let somebody work: for these campaigns, or for all. Raises BadInput, NotFound, Conflict (a login in use)."""
    if not _LOGIN.fullmatch(login):
        raise BadInput(f"{login[:80]!r} cannot be a login", where="login", mend="letters, digits and . _ @ -")
    known = checked_skills(skills or {})
    named, rung = _name(name), checked_phone(phone)
    new = Agent(id=AgentId(0), org_id=org_id, login=login, name=named, phone=rung, supervisor=supervisor)

    def work(tx: Tx) -> Agent:
        made = tx.agents(org_id).create(new)
        tx.agents(org_id).set_skills(made.id, known)
        tx.agents(org_id).set_campaigns(made.id, allowed=_campaigns(tx, org_id, campaigns), preferred=())
        return tx.agents(org_id).get(made.id)

    return await store.write(work)


async def change_agent(
    store: Store,
    org_id: OrgId,
    login: str,
    *,
    name: str | None = None,
    phone: str | None = None,
    active: bool | None = None,
    campaigns: Collection[str] | None = None,
    preferred: Sequence[str] | None = None,
    supervisor: bool | None = None,
) -> Agent:
    """Change what is given; a login stays. Who is made passive loses the token. Raises BadInput, NotFound."""
    new_name = None if name is None else _name(name)
    new_phone = None if phone is None else checked_phone(phone)

    def work(tx: Tx) -> Agent:
        agents, before = tx.agents(org_id), tx.agents(org_id).by_login(login)
        agents.change(
            before.id,
            name=before.name if new_name is None else new_name,
            phone=before.phone if new_phone is None else new_phone,
            active=before.active if active is None else active,
            supervisor=before.supervisor if supervisor is None else supervisor,
        )
        if campaigns is not None or preferred is not None:
            allowed = before.campaigns if campaigns is None else campaigns
            wished = before.preferred if preferred is None else preferred
            _set_campaigns(tx, before, allowed, wished, strict=preferred is not None)
        return agents.get(before.id)

    return await store.write(work)


async def prefer_campaigns(store: Store, org_id: OrgId, agent_id: AgentId, preferred: Sequence[str]) -> Agent:
    """An agent's own choice of the campaigns that come first. Raises BadInput, NotFound."""

    def work(tx: Tx) -> Agent:
        before = tx.agents(org_id).get(agent_id)
        _set_campaigns(tx, before, before.campaigns, preferred, strict=True)
        return tx.agents(org_id).get(agent_id)

    return await store.write(work)


async def set_skills(store: Store, org_id: OrgId, login: str, skills: Mapping[str, int]) -> Agent:
    """All skills of an agent with their levels, 1 to 10. Raises BadInput, NotFound."""
    known = checked_skills(skills)

    def work(tx: Tx) -> Agent:
        found = tx.agents(org_id).by_login(login)
        tx.agents(org_id).set_skills(found.id, known)
        return replace(found, skills=known)

    return await store.write(work)


async def remove_agent(store: Store, org_id: OrgId, login: str) -> None:
    """Take away an agent who never worked. Raises NotFound; Conflict for one who did: make that one passive."""
    await store.write(lambda tx: tx.agents(org_id).delete(tx.agents(org_id).by_login(login).id))


async def agents_with_token(store: Store, org_id: OrgId) -> set[AgentId]:
    """Who may use a desk."""
    return await store.read(lambda tx: tx.agents(org_id).with_token())


async def new_token(store: Store, org_id: OrgId, login: str) -> str:
    """Give an agent a new token, and take the old one away. It is told this once: only its hash is kept.

    Raises NotFound; BadInput for an agent who is passive.
    """
    token = secrets.token_urlsafe(32)

    def work(tx: Tx) -> None:
        found = tx.agents(org_id).by_login(login)
        if not found.active:
            raise BadInput(f"{found.login} is passive", where="agent", mend=f"dialer agent change {found.login} --active")
        tx.agents(org_id).set_token(found.id, token_hash(token))

    await store.write(work)
    return token


async def revoke_token(store: Store, org_id: OrgId, login: str) -> None:
    """Let an agent use no desk any more until there is a new token. Raises NotFound."""
    await store.write(lambda tx: tx.agents(org_id).set_token(tx.agents(org_id).by_login(login).id, None))


async def agent_of_token(store: Store, token: str) -> Agent | None:
    """Whose token it is; None for nobody's, and for that of an agent who is passive."""
    if not token or len(token) > 200:
        return None
    return await store.read(lambda tx: tx.agents(None).by_token(token_hash(token)))


def token_hash(token: str) -> str:
    """What is kept of a token. It has 256 bits of chance: a slow hash would protect nothing more."""
    return hashlib.sha256(token.encode()).hexdigest()


# ── why they rest ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def add_reason(store: Store, org_id: OrgId, name: str) -> str:
    """One more reason to be not ready. Raises BadInput, Conflict."""
    tidy = checked_text(checked_name(name, "reason"), "reason", REASON_LIMIT)
    await store.write(lambda tx: tx.agents(org_id).add_reason(tidy))
    return tidy


async def remove_reason(store: Store, org_id: OrgId, name: str) -> None:
    """Take a reason away; what was done under it stays on record. Raises NotFound."""
    await store.write(lambda tx: tx.agents(org_id).remove_reason(name))


async def list_reasons(store: Store, org_id: OrgId) -> list[str]:
    """Why agents may be not ready; none = any word will do."""
    return await store.read(lambda tx: tx.agents(org_id).reasons())


def reason_of(given: str, reasons: Sequence[str]) -> str:
    """The reason as it is defined. Raises BadInput for one that is not, where there are any."""
    if not reasons:
        return checked_text(given, "reason", REASON_LIMIT)
    found = {name_key(one): one for one in reasons}.get(name_key(given))
    if found is None:
        raise BadInput(f"{given[:80]!r} is no reason to be not ready", where="reason", mend=f"one of: {', '.join(reasons)}")
    return found


# ── what may be written ────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_skills(texts: Collection[str]) -> dict[str, int]:
    """Read "Turkish=5"; without a level it is 5. Raises BadInput."""
    found: dict[str, int] = {}
    for text in texts:
        name, _, level = text.rpartition("=") if "=" in text else (text, "", "5")
        if not level.strip().isascii() or not level.strip().isdigit():
            raise BadInput(f"{text!r} is no skill", where="skill", mend='for example "Turkish=5"')
        found[name.strip()] = int(level)
    return checked_skills(found)


def checked_skills(skills: Mapping[str, int]) -> dict[str, int]:
    """Skills with tidy names. Raises BadInput."""
    found = {checked_name(name, "skill"): level for name, level in skills.items()}
    if len({name_key(name) for name in found}) < len(skills) or len(found) > SKILLS_MOST:
        raise BadInput("a skill is named twice, or too many are", where="skill", mend=f"at most {SKILLS_MOST}, each once")
    for name, level in found.items():
        if not SKILL_LEAST <= level <= SKILL_MOST:
            raise BadInput(f"{name} {level}", where="skill", mend=f"a level from {SKILL_LEAST} to {SKILL_MOST}")
    return found


def checked_phone(phone: str) -> str:
    """Where an agent's telephone is rung. It goes to the switch: nothing but a plain name or number. Raises BadInput."""
    if phone and not PHONE.fullmatch(phone):
        raise BadInput(f"{phone[:80]!r} is no telephone", where="phone", mend="a SIP endpoint's name, or a number")
    return phone


def _name(name: str) -> str:
    return checked_text(name, "name", PHONE_LIMIT)


def _set_campaigns(tx: Tx, agent: Agent, allowed: Collection[str], preferred: Sequence[str], *, strict: bool) -> None:
    ids = _campaigns(tx, agent.org_id, allowed)
    first = _campaigns(tx, agent.org_id, preferred)
    if ids and strict and (strange := [name for name, one in zip(preferred, first, strict=True) if one not in ids]):
        raise BadInput(f"{agent.login} does not work for {', '.join(strange)}", where="preferred")
    if len(first) > PREFERRED_MOST:
        raise BadInput(f"{len(first)} campaigns", where="preferred", mend=f"at most {PREFERRED_MOST}")
    kept = [one for one in first if not ids or one in ids]
    tx.agents(agent.org_id).set_campaigns(agent.id, allowed=ids, preferred=kept)


def _campaigns(tx: Tx, org_id: OrgId, names: Collection[str]) -> list[CampaignId]:
    return [tx.campaigns(org_id).by_name(name).id for name in dict.fromkeys(names)]
