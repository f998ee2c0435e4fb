"""Whose pause it is survives everything: kill -9 at the worst moments, SIGTERM, and a lost API server."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane import ControlPlane
from integration.conftest import FAST
from integration.namespaces import Namespace
from stack import Operator, Simulator, wait_for

StartOperator = Callable[[], Operator]


@pytest.fixture
def start_operator(tmp_path: Path, operator_kubeconfig: Path, simulator: Simulator, namespace: Namespace):
    """Starts operators, one after the other."""
    started: list[Operator] = []

    def start() -> Operator:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Operator(folder, operator_kubeconfig, simulator.url, environment=FAST))
        return started[-1]

    yield start
    for operator in started:
        operator.stop()
        assert "Traceback" not in operator.text(), operator.text()[-4000:]


def put_in_flight(simulator: Simulator) -> bool:
    """Whether a PUT hangs in the simulator."""
    return any(fault["waiting"] for fault in simulator.control("GET", "faults")["faults"])


def polls_again(operator: Operator, times: int = 3) -> None:
    """Wait for more good polls."""
    polls = operator.metric("campaignthrottle_polls_total", result="success")
    wait_for(
        lambda: operator.metric("campaignthrottle_polls_total", result="success") >= polls + times,
        f"{times} more polls",
    )


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_pause_is_ours_though_the_process_was_killed_while_it_was_in_flight(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace, moment: str
) -> None:
    operator = start_operator()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    simulator.add_fault("hang", "campaign-write", when=moment)
    simulator.set_agents(available=2)
    wait_for(lambda: put_in_flight(simulator), "the PUT to be in flight")
    operator.kill()
    assert namespace.status("sales")["intent"]["action"] == "Pause"
    simulator.clear_faults()
    assert simulator.campaign()["status"] == ("PAUSED" if moment == "after" else "RUNNING")

    simulator.set_agents(available=20)
    operator = start_operator()
    namespace.wait_for_status(
        "sales",
        lambda status: status["availableAgents"] == 20 and status["campaignState"] == "Running",
        "the campaign to run again",
    )
    polls_again(operator)
    assert simulator.campaign()["status"] == "RUNNING"
    assert "pausedBy" not in namespace.status("sales")


def test_a_resume_is_ours_though_the_process_was_killed_while_its_answer_was_on_the_way(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=2)
    operator = start_operator()
    namespace.apply("sales")
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    simulator.add_fault("hang", "campaign-write", when="after")
    simulator.set_agents(available=20)
    wait_for(lambda: put_in_flight(simulator), "the PUT to be in flight")
    operator.kill()
    simulator.clear_faults()
    assert simulator.campaign()["status"] == "RUNNING"

    # A resume that were taken for a person's would be respected, and the campaign would go on without agents.
    simulator.set_agents(available=2)
    start_operator()
    wait_for(lambda: simulator.campaign()["status"] == "PAUSED", "the next pause")
    assert "OverrideDetected" not in {event["reason"] for event in namespace.events("sales")}


def test_a_persons_pause_stays_a_persons_over_a_crash(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace
) -> None:
    operator = start_operator()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    operator.kill()
    simulator.set_status_as_person("PAUSED")
    operator = start_operator()
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Other", "the pause to be seen")
    polls_again(operator)
    assert simulator.campaign()["status"] == "PAUSED"


def test_a_persons_resume_while_the_operator_was_down_is_respected(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=2)
    operator = start_operator()
    namespace.apply("sales")
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    operator.stop()
    simulator.set_status_as_person("RUNNING")
    operator = start_operator()
    namespace.wait_for_status("sales", lambda status: "manualResume" in status, "the resume to be respected")
    polls_again(operator)
    assert simulator.campaign()["status"] == "RUNNING"


def test_sigterm_ends_the_operator_within_five_seconds_and_an_action_in_flight_is_accounted_for(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace
) -> None:
    operator = start_operator()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    simulator.add_fault("hang", "campaign-write", when="after")
    simulator.set_agents(available=2)
    wait_for(lambda: put_in_flight(simulator), "the PUT to be in flight")
    began = time.monotonic()
    assert operator.stop() == 0
    took = time.monotonic() - began
    print(f"ended in {took:.2f} s")
    assert took < 5
    assert namespace.status("sales")["intent"]["action"] == "Pause"

    simulator.clear_faults()
    simulator.set_agents(available=20)
    start_operator()
    namespace.wait_for_status(
        "sales",
        lambda status: status["availableAgents"] == 20 and status["campaignState"] == "Running",
        "the campaign to run again",
    )


@pytest.mark.timeout(300)
def test_every_throttle_is_polled_again_after_the_api_server_was_away_for_75_seconds(
    start_operator: StartOperator, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    names = [f"sales-{number}" for number in range(5)]
    for name in names:
        simulator.add_campaign(name)
        namespace.apply(name, campaignID=name)
    operator = start_operator()
    for name in names:
        namespace.wait_ready(name)
    plane.stop_api_server()
    away_until = time.monotonic() + 75
    try:
        simulator.set_agents(available=2)  # all of them must write something while the server is away
        for name in names:
            wait_for(lambda name=name: simulator.campaign(name)["status"] == "PAUSED", "the pause", seconds=30)
        wait_for(lambda: time.monotonic() > away_until, "75 seconds to pass", seconds=80, pause=0.5)
    finally:
        plane.start_api_server()
    for name in names:
        status = namespace.wait_for_status(
            name, lambda status: status.get("campaignState") == "Paused", "the status", seconds=40
        )
        assert status["pausedBy"] == "Operator"
    simulator.set_agents(available=20)
    for name in names:
        namespace.wait_for_status(name, lambda status: status["campaignState"] == "Running", "the resume")
    assert operator.probe("healthz") == (200, "ok")
