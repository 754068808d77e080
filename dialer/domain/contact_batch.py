"""Many contacts at once, column by column: the shape in which they travel between processes and into a database quickest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dialer.domain.contact import NewAddress, NewContact


@dataclass(slots=True)
class ContactBatch:
    """Contacts to be stored. The lists of a group have the same length; the second group has an entry for each address."""

    users: list[str] = field(default_factory=list)  # the user's own ids
    languages: list[str] = field(default_factory=list)
    time_zones: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)  # each a JSON object

    owners: list[int] = field(default_factory=list)  # whose address it is: a place in the lists above
    names: list[str] = field(default_factory=list)  # no two of an owner are the same
    channels: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)  # "" = an address of that name is to be removed
    zones: list[str] = field(default_factory=list)  # joined by commas

    @classmethod
    def of(cls, contacts: Iterable[NewContact]) -> ContactBatch:
        """The same contacts as a batch. Of two addresses of one name the later one counts."""
        batch = cls()
        for contact in contacts:
            batch.add(contact.user_contact_id, contact.language, contact.time_zone, json.dumps(dict(contact.attributes)))
            for one in {one.name: one for one in contact.addresses}.values():
                batch.add_address(one.name, one.value, ",".join(one.zones), one.channel)
        return batch

    @property
    def address_columns(self) -> tuple[list[int], list[str], list[str], list[str], list[str]]:
        """Owners, names, channels, values, zones."""
        return self.owners, self.names, self.channels, self.values, self.zones

    def add(self, user: str, language: str, time_zone: str, attributes: str) -> None:
        """One more contact; `attributes` is a JSON object."""
        self.users.append(user)
        self.languages.append(language)
        self.time_zones.append(time_zone)
        self.attributes.append(attributes)

    def add_address(self, name: str, value: str, zones: str, channel: str = "voice") -> None:
        """One more address of the contact that was added last."""
        self.owners.append(len(self.users) - 1)
        self.names.append(name)
        self.channels.append(channel)
        self.values.append(value)
        self.zones.append(zones)

    def extend(self, other: ContactBatch) -> None:
        """Take over the contacts of another batch, behind these."""
        shift = len(self.users)
        self.owners += [owner + shift for owner in other.owners] if shift else other.owners
        for name in ("users", "languages", "time_zones", "attributes", "names", "channels", "values", "zones"):
            getattr(self, name).extend(getattr(other, name))

    def contact_columns(self, places: Sequence[int]) -> tuple[list[str], list[str], list[str], list[str]]:
        """Users, languages, time zones and attributes of the contacts at these places, in this order."""
        columns = (self.users, self.languages, self.time_zones, self.attributes)
        users, languages, zones, attributes = ([column[place] for place in places] for column in columns)
        return users, languages, zones, attributes

    def contacts(self) -> list[NewContact]:
        """The same as values, one by one."""
        owned: list[list[NewAddress]] = [[] for _ in self.users]
        for owner, name, channel, value, zones in zip(*self.address_columns, strict=True):
            owned[owner].append(NewAddress(name=name, value=value, zones=tuple(filter(None, zones.split(","))), channel=channel))
        return [
            NewContact(
                user_contact_id=user, language=language, time_zone=zone, attributes=json.loads(attributes), addresses=tuple(mine)
            )
            for user, language, zone, attributes, mine in zip(
                self.users, self.languages, self.time_zones, self.attributes, owned, strict=True
            )
        ]
