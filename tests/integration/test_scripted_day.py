"""A contact centre's day on a simulated clock, and kill -9 at twenty random moments of it."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import ControlPlane
from integration.conftest import FAST
from integration.namespaces import Namespace
from stack import Operator, Simulator, wait_for

HALF_AN_HOUR = 1800
#: Available agents from 08:00 on, each half hour.
DAY = [12, 14, 9, 4, 2, 6, 8, 15, 15, 3, 1, 5, 7, 10, 12, 4, 4, 9, 2, 11]
#: What a person does in CXone's own pages, and in which half hour (before the operator is killed).
PEOPLE = {7: "PAUSED", 8: "RUNNING", 10: "RUNNING", 13: "PAUSED", 15: "RUNNING"}
#: A change takes long enough in CXone for a kill to hit it before and after it is made.
SLOW = 0.3


@dataclass
class Expectation:
    """Whose the campaign's state must be, by the contract's rules; thresholds 5 and 8, manualOverride Respect."""

    paused: bool = False
    by_person: bool = False
    respected: bool = False

    def after_person(self, did: str) -> None:
        if did == "PAUSED" and not self.paused:
            self.paused, self.by_person = True, True
        elif did == "RUNNING" and self.paused:
            self.paused, self.by_person, self.respected = False, False, True

    def after_count(self, agents: int) -> None:
        if agents >= 8:
            self.respected = False
            if not self.by_person:
                self.paused = False
        elif agents < 5 and not self.paused and not self.respected:
            self.paused = True

    @property
    def status(self) -> tuple[str, str | None]:
        """campaignState and pausedBy."""
        if not self.paused:
            return "Running", None
        return "Paused", "Other" if self.by_person else "Operator"


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Simulator]:
    rows = [{"second": number * HALF_AN_HOUR, "available": agents} for number, agents in enumerate(DAY)]
    scenario = tmp_path / "day.yaml"
    scenario.write_text(
        json.dumps({"agents": 20, "campaigns": [{"id": "cmp-1"}], "speed": 0, "series": {"rows": rows}})
    )
    simulator = Simulator(tmp_path, scenario)
    for moment in ("before", "after"):
        simulator.add_fault("latency", "campaign-write", when=moment, seconds=SLOW)
    yield simulator
    simulator.stop()


@pytest.mark.timeout(400)
def test_ownership_and_state_are_right_after_a_kill_at_any_moment_of_a_day(
    tmp_path: Path, day: Simulator, operator_kubeconfig: Path, namespace: Namespace, plane: ControlPlane
) -> None:
    chance = random.Random(20261124)
    expected, hit = Expectation(), {"intent": 0}

    def start(number: int) -> Operator:
        folder = tmp_path / f"operator-{number}"
        folder.mkdir()
        return Operator(folder, operator_kubeconfig, day.url, environment=FAST)

    def as_expected() -> bool:
        status = namespace.status("sales")
        found = (status.get("campaignState"), status.get("pausedBy"))
        settled = status.get("availableAgents") == DAY[number] and "intent" not in status
        return settled and found == expected.status

    operator = start(0)
    namespace.apply("sales")
    namespace.wait_ready("sales")
    try:
        for number, agents in enumerate(DAY):
            if number:
                day.control("POST", "clock", {"step": HALF_AN_HOUR})
            if number in PEOPLE:
                day.set_status_as_person(PEOPLE[number])
                expected.after_person(PEOPLE[number])
                # People are seen before the next kill: what happens unseen is the next poll's to find out.
                wait_for(
                    lambda: namespace.status("sales").get("campaignState") == day_state(day),
                    "the person to be seen",
                )
            expected.after_count(agents)
            time.sleep(chance.uniform(0, 1 + 2 * SLOW))  # the moment itself: anywhere in an interval and a change
            operator.kill()
            hit["intent"] += "intent" in namespace.status("sales")
            operator = start(number + 1)
            wait_for(
                as_expected, f"{expected.status} with {agents} agents in half hour {number}", seconds=15, pause=0.1
            )
            state, owner = expected.status
            assert day_state(day) == state
            if state == "Paused":
                assert (day.campaign()["lastChangedBy"] == "person") is (owner == "Other")
    finally:
        operator.stop()
    print(f"{len(DAY)} kills, {hit['intent']} of them with a change under way")
    assert hit["intent"], "no kill hit a change: the moments are badly chosen"


def day_state(day: Simulator) -> str:
    return {"RUNNING": "Running", "PAUSED": "Paused"}[day.campaign()["status"]]
