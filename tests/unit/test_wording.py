"""STOP, START and HELP are recognised in any language, whatever stands around them; other texts are not taken for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.sms_text import size_of
from dialer.domain.wording import Wish, Wording, fold
from dialer.errors import BadInput
from dialer.services.reply_words import load_wording

pytestmark = pytest.mark.unit

WORDING = load_wording()


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        *((word, Wish.STOP) for word in ("STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE")),  # 64.1200(a)(10)
        *((word, Wish.STOP) for word in ("stopall", "Stop.", " stop \n", "S T O P".replace(" ", ""), "opt-out", "STOP!!! 😡")),
        ("Please stop", Wish.STOP),
        ("stop texting me please", Wish.STOP),
        ("Please take me off your list. Thank you!", Wish.STOP),
        ("don't contact me", Wish.STOP),
        ("ARRÊT svp", Wish.STOP),
        ("ne m'écrivez plus", Wish.STOP),
        ("Bitte abmelden", Wish.STOP),
        ("Uitschrijven aub", Wish.STOP),
        ("Non scrivetemi più, grazie", Wish.STOP),
        ("Por favor, remover", Wish.STOP),
        ("Keine Nachrichten mehr!", Wish.STOP),
        ("LÖSCHEN", Wish.STOP),
        ("Baja, por favor", Wish.STOP),
        ("¡ALTO!", Wish.STOP),
        ("STOP\n\n--\nAnn Smith\nSent from my telephone", Wish.STOP),
        ("Hello,\n\nunsubscribe\n\nRegards", Wish.STOP),
        ("START", Wish.START),
        ("unstop", Wish.START),
        ("Reprendre", Wish.START),
        ("HELP", Wish.HELP),
        ("Who is this?", Wish.HELP),
        ("¿Ayuda?", Wish.HELP),
        ("Hilfe bitte", Wish.HELP),
    ],
)
def test_a_word_is_recognised(text: str, wish: Wish) -> None:
    found = WORDING.wish_in(text)
    assert found is not None
    assert found[0] is wish


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "yes",
        "stop by at five",
        "I cannot stop thinking of it, yes",
        "please",
        "the end is near",
        "can you help me with my bill",
        "end of the month would suit me",
        "stop" * 100,
        "x" * 100_000,
    ],
)
def test_other_texts_are_not_taken_for_one(text: str) -> None:
    assert WORDING.wish_in(text) is None


def test_a_word_that_is_said_again_and_again_is_that_word() -> None:
    assert WORDING.wish_in("STOP STOP stop!!") == (Wish.STOP, "en")
    assert WORDING.wish_in("stop start stop") is None


def test_an_opt_out_goes_before_a_request_for_help() -> None:
    found = WORDING.wish_in("help\nSTOP")
    assert found is not None
    assert found[0] is Wish.STOP


def test_a_text_that_may_be_meant_as_an_opt_out_is_pointed_out() -> None:
    assert WORDING.may_mean_stop("I told you to stop this nonsense")
    assert WORDING.may_mean_stop("how do I unsubscribe from this")
    assert WORDING.may_mean_stop("I am not Zoë, please don't text me any more")  # none of its words says it alone
    assert not WORDING.may_mean_stop("para mañana, gracias")


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("Will you come? STOP ends messages.", True),
        ("Reply stop to end.", True),
        ("Responda BAJA para no recibir más.", True),
        ("Répondez ARRÊT pour ne plus recevoir nos messages.", True),
        ("Antworten Sie mit ABMELDEN.", True),
        ("Responda SAIR", True),
        ("<a href='https://example.org'>unsubscribe</a>", True),
        ("x" * 9000 + "\nSTOP ends messages.", True),  # at the foot of a long mail
        ("Esto es para usted, hasta el fin de mes.", False),  # words that stop messages when they stand alone
        ("The end of the month is near, quit worrying.", False),
        ("Will you come?", False),
        ("", False),
    ],
)
def test_a_text_tells_how_to_stop_where_it_names_a_word_that_does(text: str, tells: bool) -> None:
    assert WORDING.tells_how_to_stop(text) is tells


@pytest.mark.parametrize("wish", list(Wish))
@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "it", "nl", "pt"])
def test_every_shipped_language_answers_in_one_text_message_and_understands_what_it_tells_to_reply(
    language: str, wish: Wish
) -> None:
    text = WORDING.answer(wish, language)
    assert text
    assert size_of(text.replace("${organisation}", "X" * 40)).segments == 1, "one text message, and not two of half the length"
    assert text != WORDING.answer(wish, "en") or language == "en"
    named = [word for word in fold_words(text) if word.isupper() and len(word) > 3]
    assert named
    assert all(WORDING.wish_in(word) is not None for word in named)


def fold_words(text: str) -> list[str]:
    return [word.strip(".,:") for word in text.split() if "$" not in word]


def test_the_answer_is_in_the_contacts_language_else_in_that_of_the_word_else_in_english() -> None:
    assert WORDING.answer(Wish.STOP, "de-AT", "fr").startswith("${organisation}: Sie")
    assert WORDING.answer(Wish.STOP, "tlh", "fr") == WORDING.answer(Wish.STOP, "fr")
    assert WORDING.answer(Wish.STOP, "tlh", "xx") == WORDING.answer(Wish.STOP, "en")


def test_an_installation_adds_words_and_replaces_texts(tmp_path: Path) -> None:
    own = tmp_path / "words.toml"
    own.write_text(
        '[en]\nstop = ["basta ya"]\nstopped = "Done."\n[it]\nstop = ["fermare"]\nstopped = "Fatto."\n', encoding="utf-8"
    )
    wording: Wording = load_wording(own)
    assert wording.wish_in("Basta, ya!") is not None
    assert wording.wish_in("stop") is not None, "the shipped words stay"
    assert wording.wish_in("Fermare")
    assert wording.answer(Wish.STOP, "en") == "Done."
    assert wording.answer(Wish.STOP, "it") == "Fatto."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[en]\nstopp = []", "unknown key"),
        ("[en]\nstop = 'x'", "list of words"),
        ("stop = ['x']", "no table"),
        ("[en", "cannot be read"),
    ],
)
def test_a_mistake_in_an_installations_words_is_told(tmp_path: Path, text: str, told: str) -> None:
    own = tmp_path / "words.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=told):
        load_wording(own)


def test_folding_leaves_letters_and_digits() -> None:
    assert fold("  Ja, BITTE! 👍 Straße n'est-ce pas ") == "ja bitte strasse nest ce pas"


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_folding_is_the_same_for_texts_with_accents_and_for_those_without(text: str) -> None:
    assert fold(f"{text} é") == f"{fold(text)} e".strip()
