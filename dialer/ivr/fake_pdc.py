"""A PDC in memory, with all the rules of the real one: for unit tests of apps, for `dialer ivr try`, for contract tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dialer.domain.attributes import AttributeType
from dialer.domain.codes import APP_SYSTEM_CODES, name_key
from dialer.domain.ids import new_attempt_id
from dialer.domain.phone_checks import PhoneChecks
from dialer.ivr.fake_call import FakeCall, FakeCallback, FakeContact
from dialer.ivr.fake_verbs import FakeVerbs
from pdc import CompletionCode, Contact, Phone, Session, SessionKey, SessionPdc

__all__ = ["FakeCall", "FakeCallback", "FakeContact", "FakePdc", "FakeVerbs"]


class FakePdc:
    """`codes` are the campaign's custom codes; `other_codes` exist in the organisation but not in the campaign.

    `any_attribute`: the contact lists are taken to have every attribute that is asked for. `verbs` may be a class of your own,
    where one verb is to fail.
    """

    def __init__(
        self,
        *,
        codes: Collection[str] = (),
        other_codes: Collection[str] = (),
        any_attribute: bool = False,
        verbs: type[FakeVerbs] = FakeVerbs,
    ) -> None:
        self.codes = {name_key(code.value): CompletionCode(name=code.value, kind="system") for code in sorted(APP_SYSTEM_CODES)}
        self.codes.update({name_key(code): CompletionCode(name=code) for code in codes})
        self.other_codes = {name_key(code) for code in other_codes}
        self.any_attribute = any_attribute
        self._verbs = verbs
        self.calls: dict[str, FakeCall] = {}
        self.lists: dict[str, dict[str, FakeContact]] = {}  # contacts by the user's own id
        self.attributes: dict[str, list[str]] = {}  # which attributes the contacts of a list may have
        self.types: dict[str, AttributeType] = {}  # of attributes that are not plain text
        self.phone_checks = PhoneChecks()
        self.emptying: set[str] = set()  # lists that are to be empty when the last call to one of theirs ends
        self.added: set[tuple[str, str]] = set()  # contacts that apps put into the job: (list, id)
        self.job_lists: list[str] = []  # lists that apps put into the job
        self.job_ending = False  # the job takes nobody on any more
        self.dnc: set[str] = set()
        self.counters: dict[str, int] = {}
        self.counted: set[tuple[str, str]] = set()
        self.refuses_callbacks = ""  # the reason, to see what an app does then
        self.log: list[str] = []  # every verb that changed something, in order, as words

    def add_call(
        self,
        *,
        app: str = "",
        contact: Contact | None = None,
        parameters: Mapping[str, str] | None = None,
        answered_by: str = "human",
        campaign: str = "Test campaign",
        nonce: str = "nonce-of-a-test-call",
        attempt_id: str = "",
        list_name: str = "people",
        dialplan: str = "",
        default_code: str = "",
    ) -> SessionKey:
        """Prepare an answered call. Its contact list has the attributes that the contact has (an empty one counts)."""
        who = contact or Contact(user_contact_id="1", address="+15550100")
        key = SessionKey(attempt_id=attempt_id or new_attempt_id(), nonce=nonce)
        session = Session(
            attempt_id=key.attempt_id,
            campaign=campaign,
            job_id=1,
            app=app,
            answered_by=answered_by,
            contact=who,
            parameters=dict(parameters or {}),
            codes=tuple(self.codes.values()),
            dialplan=dialplan,
            default_code=default_code,
        )
        person = FakeContact(
            attributes=dict(who.attributes),
            phones={"mobile": Phone(name="mobile", number=who.address, zones=(who.time_zone,) if who.time_zone else ())},
            language=who.language,
            time_zone=who.time_zone,
        )
        self.lists.setdefault(list_name, {})[who.user_contact_id] = person
        names = self.attributes.setdefault(list_name, [])
        names += [name for name in who.attributes if name not in names]
        self.calls[key.attempt_id] = FakeCall(session=session, nonce=nonce, list_name=list_name, who=person)
        return key

    def on(self, key: SessionKey) -> SessionPdc:
        """The verbs of one call."""
        return self._verbs(self, key)

    async def close(self) -> None:
        return
