"""Write a new IVR app with its texts and its test, ready to be changed."""

from __future__ import annotations

from pathlib import Path
from string import Template

from dialer.errors import BadInput, Conflict
from dialer.ivr.registry import APP_NAME

APP = Template('''\
"""$title: what this app is for, in one plain sentence."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("$name", codes={"Will come", "Will not come"})
async def $name(call: Call) -> Outcome:
    """Ask the contact to come: 1 yes, 2 no, 9 never call again."""
    match await call.menu("$name.ask", keys="129", tries=3, timeout_s=6):
        case "1":
            await call.play("$name.thanks")
            return Outcome("Will come")
        case "2":
            return Outcome("Will not come")
        case "9":
            await call.pdc.opt_out("pressed 9")
            return Outcome.OPTED_OUT
        case Outcome() as unanswered:  # NO_INPUT: no key was pressed. NO_MATCH: only other keys were
            return unanswered
    return Outcome.NO_INPUT
''')

TEXTS = Template("""\
# What $name says. $${first_name} is the contact's attribute of that name.
[$name]
ask = "Hello $${first_name}. Will you come? Press 1 for yes, 2 for no, or 9 never to be called again."
thanks = "Thank you. We look forward to seeing you."
""")

TEST = Template('''\
"""$title, run without a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest
from $name import $name

from dialer.testing import play

PROMPTS = [Path(__file__).parent / "prompts"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("1", "Will come"),
        ("2", "Will not come"),
        ("9", "Opted Out"),
        ("", "No Input"),  # silence
        ("777", "No Match"),  # wrong keys
        ("-71", "Will come"),  # silence, a wrong key, then 1
    ],
)
def test_what_is_pressed_becomes_the_code(keys: str, code: str) -> None:
    assert play($name, keys=keys, prompt_folders=PROMPTS).code == code


def test_a_contact_who_hangs_up_in_the_question_has_no_code_of_ours() -> None:
    played = play($name, hangup_after=1, prompt_folders=PROMPTS)
    assert (played.code, played.hung_up_by) == ("", "contact")


def test_the_contact_is_greeted_by_name() -> None:
    played = play($name, keys="1", attributes={"first_name": "Ann"}, prompt_folders=PROMPTS)
    assert "Hello Ann." in played.transcript[0]
''')


def write_app(name: str, folder: Path) -> list[Path]:
    """Write NAME.py, test_NAME.py and prompts/en/NAME.toml. Raises BadInput, or Conflict where one of them exists."""
    if not APP_NAME.fullmatch(name) or name.startswith("test_"):
        raise BadInput(f"{name!r} is no name for an app", where="NAME", mend="a-z, 0-9 and _, beginning with a letter")
    words = {"name": name, "title": name.replace("_", " ").capitalize()}
    texts = {
        folder / f"{name}.py": APP.substitute(words),
        folder / f"test_{name}.py": TEST.substitute(words),
        folder / "prompts" / "en" / f"{name}.toml": TEXTS.substitute(words),
    }
    for file in texts:
        if file.exists():
            raise Conflict(f"{file} exists already")
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(texts)
