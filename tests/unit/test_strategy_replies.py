"""Reply tables are read with every mistake told at its line, and words that stop messages can be nobody's keywords."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.reply import Replies, ReplyRow
from dialer.errors import BadInput
from dialer.services.reply_words import load_wording
from dialer.services.strategies import check_strategy, load_strategy

pytestmark = pytest.mark.unit

STRATEGY = """\
strategy: ask
status: completed
handlers:
  - state: initial
    sms:
      text: Will you give blood? Reply 1 for yes, 2 for no. STOP to end.
      addresses: [{attribute: mobile, from: "08:00", to: "21:00"}]
      results: {otherwise: done, SMS Delivered: {next_state: wait}}
      wait: {for_s: 3600}
"""
KNOWN = ("Interested", "Not Interested")


def with_replies(text: str) -> str:
    return STRATEGY + "".join(f"      {line}\n" for line in text.splitlines())


def test_a_reply_table_is_read() -> None:
    text = """\
replies:
  within_s: 7200
  rows:
    - {words: ["1", "Ja, bitte!"], code: interested, set: {donor: "yes"}}
    - {pattern: '(?P<day>monday|friday)', set: {day: "${day}", said: "${reply}"}}
    - {words: [other], app: keep_answer, parameters: {attribute: said}}
  otherwise: {code: No Match}"""
    (handler,) = load_strategy(with_replies(text), known_codes=KNOWN).handlers
    assert handler.replies == Replies(
        rows=(
            ReplyRow(words=("1", "ja bitte"), code="Interested", set={"donor": "yes"}),
            ReplyRow(pattern="(?P<day>monday|friday)", set={"day": "${day}", "said": "${reply}"}),
            ReplyRow(words=("other",), app="keep_answer", parameters={"attribute": "said"}),
        ),
        otherwise=ReplyRow(code="No Match"),
        within_s=7200,
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{words: [stop], code: Interested}", "'stop' always means STOP and never comes here"),
        ("{words: [Abmelden], code: Interested}", "'Abmelden' always means STOP"),
        ("{words: [help], code: Interested}", "'help' always means HELP"),
        ("{words: ['1'], code: Intrested}", "no completion code 'Intrested' in this campaign"),
        ("{words: ['1'], code: SMS Delivered}", "for the dialer itself to set"),
        ("{words: ['1', '1!'], code: Interested}", "stands in this table a second time"),
        ("{words: ['!'], code: Interested}", "must be a word or a text"),
        ("{code: Interested}", "say which answers this row is for"),
        ("{words: ['1']}", "nothing follows"),
        ("{pattern: '(', code: Interested}", "no regular expression that can be used here"),
        ("{pattern: '(a)\\1', code: Interested}", "no regular expression that can be used here"),
        ("{pattern: 'a', set: {x: '${day}'}}", "there is no ${day} here"),
        ("{words: ['1'], app: 1x}", "must be the name of a message app"),
        ("{words: ['1'], app: mine, code: Interested}", "has no place beside `app`"),
        ("{words: ['1'], code: Interested, parameters: {a: b}}", "no meaning without `app`"),
        ("{word: ['1'], code: Interested}", "unknown key"),
        ("[1]", "must be a table"),
    ],
)
def test_a_mistake_is_told_with_its_line(row: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_strategy(with_replies(f"replies:\n  rows:\n    - {row}"), known_codes=KNOWN)
    assert any(line.startswith("strategy:12: ") and told in line for line in str(caught.value).splitlines()), str(caught.value)


def test_a_call_has_no_reply_table() -> None:
    text = with_replies("replies: {rows: [{words: ['1'], code: Interested}]}").replace("sms:", "call:").replace("text: Will", "#")
    with pytest.raises(BadInput, match="replies: unknown key"):
        load_strategy(text)


def test_a_table_whose_answers_nobody_waits_for_is_warned_of() -> None:
    text = with_replies("replies: {rows: [{words: ['1'], code: Interested}]}").replace("{next_state: wait}", "{}")
    warnings = check_strategy(text).warnings
    assert any("initial.replies: no row leads to 'wait'" in one for one in warnings)
    assert not check_strategy(with_replies("replies: {rows: [{words: ['1'], code: Interested}]}")).warnings


def test_an_installations_own_words_can_be_nobodys_keywords_either(tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text('[sv]\nstop = ["sluta"]\n', encoding="utf-8")
    text = with_replies("replies: {rows: [{words: [Sluta], code: Interested}]}")
    assert load_strategy(text), "among the shipped words it is none"
    with pytest.raises(BadInput, match="'Sluta' always means STOP"):
        load_strategy(text, wording=load_wording(own))
