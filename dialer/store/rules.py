"""Rules of an organisation, and the attempts that they count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.attempt import COMPLIANCE
from dialer.domain.codes import SystemCode, name_key
from dialer.domain.ids import CampaignId, ContactId, OrgId
from dialer.domain.rules import SYSTEM_RULES, Kind, Past, Per, Rule, Then
from dialer.errors import Conflict
from dialer.store.no_such import no_such
from dialer.store.tables import attempts, contact_lists, contacts
from dialer.store.tables_rules import rules

_MINE = sa.select(rules.c.definition, rules.c.name_key).where(rules.c.org_id == sa.bindparam("org"))
_USERS = sa.select(contacts.c.id, contacts.c.user_contact_id).where(contacts.c.id.in_(sa.bindparam("ids", expanding=True)))
_SAME = sa.select(contacts.c.id, contacts.c.user_contact_id).where(
    # List by list, through the index that every list has of its users' ids.
    contacts.c.list_id.in_(sa.select(contact_lists.c.id).where(contact_lists.c.org_id == sa.bindparam("org"))),
    contacts.c.user_contact_id.in_(sa.bindparam("users", expanding=True)),
)
_COUNTED = sa.select(attempts.c.contact_id, attempts.c.channel, attempts.c.address, attempts.c.intent_at, attempts.c.code).where(
    attempts.c.intent_at > sa.bindparam("since", type_=attempts.c.intent_at.type),
    sa.or_(attempts.c.code_source.is_(None), attempts.c.code_source != COMPLIANCE),  # it was never to be made
    sa.or_(attempts.c.code.is_(None), attempts.c.code != SystemCode.NOT_LAUNCHED.value),  # nobody was reached
)
_TO_PERSONS = _COUNTED.where(attempts.c.contact_id.in_(sa.bindparam("people", expanding=True)))
_TO_ADDRESSES = _COUNTED.where(
    attempts.c.org_id == sa.bindparam("org"), attempts.c.address.in_(sa.bindparam("addresses", expanding=True))
)


class Rules:
    """Rules by name; CODE and code are one name. The system's are always there, as shipped or as edited."""

    def __init__(self, connection: sa.Connection, org_id: OrgId) -> None:
        self._connection = connection
        self._org_id = org_id

    def all(self) -> list[Rule]:
        """Every rule, in the order in which they are asked."""
        found = dict(SYSTEM_RULES)
        for row in self._connection.execute(_MINE, {"org": self._org_id}):
            found[row.name_key] = _rule(row.definition)
        return sorted(found.values(), key=lambda rule: (rule.position, name_key(rule.name)))

    def by_name(self, name: str) -> Rule:
        """One rule. Raises NotFound."""
        for rule in self.all():
            if name_key(rule.name) == name_key(name):
                return rule
        raise no_such("rule", name, (one.name for one in self.all()))

    def create(self, rule: Rule) -> Rule:
        """A new rule, in force from the next transaction on. Raises Conflict for a name in use."""
        if name_key(rule.name) in SYSTEM_RULES:
            raise Conflict(f"there is a rule {rule.name!r} already")
        self._insert(rule)
        return rule

    def edit(self, rule: Rule) -> Rule:
        """Replace the rule of that name. Raises NotFound."""
        self.by_name(rule.name)
        statement = (
            sa.update(rules)
            .where(rules.c.org_id == self._org_id, rules.c.name_key == name_key(rule.name))
            .values(definition=_to_json(rule))
        )
        if not self._connection.execute(statement).rowcount:
            self._insert(rule)  # a system rule's first edit
        return rule

    def delete(self, name: str) -> None:
        """Remove a rule. Raises NotFound; Conflict for a system rule."""
        if self.by_name(name).system:
            raise Conflict(f"{name!r} comes with the system: it can be switched off, not deleted")
        self._connection.execute(sa.delete(rules).where(rules.c.org_id == self._org_id, rules.c.name_key == name_key(name)))

    def past(
        self, owned: Mapping[ContactId, Collection[str]], *, since: datetime, by_person: bool, by_address: bool
    ) -> dict[ContactId, list[Past]]:
        """What was attempted after `since` to these persons (on whatever list) and to their addresses."""
        users = {ContactId(row.id): row.user_contact_id for row in self._connection.execute(_USERS, {"ids": list(owned)})}
        person_of: dict[int, str] = {int(one): user for one, user in users.items()}
        rows: dict[tuple[int, str, datetime], Any] = {}
        if by_person and users:
            same = self._connection.execute(_SAME, {"org": self._org_id, "users": list(set(users.values()))})
            person_of |= {row.id: row.user_contact_id for row in same}
            for row in self._connection.execute(_TO_PERSONS, {"since": since, "people": list(person_of)}):
                rows[row.contact_id, row.address, row.intent_at] = row
        addresses = {address for of_contact in owned.values() for address in of_contact}
        if by_address and addresses:
            asked = {"org": self._org_id, "since": since, "addresses": list(addresses)}
            for row in self._connection.execute(_TO_ADDRESSES, asked):
                rows[row.contact_id, row.address, row.intent_at] = row
        return {
            contact_id: [
                Past(
                    at=row.intent_at,
                    address=row.address,
                    code=row.code,
                    own=person_of.get(row.contact_id) == users[contact_id],
                    channel=row.channel,
                )
                for row in rows.values()
                if row.address in mine or person_of.get(row.contact_id) == users[contact_id]
            ]
            for contact_id, mine in owned.items()
            if contact_id in users
        }

    def _insert(self, rule: Rule) -> None:
        values = {"org_id": self._org_id, "name": rule.name, "name_key": name_key(rule.name), "definition": _to_json(rule)}
        try:
            self._connection.execute(sa.insert(rules).values(values))
        except IntegrityError as exc:
            raise Conflict(f"there is a rule {rule.name!r} already") from exc


def _to_json(rule: Rule) -> dict[str, Any]:
    return asdict(rule)


def _rule(data: Mapping[str, Any]) -> Rule:
    return Rule(
        **{
            **data,
            "per": Per(data["per"]),
            "then": Then(data["then"]),
            "codes": tuple(data["codes"]),
            "campaigns": tuple(CampaignId(one) for one in data["campaigns"]),
            "zones": tuple(data.get("zones", ())),
            "except_zones": tuple(data.get("except_zones", ())),
            "exempt": tuple(Kind(one) for one in data["exempt"]),
        }
    )
