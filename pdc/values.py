"""What the verbs speak of: a call, its contact, contact lists, completion codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKey:
    """What proves that we are on a call: the attempt's id and its one-time nonce."""

    attempt_id: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person. `attributes` are text, by name; `address` is the number that was dialled (E.164), "" for another contact."""

    user_contact_id: str
    address: str
    language: str = "en"
    time_zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One number of a contact: what strategies call it ("mobile"), E.164, and the time zones in which it may be."""

    name: str
    number: str
    zones: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """What contacts of a list may have. `type` is "string", "integer", "float", "boolean", "date", "timestamp", "phone" or
    "email"; people who may not unmask see a `masked` one in part only.
    """

    name: str
    type: str = "string"
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStatus:
    """A contact list: how many are on it, and whether it is being emptied."""

    name: str
    total: int
    emptying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionCode:
    """A code that this campaign may use. `kind` is "system" or "custom"."""

    name: str
    kind: str = "custom"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One call under treatment. `app` names the IVR app to run, or `dialplan` the place where the call goes on in the switch
    ("context,extension"). Where both are empty, the strategy has nothing to say to whoever answered: the call is to be hung up.
    `answered_by` is "human", "machine", "silence", "fax" or "unknown".
    """

    attempt_id: str
    campaign: str
    job_id: int
    app: str
    answered_by: str
    contact: Contact
    parameters: Mapping[str, str] = field(default_factory=dict)  # the app's parameters from the strategy
    codes: Sequence[CompletionCode] = ()
    dialplan: str = ""
    default_code: str = ""  # the code of a call that was treated and got none from anybody; "" = that is an error
