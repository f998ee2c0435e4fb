"""A contact centre's day on a simulated clock, and kill -9 at twenty moments of it, some of them in a change."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from integration.namespaces import Namespace
from integration.pace import wait_for
from integration.watching import Operators, hangs
from stack import Simulator

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

    def changes_with(self, agents: int) -> bool:
        """Whether the operator has something to change with so many agents."""
        then = replace(self)
        then.after_count(agents)
        return then.paused is not self.paused

    @property
    def status(self) -> tuple[str, str | None]:
        """campaignState and pausedBy."""
        if not self.paused:
            return "Running", None
        return "Paused", "Other" if self.by_person else "Operator"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
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


@pytest.mark.timeout(900)
def test_ownership_and_state_are_right_after_a_kill_at_any_moment_of_a_day(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    chance = random.Random(20261124)
    expected = Expectation()
    changes = cut = 0

    def as_expected() -> bool:
        status = namespace.status("sales")
        found = (status.get("campaignState"), status.get("pausedBy"))
        settled = status.get("availableAgents") == DAY[number] and "intent" not in status
        return settled and found == expected.status

    operator = operators.start()
    namespace.apply("sales")
    namespace.wait_ready("sales")
    for number, agents in enumerate(DAY):
        # Every second change of the operator's is cut off, before or after CXone has made it.
        changes += number not in PEOPLE and expected.changes_with(agents)
        hang = None
        if changes > 2 * cut:
            hang = simulator.add_fault("hang", "campaign-write", when=chance.choice(["before", "after"]))
            cut += 1
        if number:
            simulator.control("POST", "clock", {"step": HALF_AN_HOUR})
        if number in PEOPLE:
            simulator.set_status_as_person(PEOPLE[number])
            expected.after_person(PEOPLE[number])
            # People are seen before the next kill: what happens unseen is the next poll's to find out.
            wait_for(
                lambda: namespace.status("sales").get("campaignState") == state_in(simulator),
                "the person to be seen",
            )
        expected.after_count(agents)
        if hang is None:
            time.sleep(chance.uniform(0, 1 + 2 * SLOW))  # the moment itself: anywhere in an interval and a change
            operator.kill()
        else:
            wait_for(lambda hang=hang: hangs(simulator, hang), "the change to be under way")
            operator.kill()
            assert "intent" in namespace.status("sales")
            wait_for(lambda hang=hang: not hangs(simulator, hang), "the simulator to notice that")
            simulator.control("DELETE", f"faults/{hang}")
        operator = operators.start()
        wait_for(as_expected, f"{expected.status} with {agents} agents in half hour {number}", pause=0.1)
        state, owner = expected.status
        assert state_in(simulator) == state
        if state == "Paused":
            assert (simulator.campaign()["lastChangedBy"] == "person") is (owner == "Other")
    print(f"{len(DAY)} kills, {cut} of them in one of {changes} changes")


def state_in(simulator: Simulator) -> str:
    return {"RUNNING": "Running", "PAUSED": "Paused"}[simulator.campaign()["status"]]
