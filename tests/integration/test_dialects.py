"""One and the same throttle, on a tenant of either API; and what only the ACD API has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control_plane import ControlPlane
from integration.namespaces import Namespace, conditions
from integration.pace import wait_for
from integration.tenancy import acd_tenant, apply, operating, secret, tenant, wait_for_reason
from integration.watching import patch, polls_again, wait_for_state, when
from stack import Operator, Simulator

#: What `campaignID` is on both tenants: of the ACD's it is a number.
CAMPAIGN = "1"
SKILL = 10_001


@pytest.fixture
def campaigns(tmp_path: Path) -> Iterator[Simulator]:
    """A tenant of the Campaigns API."""
    folder = tmp_path / "campaigns"
    folder.mkdir()
    simulator = Simulator(folder)
    simulator.set_agents(available=20)
    simulator.add_campaign(CAMPAIGN, status="RUNNING")
    yield simulator
    simulator.stop()


@pytest.fixture
def acd(tmp_path: Path) -> Iterator[Simulator]:
    """A tenant of the ACD API."""
    folder = tmp_path / "acd"
    folder.mkdir()
    simulator = Simulator.acd(folder)
    simulator.set_agents(available=20)
    yield simulator
    simulator.stop()


@pytest.fixture
def operator(
    tmp_path: Path, operator_kubeconfig: Path, campaigns: Simulator, acd: Simulator, namespace: Namespace
) -> Iterator[Operator]:
    """An operator that may speak to both."""
    with operating(tmp_path, operator_kubeconfig, reach=(campaigns, acd)) as operator:
        yield operator


@pytest.fixture
def tenants(plane: ControlPlane, namespace: Namespace, campaigns: Simulator, acd: Simulator) -> Namespace:
    """The namespace, with a tenant of either API."""
    apply(
        plane,
        [secret("campaigns"), tenant("campaigns", campaigns), secret("acd"), acd_tenant("acd", acd)],
        namespace.name,
    )
    return namespace


def reason(status: dict[str, Any], type_: str) -> str:
    return str(conditions(status).get(type_, {}).get("reason"))


def test_the_same_throttle_pauses_and_resumes_a_campaign_of_either_api(
    operator: Operator, tenants: Namespace, campaigns: Simulator, acd: Simulator, plane: ControlPlane
) -> None:
    for name in ("campaigns", "acd"):
        tenants.apply(name, campaignID=CAMPAIGN, tenantRef={"name": name})
    tenants.wait_ready("campaigns", "acd")
    for simulator in (campaigns, acd):
        simulator.set_agents(available=4)
    for name in ("campaigns", "acd"):
        paused = tenants.wait_for_status(name, lambda status: status["campaignState"] == "Paused", "the pause")
        assert (paused["pausedBy"], paused["availableAgents"]) == ("Operator", 4)
    assert campaigns.campaign(CAMPAIGN)["status"] == "PAUSED"
    assert not acd.skill_runs(SKILL)
    for simulator in (campaigns, acd):
        simulator.set_agents(available=8)
    for name in ("campaigns", "acd"):
        resumed = tenants.wait_for_status(name, lambda status: status["campaignState"] == "Running", "the resume")
        assert "pausedBy" not in resumed
        assert [step["to"] for step in resumed["history"]] == ["Running", "Paused"]
    assert acd.skill_runs(SKILL)
    for name in ("campaigns", "acd"):
        wait_for_reason(plane, "cxonetenant", name, "Connected", tenants.name)


def test_a_skill_that_drains_is_pausing_and_then_paused(
    operator: Operator, tenants: Namespace, acd: Simulator
) -> None:
    acd.hold_drains()
    tenants.apply("acd", campaignID=CAMPAIGN, tenantRef={"name": "acd"})
    tenants.wait_ready("acd")
    acd.set_agents(available=2)
    pausing = tenants.wait_for_status("acd", lambda status: status["campaignState"] == "Pausing", "the drain")
    assert reason(pausing, "CampaignSynced") == "Draining"
    assert conditions(pausing)["Ready"]["status"] == "True"
    assert pausing["skills"] == [
        {"id": SKILL, "name": pausing["skills"][0]["name"], "running": True, "stoppedBy": "Operator"}
    ]
    assert pausing["lastTransition"]["to"] == "Paused"
    polls_again(operator, tenants, "acd", times=3)
    assert len(acd.requests("acd-skill-stop")) == 1
    acd.release_drain(SKILL)
    paused = tenants.wait_for_status("acd", lambda status: status["campaignState"] == "Paused", "the pause")
    assert reason(paused, "CampaignSynced") == "InDesiredState"
    assert paused["lastTransition"] == pausing["lastTransition"]


def test_of_a_mixed_campaign_only_what_may_be_is_controlled(
    operator: Operator, tenants: Namespace, acd: Simulator
) -> None:
    for skill, kind in ((10_002, "inbound"), (10_003, "agentless"), (10_004, "manual"), (10_005, "inactive")):
        acd.add_skill(skill, kind=kind, running=True)
    acd.add_skill(10_006, running=True)
    acd.add_skill(10_007, running=False)
    acd.schedule_skill(10_006, isScheduled=True, mondayStartTime="09:00")
    before = acd.running_skills()
    tenants.apply("acd", campaignID=CAMPAIGN, tenantRef={"name": "acd"})
    tenants.wait_ready("acd")
    said = tenants.condition("acd", "Ready")["message"]
    for left_out in ("10002 (inbound)", "10003 (agentless)", "10004", "10005 (inactive)"):
        assert left_out in said, said
    told = tenants.wait_for_event("acd", "SkillScheduled")
    assert "10006" in told["message"]
    acd.set_agents(available=0)
    tenants.wait_for_status("acd", lambda status: status["campaignState"] == "Paused", "the pause")
    assert acd.running_skills() == before - {SKILL, 10_006}
    acd.set_running_as_person(True, 10_006)
    respected = tenants.wait_for_status("acd", lambda status: "manualResume" in status, "the respect")
    assert respected["campaignState"] == "Running"
    acd.set_agents(available=9)
    tenants.wait_for_status(
        "acd", lambda status: "manualResume" not in status and status["campaignState"] == "Running", "the resume"
    )
    wait_for(
        lambda: acd.running_skills() == before, "all that the operator stopped to run again, and nothing else"
    )
    forced = [request for request in acd.requests() if "force=true" in str(request.get("query", "")).lower()]
    assert forced == []


def test_a_field_that_the_api_of_the_tenant_has_no_use_for_is_said(operator: Operator, tenants: Namespace) -> None:
    cases = {
        "skills": ({"campaignID": "7", "tenantRef": {"name": "campaigns"}, "skillIDs": [1]}, "spec.skillIDs"),
        "states": (
            {"campaignID": "7", "tenantRef": {"name": "acd"}, "agents": {"states": ["busy"]}},
            "agents.states",
        ),
        "word": ({"campaignID": "cmp-1", "tenantRef": {"name": "acd"}}, "spec.campaignID"),
    }
    for name, (spec, field) in cases.items():
        tenants.apply(name, **spec)
        status = tenants.wait_for_status(
            name, lambda status: reason(status, "Stalled") == "InvalidSpec", "InvalidSpec"
        )
        assert field in conditions(status)["Ready"]["message"]


def test_with_another_tenant_nothing_is_owned(
    operator: Operator, tenants: Namespace, campaigns: Simulator, acd: Simulator
) -> None:
    """A pause that the operator made at one tenant gives it no right to resume at another."""
    acd.set_running_as_person(False, SKILL)
    campaigns.set_agents(available=2)
    tenants.apply("moving", campaignID=CAMPAIGN, tenantRef={"name": "campaigns"})
    wait_for_state(campaigns, CAMPAIGN, "PAUSED")
    tenants.wait_for_status("moving", lambda status: status.get("pausedBy") == "Operator", "the pause")
    patch(tenants, "moving", tenantRef={"name": "acd"})
    moved = tenants.wait_for_status("moving", lambda status: status.get("pausedBy") == "Other", "a person's pause")
    assert moved["campaignState"] == "Paused"
    assert "former tenant" in tenants.wait_for_event("moving", "ResumeAbandoned")["message"]
    polls_again(operator, tenants, "moving", times=3)
    assert not acd.skill_runs(SKILL)
    assert campaigns.campaign(CAMPAIGN)["status"] == "PAUSED"


def test_the_dialer_trap(operator: Operator, tenants: Namespace, acd: Simulator) -> None:
    """While a skill dials its agents sit in Dialer (7), not in Available (1).

    Who counts only Available pauses the campaign because it works, and resumes it because it is paused. Counting
    what waits as well, or the skill's own activity, doesn't.
    """
    acd.set_agents(available=0, offline=0)
    for number in range(10):
        acd.add_agent(f"dialing-{number}")
    naive = {"agents": {"source": "AgentStates"}, "mode": "Observe"}
    ours = {"agents": {"source": "AgentStates", "stateIDs": [1, 7]}, "mode": "Observe"}
    for name, spec in {"naive": naive, "ours": ours, "activity": {"mode": "Observe"}}.items():
        tenants.apply(name, campaignID=CAMPAIGN, tenantRef={"name": "acd"}, **spec)
    seen = {
        name: tenants.wait_for_status(name, lambda status: "availableAgents" in status, "a count")[
            "availableAgents"
        ]
        for name in ("naive", "ours", "activity")
    }
    print(seen)
    assert seen["naive"] < 5 <= min(seen["ours"], seen["activity"])
    assert when(tenants.status("ours")["lastPollTime"])
