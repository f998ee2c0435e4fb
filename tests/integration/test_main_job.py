"""The main job, end to end: a real API server, kubectl, real HTTP to the simulator, the operator's own rights."""

import time

import pytest

from integration.namespaces import Namespace, conditions
from integration.pace import wait_for
from integration.watching import apply_all, hangs, polls_again
from stack import Operator, Simulator

THIRTY = [f"cmp-{number}" for number in range(30)]


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
    resumed = namespace.wait_for_event("sales", "CampaignResumed")
    assert resumed["source"]["component"] == "campaign-throttle-operator"
    assert "8 agents available" in resumed["message"]


def test_kubectl_get_tells_the_story(operator: Operator, simulator: Simulator, namespace: Namespace) -> None:
    simulator.set_agents(available=3)
    namespace.apply("sales", pauseThreshold=4, resumeThreshold=9)
    namespace.wait_for_status("sales", lambda status: status.get("campaignState") == "Paused", "the pause")
    table = namespace.plane.kubectl("get", "campaignthrottles", "-n", namespace.name).stdout.splitlines()
    assert table[0].split() == "NAME CAMPAIGN STATE AGENTS PAUSE RESUME READY REASON AGE".split()
    assert table[1].split()[:8] == "sales cmp-1 Paused 3 4 9 True Controlling".split()


