"""The shipped IVR apps, run without a telephone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from dialer import Call, ivr_app
from dialer.ivr_apps import announcement, appointment, blood_donation, connect, opt_out, press1
from dialer.testing import Transfer, play

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _log_kept() -> Iterator[None]:
    """Keep log lines from being written: a traceback for eyes reads files."""
    with capture_logs():
        yield


TO = {"transfer_to": "+15550199"}


@pytest.mark.row(31, 35)
@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("1", "Interested in Blood Donation"),
        ("2", "Not interested in Blood Donation"),
        ("9", "Opted Out"),
        ("", "No Input"),
        ("--1", "Interested in Blood Donation"),
        ("71", "Interested in Blood Donation"),
        ("777", "No Match"),
        ("7", "No Match"),  # and silence twice: a key was pressed
    ],
)
def test_donors_keys_become_codes(keys: str, code: str) -> None:
    played = play(blood_donation, keys=keys)
    assert (played.code, played.error, played.hung_up_by) == (code, "", "app")


@pytest.mark.parametrize(
    ("keys", "code"),
    [("1", "Confirmed"), ("2", "Wants Another Day"), ("9", "Opted Out"), ("", "No Input"), ("777", "No Match")],
)
def test_keys_confirm_an_appointment_or_ask_for_another_day(keys: str, code: str) -> None:
    played = play(appointment, keys=keys, attributes={"appointment": "on Monday at nine"})
    assert (played.code, played.error, played.opted_out) == (code, "", keys == "9")


def test_an_interested_donor_is_remembered_as_one() -> None:
    assert play(blood_donation, keys="1", attributes={"donor": ""}).attributes["donor"] == "yes"


def test_pressing_9_puts_the_number_on_the_list_at_once() -> None:
    played = play(blood_donation, keys="9")
    assert played.opted_out
    assert played.pdc_log[0] == "opt_out pressed 9"


@pytest.mark.parametrize("app", [blood_donation, press1, opt_out, announcement])
def test_a_contact_who_hangs_up_in_the_first_prompt_leaves_no_code_and_no_error(app: object) -> None:
    played = play(app, hangup_after=1, parameters=TO)  # type: ignore[arg-type]  # each of them is an IvrApp
    assert (played.code, played.error, played.hung_up_by) == ("", "", "contact")


def test_a_contact_list_without_the_attribute_is_an_error_with_an_apology() -> None:
    played = play(blood_donation, keys="1", attributes={"first_name": "Ann"})
    assert played.code == "Application Error"
    assert "no attribute 'donor'" in played.error
    assert played.prompts[-1] == "common.apology"


def test_a_campaign_that_lacks_the_apps_code_is_an_error() -> None:
    played = play(blood_donation, keys="1", codes=())
    assert played.code == "Application Error"
    assert "unknown_code" in played.error


def test_a_missing_prompt_is_an_apology_and_not_silence() -> None:
    played = play(blood_donation, keys="1", unplayable=["blood_donation.ask"])
    assert played.code == "Application Error"
    assert played.prompts == ("common.apology",)


@pytest.mark.parametrize("language", ["es", "fr", "de", "es-MX", "xx", "../../etc"])
def test_every_language_is_spoken_or_falls_back(language: str) -> None:
    played = play(blood_donation, keys="1", language=language)
    assert played.code == "Interested in Blood Donation"
    assert ("sangre" in played.transcript[0]) == language.startswith("es")


@pytest.mark.parametrize(
    ("keys", "how", "code"),
    [
        ("1", Transfer.CONNECTED, "Connected"),
        ("1", Transfer.BUSY, "Wanted to be connected"),
        ("1", Transfer.NO_ANSWER, "Wanted to be connected"),
        ("9", Transfer.CONNECTED, "Opted Out"),
        ("", Transfer.CONNECTED, "No Input"),
        ("555", Transfer.CONNECTED, "No Match"),
    ],
)
def test_press_1_connects_or_says_why_not(keys: str, how: Transfer, code: str) -> None:
    assert play(press1, keys=keys, transfer=how, parameters=TO).code == code


@pytest.mark.parametrize("to", ["", "+1&PJSIP/x", "1,2", "${SHELL(id)}", "+1555\r\nAction: Command", "queue:", "queue:a b"])
def test_press_1_dials_nothing_but_a_number_or_a_queue(to: str) -> None:
    played = play(press1, keys="1", parameters={"transfer_to": to})
    assert played.code == "Application Error"
    assert not any("transferred" in line for line in played.transcript)


def test_press_1_can_connect_to_a_queue() -> None:
    assert "(transferred to donors: connected)" in play(press1, keys="1", parameters={"transfer_to": "queue:donors"}).transcript


def test_press_1_does_not_talk_to_machines() -> None:
    played = play(press1, answered_by="machine", parameters=TO)
    assert (played.code, played.prompts) == ("Answer Machine", ())


@pytest.mark.row(34)
def test_an_announcement_is_left_on_a_machine_after_its_beep() -> None:
    played = play(
        announcement, answered_by="machine", parameters={"message": "Hello ${first_name}."}, attributes={"first_name": "Zoë"}
    )
    assert played.code == "Message Left"
    assert played.transcript == ("(waits for the beep)", "> Hello Zoë.", "(hangs up)")


@pytest.mark.row(29)
def test_an_announcement_welcomes_and_speaks_to_the_contact_by_name() -> None:
    parameters = {"welcome": "announcement.message", "message": "Your card ${card} is ready, ${first_name}."}
    played = play(announcement, parameters=parameters, attributes={"first_name": "Ada", "card": "1234"})
    assert played.code == "Message Played"
    assert played.transcript[0].startswith("> Hello. This is a message from")
    assert played.transcript[1] == "> Your card 1234 is ready, Ada."


@pytest.mark.row(30)
@pytest.mark.parametrize(("how", "code"), [(Transfer.CONNECTED, "Connected"), (Transfer.BUSY, "Wanted to be connected")])
def test_a_call_is_handed_over_after_its_message(how: Transfer, code: str) -> None:
    parameters = {"welcome": "Good morning, ${first_name}.", "message": "Please hold.", **TO}
    played = play(connect, transfer=how, parameters=parameters, attributes={"first_name": "Ada"})
    assert played.code == code
    assert played.transcript[:2] == ("> Good morning, Ada.", "> Please hold.")
    assert "transferred" in played.transcript[2]


@pytest.mark.parametrize("message", ["blood_donation.voicemail", "Blood is needed."])
def test_an_announcement_is_a_text_or_a_prompt(message: str) -> None:
    played = play(announcement, parameters={"message": message})
    assert played.code == "Message Played"
    assert "lood is needed" in played.transcript[0]


def test_who_hangs_up_after_the_announcement_has_heard_it() -> None:
    played = play(announcement, hangup_after=2)
    assert (played.code, played.hung_up_by) == ("Message Played", "contact")


def test_an_announcement_can_be_the_last_one() -> None:
    assert play(announcement, keys="9").opted_out


@pytest.mark.parametrize(("keys", "code"), [("9", "Opted Out"), ("-9", "Opted Out"), ("", "No Input"), ("1", "No Match")])
def test_the_opt_out_app(keys: str, code: str) -> None:
    assert play(opt_out, keys=keys).code == code


@pytest.mark.row(16)
def test_an_app_that_returns_nothing_ends_with_the_strategys_default_and_without_an_apology() -> None:
    @ivr_app("silent", codes={"Told"})
    async def silent(call: Call) -> None:
        if "told" in call.parameters:
            await call.pdc.set_code("Told")

    spoken = play(silent, default_code="No Input")
    assert (spoken.code, spoken.error, spoken.transcript[-1:]) == ("No Input", "", ("(hangs up)",))
    assert play(silent, default_code="No Input", parameters={"told": "yes"}).code == "Told"
    failed = play(silent)
    assert (failed.code, failed.error) == ("Application Error", "the app returned None and not an Outcome")
