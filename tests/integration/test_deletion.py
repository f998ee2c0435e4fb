"""Deletion: what becomes of a campaign that is paused, and that nothing is ever held up by it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.namespaces import Namespace
from integration.watching import (
    Operators,
    another_namespace,
    apply_all,
    event_reasons,
    polls_again,
    state_of,
    writes_to,
)
from stack import Operator, Simulator, wait_for

FIFTY = [f"cmp-{number}" for number in range(50)]


@pytest.fixture
def operators(
    tmp_path: Path, operator_kubeconfig: Path, simulator: Simulator, namespace: Namespace
) -> Iterator[Operators]:
    """Operators, one after the other."""
    operators = Operators(tmp_path, operator_kubeconfig, simulator)
    yield operators
    operators.stop()


def delete(namespace: Namespace, *names: str, wait: bool = True) -> float:
    """``kubectl delete``; how long it took in seconds."""
    began = time.monotonic()
    namespace.plane.kubectl(
        *("delete", "campaignthrottles", *names, "-n", namespace.name, f"--wait={str(wait).lower()}"),
        "--timeout=30s",
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
    namespace.plane.kubectl(
        *("wait", "--for=jsonpath={.status.pausedBy}=Operator", "-n", namespace.name, "--timeout=30s"),
        *(f"campaignthrottle/{name}" for name in specs),
    )


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
    assert took < 2
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
    simulator.add_fault("hang", campaign="hangs")
    wait_for(lambda: simulator.control("GET", "faults")["faults"][0]["waiting"], "a poll that hangs")
    hung = time.monotonic()
    delete(namespace, "hangs", wait=False)
    simulator.add_fault("status", campaign="resume", code=503)
    resume = delete(namespace, "resume")
    retain = delete(namespace, "retain")
    wait_for(lambda: not left(namespace), "the last one to be gone", seconds=15, pause=0.1)
    hangs = time.monotonic() - hung
    print(f"gone in {retain:.2f} s (Retain), {resume:.2f} s (Resume, 503), {hangs:.2f} s (Resume, hangs)")
    assert retain < 2
    assert resume < 10
    assert hangs < 10.5
    for name in ("resume", "hangs"):
        told = namespace.wait_for_event(name, "ResumeAbandoned")
        assert told["type"] == "Warning"
        assert "stays as it is" in told["message"]
        assert "resume it in CXone" in told["message"]
        assert f"{namespace.name}/{name}: ResumeAbandoned" in operator.text()
        assert state_of(simulator, name) == "PAUSED"
    assert "ResumeAbandoned" not in event_reasons(namespace, "retain")


def test_a_namespace_with_fifty_throttles_is_gone_within_ten_seconds_while_cxone_is_down(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    with another_namespace(namespace.plane, f"{namespace.name}-fifty") as fifty:
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
        wait_for(lambda: not left(fifty), "the throttles to be gone", seconds=40, pause=0.2)
        throttles = time.monotonic() - began
        wait_for(
            lambda: (
                not fifty.plane.kubectl("get", "namespace", fifty.name, "--ignore-not-found", "-o", "name").stdout
            ),
            "the namespace to be gone",
            seconds=40,
            pause=0.2,
        )
        print(f"50 throttles gone in {throttles:.1f} s, their namespace in {time.monotonic() - began:.1f} s")
        assert throttles < 10
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
    began = time.monotonic()
    assert operator.stop() == 0
    took = time.monotonic() - began
    print(f"ended in {took:.2f} s")
    assert took < 5
