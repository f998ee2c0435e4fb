"""Whose pause it is survives everything: kill -9 at the worst moments, SIGTERM, and a lost API server."""

import time

import pytest

from control_plane import ControlPlane
from integration.namespaces import Namespace
from integration.pace import wait_for
from integration.watching import Operators, hangs, polls_again
from stack import Simulator


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_pause_is_ours_though_the_process_was_killed_while_it_was_in_flight(
    operators: Operators, simulator: Simulator, namespace: Namespace, moment: str
) -> None:
    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    hang = simulator.add_fault("hang", "campaign-write", when=moment)
    simulator.set_agents(available=2)
    wait_for(lambda: hangs(simulator, hang), "the PUT to be in flight")
    operator.kill()
    assert namespace.status("sales")["intent"]["action"] == "Pause"
    wait_for(lambda: not hangs(simulator, hang), "the simulator to notice that its client is gone")
    simulator.clear_faults()
    assert simulator.campaign()["status"] == ("PAUSED" if moment == "after" else "RUNNING")

    simulator.set_agents(available=20)
    operator = operators.start()
    namespace.wait_for_status(
        "sales",
        lambda status: status["availableAgents"] == 20 and status["campaignState"] == "Running",
        "the campaign to run again",
    )
    polls_again(operator, namespace, "sales", result="success")
    assert simulator.campaign()["status"] == "RUNNING"
    assert "pausedBy" not in namespace.status("sales")


def test_a_resume_is_ours_though_the_process_was_killed_while_its_answer_was_on_the_way(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=2)
    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    hang = simulator.add_fault("hang", "campaign-write", when="after")
    simulator.set_agents(available=20)
    wait_for(lambda: hangs(simulator, hang), "the PUT to be in flight")
    operator.kill()
    simulator.clear_faults()
    assert simulator.campaign()["status"] == "RUNNING"

    # A resume that were taken for a person's would be respected, and the campaign would go on without agents.
    simulator.set_agents(available=2)
    operators.start()
    wait_for(lambda: simulator.campaign()["status"] == "PAUSED", "the next pause")
    assert "OverrideDetected" not in {event["reason"] for event in namespace.events("sales")}


def test_a_persons_pause_stays_a_persons_over_a_crash(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    operator.kill()
    simulator.set_status_as_person("PAUSED")
    operator = operators.start()
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Other", "the pause to be seen")
    polls_again(operator, namespace, "sales", result="success")
    assert simulator.campaign()["status"] == "PAUSED"


def test_a_persons_resume_while_the_operator_was_down_is_respected(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=2)
    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    operator.stop()
    simulator.set_status_as_person("RUNNING")
    operator = operators.start()
    namespace.wait_for_status("sales", lambda status: "manualResume" in status, "the resume to be respected")
    polls_again(operator, namespace, "sales", result="success")
    assert simulator.campaign()["status"] == "RUNNING"


def test_sigterm_ends_the_operator_though_cxone_hangs_and_an_action_in_flight_is_accounted_for(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    hang = simulator.add_fault("hang", "campaign-write", when="after")
    simulator.set_agents(available=2)
    wait_for(lambda: hangs(simulator, hang), "the PUT to be in flight")
    began = time.monotonic()
    assert operator.stop() == 0, "the PUT hangs for ten minutes; after a while the operator is killed"
    print(f"ended in {time.monotonic() - began:.2f} s")
    assert namespace.status("sales")["intent"]["action"] == "Pause"

    simulator.clear_faults()
    simulator.set_agents(available=20)
    operators.start()
    namespace.wait_for_status(
        "sales",
        lambda status: status["availableAgents"] == 20 and status["campaignState"] == "Running",
        "the campaign to run again",
    )


@pytest.mark.timeout(600)
def test_every_throttle_is_polled_again_after_the_api_server_was_away_for_75_seconds(
    operators: Operators, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    names = [f"sales-{number}" for number in range(5)]
    for name in names:
        simulator.add_campaign(name)
        namespace.apply(name, campaignID=name)
    operator = operators.start()
    namespace.wait_ready(*names)
    plane.stop_api_server()
    away_until = time.monotonic() + 75
    try:
        simulator.set_agents(available=2)  # all of them must write something while the server is away
        for name in names:
            wait_for(lambda name=name: simulator.campaign(name)["status"] == "PAUSED", "the pause")
        wait_for(lambda: time.monotonic() > away_until, "75 seconds to pass", seconds=600, pause=0.5)
    finally:
        plane.start_api_server()
    for name in names:
        status = namespace.wait_for_status(
            name, lambda status: status.get("campaignState") == "Paused", "the status"
        )
        assert status["pausedBy"] == "Operator"
    simulator.set_agents(available=20)
    for name in names:
        namespace.wait_for_status(name, lambda status: status["campaignState"] == "Running", "the resume")
    assert operator.probe("healthz") == (200, "ok")
