"""The main job, end to end: a real API server, kubectl, real HTTP to the simulator, the operator's own rights."""

from integration.namespaces import Namespace, conditions
from stack import Operator, Simulator


def test_a_campaign_is_paused_below_the_threshold_and_resumed_at_the_other(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    status = namespace.status("sales")
    assert status["availableAgents"] == 20
    assert status["campaignState"] == "Running"

    simulator.set_agents(available=5)
    namespace.wait_for_status("sales", lambda status: status["availableAgents"] == 5, "5 agents")
    assert simulator.campaign()["status"] == "RUNNING"

    simulator.set_agents(available=4)
    status = namespace.wait_for_status("sales", lambda status: status["campaignState"] == "Paused", "the pause")
    assert simulator.campaign()["status"] == "PAUSED"
    assert (status["pausedBy"], status["desiredState"]) == ("Operator", "Paused")
    assert "intent" not in status
    assert status["lastTransition"]["availableAgents"] == 4
    assert conditions(status)["Ready"]["status"] == "True"
    assert conditions(status)["Throttled"]["status"] == "True"

    simulator.set_agents(available=7)
    namespace.wait_for_status("sales", lambda status: status["availableAgents"] == 7, "7 agents")
    assert simulator.campaign()["status"] == "PAUSED"

    simulator.set_agents(available=8)
    status = namespace.wait_for_status("sales", lambda status: status["campaignState"] == "Running", "the resume")
    assert simulator.campaign()["status"] == "RUNNING"
    assert "pausedBy" not in status
    assert [step["to"] for step in status["history"]] == ["Running", "Paused"]
    assert namespace.wait_for_event("sales", "CampaignResumed")["source"]["component"] == "campaign-throttle-operator"