def test_kubectl_wait_never_returns_on_a_stale_status(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    """Right after each apply, the condition that ``kubectl wait`` saw must be of the generation applied."""
    for resume in range(10, 20):
        namespace.apply("sales", resumeThreshold=resume)
        namespace.wait_ready("sales")
        found = namespace.get("sales")
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        assert conditions(found["status"])["Ready"]["observedGeneration"] == found["metadata"]["generation"]


def test_ready_is_not_reported_before_the_first_action_is_done(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=0)
    namespace.apply("sales")
    namespace.wait_ready("sales")
    assert simulator.campaign()["status"] == "PAUSED"


def test_a_spec_change_is_polled_at_once_whatever_the_interval(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales", interval="1h")
    namespace.wait_ready("sales")
    seen = simulator.last_request()
    namespace.apply("sales", interval="1h", pauseThreshold=6)
    applied = time.time()
    polled = wait_for(lambda: simulator.requests("campaign-read", since=seen), "the poll after the change")
    print(f"polled {polled[0]['time'] - applied:+.3f} s after kubectl apply returned")
    namespace.wait_for_status("sales", lambda status: status["observedGeneration"] == 2, "the new generation")


def test_the_reconcile_annotation_polls_at_once_and_is_echoed_and_its_removal_is_no_request(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales", interval="1h")
    namespace.wait_ready("sales")
    simulator.set_agents(available=11)
    annotate = ("annotate", "campaignthrottle", "sales", "-n", namespace.name)
    namespace.plane.kubectl(*annotate, "campaignthrottle.io/reconcile-requested-at=now")
    status = namespace.wait_for_status(
        "sales", lambda status: status.get("lastHandledReconcileAt") == "now", "the echo"
    )
    assert status["availableAgents"] == 11

    seen = simulator.last_request()
    namespace.plane.kubectl(*annotate, "campaignthrottle.io/reconcile-requested-at-")
    simulator.add_campaign("cmp-2")
    namespace.apply("other", campaignID="cmp-2", interval="1h")  # whose poll shows that the watch went on
    namespace.wait_ready("other")
    assert {request["campaign"] for request in simulator.requests("campaign-read", since=seen)} == {"cmp-2"}
    assert namespace.status("sales")["lastHandledReconcileAt"] == "now"


def test_a_delete_does_not_wait_for_cxone(operator: Operator, simulator: Simulator, namespace: Namespace) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    hang = simulator.add_fault("hang")
    wait_for(lambda: hangs(simulator, hang), "a request that hangs")
    began = time.monotonic()
    namespace.plane.kubectl("delete", "campaignthrottle", "sales", "-n", namespace.name)
    print(f"deleted in {time.monotonic() - began:.2f} s")
    # The request was cut off, not given up after its own time.
    assert operator.metric("campaignthrottle_cxone_requests_total", code="cancelled")
    assert not operator.metric("campaignthrottle_cxone_requests_total", code="timeout")


def test_the_operator_leaves_nothing_on_the_object_but_its_finalizer_and_the_status(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    metadata = namespace.get("sales")["metadata"]
    assert metadata["finalizers"] == ["campaignthrottle.io/finalizer"]
    assert set(metadata["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}


def test_thirty_throttles_of_a_tenant_share_one_token_and_one_count_per_interval(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    for campaign in THIRTY:
        simulator.add_campaign(campaign, name=campaign)
    apply_all(namespace, {campaign: {"campaignID": campaign, "interval": "2s"} for campaign in THIRTY})
    namespace.wait_ready(*THIRTY)
    seen = simulator.last_request()
    wait_for(lambda: len(simulator.requests("campaign-read", since=seen)) >= 30 * 5 + 1, "five intervals")
    requests = simulator.requests(since=seen)
    reads = [request for request in requests if request["pathClass"] == "campaign-read"][: 30 * 5]
    counts = [
        request
        for request in requests
        if request["pathClass"] == "agents" and request["time"] <= reads[-1]["time"]
    ]
    print(f"{len(reads)} campaign reads, {len(counts)} agent counts, tokens: {simulator.control('GET', 'tokens')}")
    assert simulator.control("GET", "tokens")["granted"] == 1
    assert {request["campaign"] for request in reads} == set(THIRTY)
    # Five, when all poll at once; a count serves for a second, so a poll that is late may need another, or share.
    assert 2 <= len(counts) <= len(reads) / 6


def test_every_agent_on_every_page_is_counted_and_a_failed_page_changes_nothing(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=250)
    namespace.apply("sales", pauseThreshold=200, resumeThreshold=240, fallback={"failureThreshold": 100})
    namespace.wait_for_status("sales", lambda status: status.get("availableAgents") == 250, "250 agents")

    simulator.add_fault("status", "agents", code=500, minimumOffset=100)
    before = simulator.campaign()
    status = namespace.wait_for_status(
        "sales", lambda status: conditions(status)["AgentsObserved"]["status"] == "False", "the failed count"
    )
    assert conditions(status)["AgentsObserved"]["reason"] == "CXoneError"
    assert (status["availableAgents"], status["campaignState"]) == (250, "Running")
    assert conditions(status)["Ready"]["status"] == "True"
    assert simulator.campaign() == before
    assert not simulator.requests("campaign-write")


def test_a_campaign_that_somebody_else_paused_stays_paused(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    simulator.set_status_as_person("PAUSED")
    status = namespace.wait_for_status("sales", lambda status: status["campaignState"] == "Paused", "the pause")
    assert status["pausedBy"] == "Other"
    namespace.wait_for_event("sales", "OverrideDetected")
    polls_again(operator, namespace, "sales", result="success")
    assert simulator.campaign()["status"] == "PAUSED"
    assert not simulator.requests("campaign-write")


def test_a_persons_resume_during_a_shortage_is_respected_until_agents_were_back_once(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=3)
    namespace.apply("sales")
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    simulator.set_status_as_person("RUNNING")
    status = namespace.wait_for_status("sales", lambda status: "manualResume" in status, "the resume")
    assert "desiredState" not in status
    polls_again(operator, namespace, "sales", result="success")
    assert simulator.campaign()["status"] == "RUNNING"
    simulator.set_agents(available=8)
    namespace.wait_for_status("sales", lambda status: "manualResume" not in status, "the throttle to be armed")
    simulator.set_agents(available=3)
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the second pause")


@pytest.mark.parametrize("spec", [{"suspend": True}, {"mode": "Observe"}])
def test_neither_a_suspended_nor_an_observing_throttle_acts(
    operator: Operator, simulator: Simulator, namespace: Namespace, spec: dict[str, object]
) -> None:
    simulator.set_agents(available=0)
    namespace.apply("sales", **spec)
    namespace.wait_ready("sales")
    if "mode" in spec:
        namespace.wait_for_event("sales", "WouldPause")
        namespace.wait_for_status(
            "sales", lambda status: conditions(status)["CampaignSynced"]["status"] == "False", "what it would do"
        )
    else:
        assert namespace.condition("sales", "Ready")["reason"] == "Suspended"
        assert not simulator.requests()
    assert not simulator.requests("campaign-write")
    assert simulator.campaign()["status"] == "RUNNING"


def test_a_campaign_that_is_neither_running_nor_paused_is_left_alone_and_its_word_is_told(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=0)
    simulator.set_status_as_person("ARCHIVED")
    namespace.apply("sales")
    namespace.wait_ready("sales")
    ready = namespace.condition("sales", "Ready")
    assert ready["reason"] == "NotControllable"
    assert "ARCHIVED" in ready["message"]
    assert not simulator.requests("campaign-write")
