"""What a strategy writes to contacts: how it is read, what is wrong with it, and what it costs."""

from __future__ import annotations

import pytest

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.message_codes import code_of, refused_code
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.strategy import EmailHandler, SmsHandler, Strategy
from dialer.domain.wording import Language, Wish, Wording
from dialer.errors import BadInput
from dialer.resources import resource
from dialer.services.strategies import check_strategy, load_strategy
from dialer.services.strategy_diagram import as_text

pytestmark = pytest.mark.unit

SMS = """\
strategy: write
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "08:00", to: "21:00"}]
      text: "Hello ${first_name}, will you come?"
      gateway: twilio
      sender: "+15550100000"
      senders: [{when: {attribute: city, equals: Boston}, sender: "54321"}]
      valid_for_s: 3600
      results: {otherwise: mail, SMS Delivered: {}}
  - state: mail
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "Will you come, ${first_name}?"
      html: "<p>Hello ${first_name}</p>"
      attachments: [{file: flyer.pdf, type: application/pdf, name: Flyer.pdf}]
      sender: "Blood Service <donate@example.org>"
      unsubscribe: false
      results: {otherwise: done, Email Bounced: {}}
"""


def test_text_messages_and_mails_are_read_with_all_that_they_say() -> None:
    sms, email = load_strategy(SMS).handlers
    assert isinstance(sms, SmsHandler)
    assert (sms.channel, sms.gateway, sms.valid_for_s) == (Channel.SMS, "twilio", 3600.0)
    assert sms.text.names == {"first_name"}
    assert [sms.sender_for({"city": city}) for city in ("Boston", "Austin")] == ["54321", "+15550100000"]
    assert sms.asks_attributes
    assert isinstance(email, EmailHandler)
    assert (email.channel, email.text, email.unsubscribe) == (Channel.EMAIL, None, False)
    assert [(one.file, one.name, one.content_type) for one in email.attachments] == [
        ("flyer.pdf", "Flyer.pdf", "application/pdf")
    ]


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ("${first_name}, will", "${first_name, will", "text: a blank is not closed"),
        ('"+15550100000"', '"call us: now!"', "sender: cannot be the sender of a text message"),
        ('sender: "54321"', 'number: "54321"', "senders[0].number: unknown key"),
        ("gateway: twilio", 'gateway: "two words"', "gateway: must be the name of a gateway"),
        ("valid_for_s: 3600", "valid_for_s: 5", "valid_for_s: must be a number from 60"),
        ("SMS Delivered: {}", "Call Busy: {}", "Call Busy: no attempt by sms ends with it"),
        ("SMS Delivered: {}", "Email Bounced: {}", "Email Bounced: no attempt by sms ends with it"),
        ("SMS Delivered: {}", "SMS Delivered: {app: press1}", "no app can run here: nobody is on the line"),
        ("valid_for_s: 3600", "default_code: No Input", "default_code: has no meaning here"),
        ('"Will you come, ${first_name}?"', '"two\\nlines"', "subject: a line end or another control character"),
        ('html: "<p>Hello ${first_name}</p>"', "", "text: is missing (a mail has a `text`, `html`, or both)"),
        ("file: flyer.pdf", "file: ../secret", "file: must be the name of a file"),
        ("type: application/pdf", "type: pdf", "type: must be a content type"),
        ("<donate@example.org>", "<nobody>", "sender: cannot be the sender of a mail"),
        (
            'will you come?"\n      gateway',
            '${unsubscribe_url}"\n      gateway',
            "text: has ${unsubscribe_url}, which only mails have",
        ),
        ('subject: "Will', 'subject: "${unsubscribe_url} Will', "subject: has no place for ${unsubscribe_url}"),
        ("unsubscribe: false", "unsubscribe: maybe", "unsubscribe: must be true or false"),
    ],
)
def test_what_cannot_be_written_is_told_with_its_line(before: str, after: str, mistake: str) -> None:
    assert before in SMS
    with pytest.raises(BadInput) as told:
        load_strategy(SMS.replace(before, after, 1), "s.yaml")
    assert mistake in str(told.value)
    assert str(told.value).startswith("s.yaml:")


def test_a_call_ends_with_no_code_of_messages() -> None:
    text = resource("strategies/reminder.yaml").read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="SMS Failed: no attempt by voice ends with it"):
        load_strategy(text.replace("otherwise: done", "otherwise: done\n        SMS Failed: {}", 1))


def test_the_segments_are_told_before_anything_is_sent() -> None:
    shown = as_text(load_strategy(SMS))
    assert "1 segment of GSM-7, 22 units, and what ${first_name} adds" in shown
    assert "[mail] mails email (all day)" in shown
    long = SMS.replace("will you come?", "will you come? " * 12)
    assert "2 segments of GSM-7" in as_text(load_strategy(long))


