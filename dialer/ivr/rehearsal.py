"""Run an IVR app from its first word to its code, without a telephone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dialer.ivr.call import Call, CallSettings, Prompts
from dialer.ivr.fake_pdc import FakeCall, FakePdc
from dialer.ivr.outcome import Outcome
from dialer.ivr.player import Player, TextPrompts
from dialer.ivr.prompt_text import PromptTexts
from dialer.ivr.registry import Apps, IvrApp
from dialer.ivr.runner import CallRun
from pdc import Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a rehearsal."""

    code: str  # the completion code that would be recorded; "" leaves it to the network's facts (Disconnected by User)
    error: str  # how the app failed, or ""
    hung_up_by: str  # "contact" or "app"
    prompts: tuple[str, ...]  # the keys of the prompts heard, in order
    transcript: tuple[str, ...]  # everything, in words
    call: FakeCall  # attributes, notes, opted_out as the app left them
    pdc_log: tuple[str, ...]  # the verbs that changed something

    @property
    def outcome(self) -> Outcome | None:
        """The code as an Outcome; None where there is none."""
        return Outcome(self.code) if self.code else None

    @property
    def opted_out(self) -> bool:
        """Whether the contact is on the DNC list now."""
        return self.call.opted_out is not None

    @property
    def attributes(self) -> Mapping[str, str]:
        """The contact's attributes as they are now."""
        return self.call.attributes


async def rehearse(
    app: IvrApp,
    player: Player,
    *,
    contact: Contact | None = None,
    attributes: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    answered_by: str = "human",
    language: str = "",
    codes: Collection[str] | None = None,
    prompt_folders: Collection[Path] = (),
    prompts: Prompts | None = None,
    default_code: str = "",
) -> Played:
    """Run `app` against `player`. `codes` are the campaign's custom codes; by default those that the app declares.

    `default_code` is the strategy's, for an app that returns nothing.

    A contact list has the attributes that its contact has: where neither `contact` nor `attributes` is given, any may be set.
    """
    who = contact or Contact(user_contact_id="1", address="+15550100")
    who = replace(who, attributes={**who.attributes, **(attributes or {})}, language=language or who.language)
    pdc = FakePdc(codes=app.codes if codes is None else codes, any_attribute=contact is None and attributes is None)
    key = pdc.add_call(app=app.name, contact=who, parameters=parameters, answered_by=answered_by, default_code=default_code)
    sounds = prompts or TextPrompts(PromptTexts(list(prompt_folders)))
    settings = CallSettings(transfer_trunk="carrier", recordings=Path("/recordings"))
    verbs = pdc.on(key)
    call = Call(player, await verbs.open_session(), pdc=verbs, prompts=sounds, settings=settings)
    run = CallRun(call, player, app_name=app.name, apps=Apps([app]), pdc=verbs, prompts=sounds)
    ending = await run.run()
    kept = pdc.calls[key.attempt_id]
    return Played(
        code=kept.code,
        error=ending.error,
        hung_up_by=player.hung_up_by,
        prompts=tuple(player.prompts),
        transcript=tuple(player.transcript),
        call=kept,
        pdc_log=tuple(pdc.log),
    )
