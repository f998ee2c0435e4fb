"""Deletion: what becomes of a campaign that is paused, and that nothing is ever held up by it."""

import time
from typing import Any

from integration.namespaces import Namespace, fresh_namespace
from integration.pace import PATIENCE, wait_for
from integration.watching import (
    Operators,
    apply_all,
    event_reasons,
    hangs,
    polls_again,
    state_of,
    writes_to,
)
from stack import Operator, Simulator

FIFTY = [f"cmp-{number}" for number in range(50)]


def delete(namespace: Namespace, *names: str, wait: bool = True) -> float:
    """``kubectl delete``; how long it took in seconds."""
    began = time.monotonic()
    namespace.plane.kubectl(
        *("delete", "campaignthrottles", *names, "-n", namespace.name, f"--wait={str(wait).lower()}"),
        timeout=PATIENCE,
    )
    return time.monotonic() - began


def left(namespace: Namespace) -> list[str]:
    """The throttles that are still there."""
    answer = namespace.plane.kubectl("get", "campaignthrottles", "-n", namespace.name, "-o", "name")
    return answer.stdout.split()


def owned_pauses(namespace: Namespace, simulator: Simulator, specs: dict[str, dict[str, Any]]) -> None:
    """Throttles of campaigns of the same name, which they have paused for lack of agents."""
    simulator.set_agents(available=4)
    for name in specs:
        simulator.add_campaign(name)
    apply_all(namespace, {name: spec | {"campaignID": name} for name, spec in specs.items()})
    namespace.kubectl_wait("jsonpath={.status.pausedBy}=Operator", *specs)


def test_what_becomes_of_a_pause_is_as_the_deletion_policy_says(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    specs: dict[str, dict[str, Any]] = {
        "default": {},
        "retain": {"deletionPolicy": "Retain"},
        "resume": {"deletionPolicy": "Resume"},
        "resumed-by-hand": {"deletionPolicy": "Resume"},
    }
    simulator.add_campaign("paused-by-hand", status="PAUSED")
    namespace.apply("paused-by-hand", campaignID="paused-by-hand", deletionPolicy="Resume")
    owned_pauses(namespace, simulator, specs)
    namespace.wait_for_status("paused-by-hand", lambda status: status.get("pausedBy") == "Other", "the first look")
    simulator.set_status_as_person("RUNNING", "resumed-by-hand")
    namespace.wait_for_status("resumed-by-hand", lambda status: "manualResume" in status, "the resume to be seen")

    seen = simulator.last_request()
    took = delete(namespace, *specs, "paused-by-hand")
    print(f"deleted in {took:.2f} s")
    assert state_of(simulator, "resume") == "RUNNING"  # though agents are few
    assert {name: state_of(simulator, name) for name in ("default", "retain", "paused-by-hand")} == {
        "default": "PAUSED",
        "retain": "PAUSED",
        "paused-by-hand": "PAUSED",
    }
    assert [request["campaign"] for request in simulator.requests("campaign-write", since=seen)] == ["resume"]
    told = namespace.wait_for_event("resume", "CampaignResumed")
    assert "its throttle is deleted" in told["message"]


def test_while_cxone_is_down_a_throttle_goes_and_the_resume_is_given_up_and_told(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    owned_pauses(
        namespace,
        simulator,
        {"retain": {}, "resume": {"deletionPolicy": "Resume"}, "hangs": {"deletionPolicy": "Resume"}},
    )
    # Neither the deadline of the resume nor the poll that hangs holds the others up.
    hang = simulator.add_fault("hang", campaign="hangs")
    wait_for(lambda: hangs(simulator, hang), "a poll that hangs")
    hung = time.monotonic()
    delete(namespace, "hangs", wait=False)
    simulator.add_fault("status", campaign="resume", code=503)
    resume = delete(namespace, "resume")
    retain = delete(namespace, "retain")
    wait_for(lambda: not left(namespace), "the last one to be gone, though its request hangs", pause=0.1)
    hung_for = time.monotonic() - hung
    print(f"gone in {retain:.2f} s (Retain), {resume:.2f} s (Resume, 503), {hung_for:.2f} s (Resume, hangs)")
    # The resume was tried, and not for as long as a request may take otherwise, which is 15 s.
    assert simulator.control("GET", "faults")["faults"][0]["struck"] > 1
    duration = "campaignthrottle_cxone_request_duration_seconds"
    assert operator.metric(f"{duration}_bucket", le="10.0") == operator.metric(f"{duration}_count")
    for name in ("resume", "hangs"):
        told = namespace.wait_for_event(name, "ResumeAbandoned")
        assert told["type"] == "Warning"
        assert "stays as it is" in told["message"]
        assert "resume it in CXone" in told["message"]
        assert f"{namespace.name}/{name}: ResumeAbandoned" in operator.text()
        assert state_of(simulator, name) == "PAUSED"
    assert "ResumeAbandoned" not in event_reasons(namespace, "retain")


def test_a_namespace_with_fifty_throttles_goes_while_cxone_is_down(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    with fresh_namespace(namespace.plane, f"{namespace.name}-fifty") as fifty:
        owned_pauses(
            fifty,
            simulator,
            {
                name: {"interval": "2s", "deletionPolicy": "Resume" if number % 2 else "Retain"}
                for number, name in enumerate(FIFTY)
            },
        )
        simulator.stop()
        wait_for(
            lambda: operator.metric("campaignthrottle_cxone_requests_total", code="error"), "CXone to be down"
        )
        began = time.monotonic()
        fifty.plane.kubectl("delete", "namespace", fifty.name, "--wait=false")
        wait_for(lambda: not left(fifty), "the throttles to be gone", pause=0.2)
        throttles = time.monotonic() - began
        wait_for(
            lambda: (
                not fifty.plane.kubectl("get", "namespace", fifty.name, "--ignore-not-found", "-o", "name").stdout
            ),
            "the namespace to be gone",
            pause=0.2,
        )
        print(f"50 throttles gone in {throttles:.1f} s, their namespace in {time.monotonic() - began:.1f} s")
        assert operator.text().count(": ResumeAbandoned: ") == 25


def test_what_was_deleted_while_the_operator_was_down_is_released_by_the_next(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operators.start()
    owned_pauses(namespace, simulator, {"retain": {}, "resume": {"deletionPolicy": "Resume"}})
    operators.stop()
    delete(namespace, "retain", "resume", wait=False)
    assert len(left(namespace)) == 2
    operators.start()
    wait_for(lambda: not left(namespace), "the finalizers to be taken away", pause=0.1)
    assert state_of(simulator, "resume") == "RUNNING"
    assert state_of(simulator, "retain") == "PAUSED"
    assert not writes_to(simulator, "retain")[1:]


def test_what_is_deleted_as_soon_as_it_is_there_leaves_nothing_behind(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operator = operators.start()
    simulator.add_campaign("other")
    names = [f"short-{number}" for number in range(10)]
    for name in names:
        simulator.add_campaign(name)
        namespace.apply(name, campaignID=name)
        delete(namespace, name, wait=False)
    wait_for(lambda: not left(namespace), "all to be gone", pause=0.1)
    namespace.apply("other", campaignID="other")
    namespace.wait_ready("other")
    seen = simulator.last_request()
    polls_again(operator, namespace, "other")
    assert {request["campaign"] for request in simulator.requests("campaign-read", since=seen)} == {"other"}
    assert not any(
        operator.metric("campaignthrottle_polls_total", namespace=namespace.name, name=name) for name in names
    )
    assert operator.stop() == 0