def test_one_character_that_doubles_the_price_is_warned_of_and_another_script_is_not() -> None:
    def warnings(text: str) -> tuple[str, ...]:
        written = SMS.replace("will you come?", f"{text} STOP ends messages.").replace("unsubscribe: false", "unsubscribe: true")
        return check_strategy(written, "s.yaml").warnings

    assert warnings("won’t you come?") == (
        "s.yaml:7: initial.text: ’ puts the whole text into UCS-2: 70 characters a segment instead of 160",
    )
    assert warnings("Придёте ли вы?") == ()


STOP_ROWS = [
    # what is changed                                      the lines that are warned of
    ({}, [7, 13]),
    ({"will you come?": "will you come? STOP ends messages."}, [13]),
    ({'"Hello ${first_name}, will you come?"': '"${text}"'}, [13]),  # nobody knows what it will say
    ({"unsubscribe: false": "unsubscribe: true"}, [7]),  # List-Unsubscribe is in the mail's header
    ({"      unsubscribe: false\n": ""}, [7]),
    ({"<p>": "<p>${unsubscribe_url}"}, [7]),
    ({"<p>": "<p>Answer with UNSUBSCRIBE."}, [7]),
    ({"Will you come,": "STOP"}, [7, 13]),  # a subject is no place for it
]


@pytest.mark.parametrize(("changes", "lines"), STOP_ROWS)
def test_a_text_that_tells_nobody_how_to_stop_is_warned_of(changes: dict[str, str], lines: list[int]) -> None:
    text = SMS
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    warned = [one for one in check_strategy(text, "s").warnings if "tells nobody how to have no more" in one]
    assert [int(one.split(":")[1]) for one in warned] == lines


def test_an_installations_own_word_tells_how_to_stop_too() -> None:
    own = Wording(languages={"sv": Language(words={**dict.fromkeys(Wish, frozenset[str]()), Wish.STOP: frozenset({"sluta"})})})
    text = SMS.replace("will you come?", "kommer du? Svara SLUTA.").replace("unsubscribe: false", "unsubscribe: true")
    assert check_strategy(text, wording=own).warnings == ()
    assert len(check_strategy(text).warnings) == 1


def test_every_strategy_that_is_shipped_tells_how_to_stop() -> None:
    shipped = sorted(resource("strategies/appointment.yaml").parent.glob("*.yaml"))
    assert len(shipped) > 5
    for path in shipped:
        warnings = check_strategy(path.read_text(encoding="utf-8"), path.name).warnings
        assert not [one for one in warnings if "tells nobody" in one]


CODES = [
    (Channel.SMS, MessageState.SENT, None, None),
    (Channel.SMS, MessageState.DELIVERED, None, SystemCode.SMS_DELIVERED),
    (Channel.SMS, MessageState.READ, None, SystemCode.SMS_DELIVERED),
    (Channel.SMS, MessageState.EXPIRED, Refusal.UNREACHABLE, SystemCode.SMS_FAILED),
    (Channel.SMS, MessageState.UNDELIVERED, Refusal.ADDRESS, SystemCode.SMS_FAILED),
    (Channel.SMS, MessageState.FAILED, Refusal.OPTED_OUT, SystemCode.OPTED_OUT),
    (Channel.EMAIL, MessageState.DELAYED, None, None),
    (Channel.EMAIL, MessageState.DELIVERED, None, SystemCode.EMAIL_DELIVERED),
    (Channel.EMAIL, MessageState.BOUNCED, Refusal.ADDRESS, SystemCode.EMAIL_BOUNCED),
    (Channel.EMAIL, MessageState.EXPIRED, Refusal.UNREACHABLE, SystemCode.EMAIL_FAILED),
]


@pytest.mark.parametrize(("channel", "state", "refusal", "code"), CODES)
def test_the_end_of_a_message_is_a_completion_code(
    channel: Channel, state: MessageState, refusal: Refusal | None, code: SystemCode | None
) -> None:
    assert code_of(channel, state, refusal) == code


def test_a_message_that_no_gateway_took_has_its_code_too() -> None:
    assert refused_code(Channel.SMS, Refusal.ADDRESS) is SystemCode.SMS_REJECTED
    assert refused_code(Channel.SMS, Refusal.OPTED_OUT) is SystemCode.OPTED_OUT
    assert refused_code(Channel.EMAIL, Refusal.ADDRESS) is SystemCode.EMAIL_BOUNCED
    assert refused_code(Channel.EMAIL, Refusal.CONTENT) is SystemCode.EMAIL_FAILED


def test_a_strategy_across_channels_has_a_lane_for_each() -> None:
    strategy: Strategy = load_strategy(resource("strategies/reach_donors.yaml").read_text(encoding="utf-8"))
    assert strategy.channels == (Channel.VOICE, Channel.SMS, Channel.EMAIL)
