"""Agents are kept with what they can do, what they did is on record, and a token is known by its hash alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dialer.cli.agent import agent_app
from dialer.domain.agent import AgentState
from dialer.domain.ids import AgentId, OrgId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services import agent_times, agents
from dialer.services.campaigns import as_new, campaign_named, create_campaign, delete_campaign
from dialer.store.agents import StateChange
from dialer.store.store import Store
from tests.campaign_texts import ready_campaign

pytestmark = pytest.mark.integration

NINE = datetime(2026, 5, 11, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


async def test_an_agent_is_kept_with_skills_and_campaigns_under_one_login(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    made = await agents.add_agent(store, org_id, "ann", name="Ann", phone="6001", skills={"Turkish": 8}, campaigns=["blood"])
    assert (made.login, made.phone, made.skills, made.campaigns) == ("ann", "6001", {"Turkish": 8}, ("Blood",))
    with pytest.raises(Conflict, match="already"):
        await agents.add_agent(store, org_id, "ANN")
    for wrong in ("", "a b", "x\n", "-x"):
        with pytest.raises(BadInput, match="login"):
            await agents.add_agent(store, org_id, wrong)
    with pytest.raises(BadInput, match="telephone"):
        await agents.add_agent(store, org_id, "bob", phone="6001,x\r\n")
    with pytest.raises(NotFound, match="no campaign"):
        await agents.add_agent(store, org_id, "bob", campaigns=["nobody's"])
    with pytest.raises(BadInput, match="1 to 10"):
        await agents.set_skills(store, org_id, "ann", {"Sales": 11})
    await agents.set_skills(store, org_id, "Ann", {"Sales": 3})
    changed = await agents.change_agent(store, org_id, "ann", name="Anne", preferred=["Blood"])
    assert (changed.name, changed.phone, changed.skills, changed.preferred) == ("Anne", "6001", {"Sales": 3}, ("Blood",))
    other = await store.write(lambda tx: tx.organisations.ensure("Other"))
    assert await agent_times.present_agents(store, other) == []
    with pytest.raises(NotFound):
        await agents.set_skills(store, other, "ann", {})


async def test_an_agent_of_a_deleted_campaign_does_not_work_for_all_others_then(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    await agents.add_agent(store, org_id, "ann", campaigns=["Blood"])
    await delete_campaign(store, org_id, "Blood", by="test")
    ((ann, _),) = await agent_times.present_agents(store, org_id)
    assert ann.may_work("Members", {}) != ""


async def test_only_campaigns_for_which_the_agent_works_are_preferred(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    other = as_new(await campaign_named(store, org_id, "Blood"))
    await create_campaign(store, org_id, replace(other, name="Members"))
    ann = await agents.add_agent(store, org_id, "ann", campaigns=["Blood"])
    assert (await agents.prefer_campaigns(store, org_id, ann.id, ["BLOOD"])).preferred == ("Blood",)
    assert (await agents.prefer_campaigns(store, org_id, ann.id, [])).preferred == ()
    with pytest.raises(BadInput, match="does not work for Members"):
        await agents.prefer_campaigns(store, org_id, ann.id, ["Blood", "Members"])


async def test_of_a_token_only_the_hash_is_kept_and_a_passive_agent_has_none(store: Store, org_id: OrgId) -> None:
    ann = await agents.add_agent(store, org_id, "ann")
    token = await agents.new_token(store, org_id, "ann")
    assert await agents.agent_of_token(store, token) == ann
    assert await agents.agent_of_token(store, token + "x") is None
    assert await agents.agent_of_token(store, "") is None
    kept = await store.read(lambda tx: tx.connection.execute(sa.text("SELECT token_hash FROM agents")).scalar_one())
    assert token not in kept
    second = await agents.new_token(store, org_id, "ann")
    assert await agents.agent_of_token(store, token) is None
    await agents.change_agent(store, org_id, "ann", active=False)
    assert await agents.agent_of_token(store, second) is None
    with pytest.raises(BadInput, match="passive"):
        await agents.new_token(store, org_id, "ann")
    await agents.change_agent(store, org_id, "ann", active=True)
    assert await agents.agent_of_token(store, second) is None  # a new one is needed
    third = await agents.new_token(store, org_id, "ann")
    await agents.revoke_token(store, org_id, "ann")
    assert await agents.agent_of_token(store, third) is None


def changes(agent_id: AgentId) -> list[StateChange]:
    found = [
        (0, AgentState.NOT_READY, "logged in"),
        (5, AgentState.READY, ""),
        (15, AgentState.TALKING, ""),
        (18, AgentState.HELD, ""),
        (19, AgentState.TALKING, ""),
        (23, AgentState.WRAP_UP, ""),
        (25, AgentState.READY, ""),
        (30, AgentState.NOT_READY, "Lunch"),
        (40, AgentState.LOGGED_OUT, ""),
    ]
    return [StateChange(agent_id=agent_id, at=at(minute), state=state, reason=reason) for minute, state, reason in found]


async def test_the_time_in_each_state_is_reckoned_from_the_changes(store: Store, org_id: OrgId) -> None:
    ann = await agents.add_agent(store, org_id, "ann")
    await agents.add_agent(store, org_id, "idler")
    await agent_times.note_states(store, changes(ann.id))
    (times,) = await agent_times.agent_times(store, org_id, since=at(-10), until=at(60))
    seconds = {state.value: spent / 60 for state, spent in times.seconds.items() if state is not AgentState.LOGGED_OUT}
    assert seconds == {"not_ready": 15, "ready": 15, "talking": 7, "held": 1, "wrap_up": 2}
    assert times.logged_in_s == 40 * 60
    assert times.occupancy == pytest.approx(10 / 25)
    (part,) = await agent_times.agent_times(store, org_id, since=at(16), until=at(20))
    assert {state.value: spent / 60 for state, spent in part.seconds.items()} == {"talking": 3, "held": 1}
    with pytest.raises(BadInput, match="92 days"):
        await agent_times.agent_times(store, org_id, since=at(0), until=at(60 * 24 * 100))
    with pytest.raises(Conflict, match="passive"):
        await agents.remove_agent(store, org_id, "ann")
    await agents.remove_agent(store, org_id, "idler")


async def test_who_was_logged_in_when_the_dialer_died_is_not_any_more(store: Store, org_id: OrgId) -> None:
    ann = await agents.add_agent(store, org_id, "ann")
    await agent_times.note_states(store, changes(ann.id)[:3])
    assert await agent_times.nobody_is_there(store, at=at(50), because="the dialer was restarted") == 1
    assert await agent_times.nobody_is_there(store, at=at(51), because="again") == 0
    ((_, last),) = await agent_times.present_agents(store, org_id)
    assert last is not None
    assert (last.state, last.reason) == (AgentState.LOGGED_OUT, "the dialer was restarted")


async def test_where_reasons_are_defined_one_of_them_must_be_given(store: Store, org_id: OrgId) -> None:
    assert agents.reason_of("whatever", await agents.list_reasons(store, org_id)) == "whatever"
    await agents.add_reason(store, org_id, "Lunch")
    with pytest.raises(Conflict):
        await agents.add_reason(store, org_id, "LUNCH")
    reasons = await agents.list_reasons(store, org_id)
    assert agents.reason_of("lunch", reasons) == "Lunch"
    with pytest.raises(BadInput, match="one of: Lunch"):
        agents.reason_of("nap", reasons)
    await agents.remove_reason(store, org_id, "lunch")
    assert await agents.list_reasons(store, org_id) == []


def test_agents_are_looked_after_from_the_command_line(ready_url: str, cli_settings: Path) -> None:
    store = Store(ready_url)
    store.close_now()

    def run(*words: str, fails: bool = False) -> str:
        result = CliRunner().invoke(agent_app, words, catch_exceptions=False)
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    assert "agent added: ann" in run("add", "ann", "--skill", "Turkish=8", "--phone", "6001")
    assert "already" in run("add", "Ann", fails=True)
    assert len(run("token", "ann").strip()) > 40
    listed = run("list")
    assert "Turkish 8" in listed
    assert "logged_out" in listed
    assert "Sales 5" in run("skills", "ann", "Sales")
    assert "works for all" in run("change", "ann", "--name", "Ann")
    assert "Lunch" in run("reason", "add", "Lunch")
    assert "Lunch" in run("reason", "list")
    run("reason", "remove", "lunch")
    assert "Login" in run("states")
    assert "State" in run("states", "ann", "--hours", "2")
    assert "no agent" in run("states", "bob", fails=True)
    assert "passive" in run("change", "ann", "--passive") or "passive" in run("list")
    assert "removed" in run("remove", "ann")
