"""How a test waits for polls and for their absence, sees what they did, and has more than one operator."""

import json
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from campaign_throttle.resources import RECONCILE_ANNOTATION
from integration.namespaces import Namespace, manifest
from integration.pace import FAST, wait_for
from stack import Operator, Simulator

POLLS = "campaignthrottle_polls_total"


class Operators:
    """Operators, one after the other, each in a folder of its own."""

    def __init__(self, folder: Path, kubeconfig: Path, simulator: Simulator) -> None:
        self._folder, self._kubeconfig, self._simulator = folder, kubeconfig, simulator
        self._started: list[Operator] = []

    def start(self, **environment: str) -> Operator:
        """One more operator, ready."""
        folder = self._folder / f"operator-{len(self._started)}"
        folder.mkdir()
        operator = Operator(folder, self._kubeconfig, self._simulator.url, environment=FAST | environment)
        self._started.append(operator)
        return operator

    def stop(self) -> None:
        """End them all; none of them may have met a bug."""
        for operator in self._started:
            stop(operator)


def stop(operator: Operator) -> None:
    """End an operator, which may not have met a bug.

    What it logs after SIGTERM is not looked at: kopf may log a traceback of its own there, of a watch that is closed.
    """
    log = operator.text()
    operator.stop()
    assert "Traceback" not in log, log[-4000:]


def polls_again(operator: Operator, namespace: Namespace, name: str, times: int = 3, **labels: str) -> None:
    """Wait for more polls of a throttle, however they end, or as a label says."""

    def polls() -> float:
        return operator.metric(POLLS, namespace=namespace.name, name=name, **labels)

    enough = polls() + times
    wait_for(lambda: polls() >= enough, f"{times} more polls of {name}")


def request_poll(namespace: Namespace, name: str) -> None:
    """Ask for a poll now, with a fresh count of the agents."""
    namespace.plane.kubectl(
        *("annotate", "campaignthrottle", name, "-n", namespace.name, "--overwrite"),
        f"{RECONCILE_ANNOTATION}={uuid.uuid4()}",
    )


def apply_all(namespace: Namespace, specs: dict[str, dict[str, Any]]) -> None:
    """``kubectl apply`` many throttles at once: spec by name."""
    items = [manifest(name, **spec) for name, spec in specs.items()]
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    namespace.plane.kubectl("apply", "-n", namespace.name, "-f", "-", input=listing)


def patch(namespace: Namespace, name: str, **spec: Any) -> None:
    """``kubectl patch`` some fields of a spec."""
    changed = json.dumps({"spec": spec})
    namespace.plane.kubectl("patch", "campaignthrottle", name, "-n", namespace.name, "--type=merge", "-p", changed)


def state_of(simulator: Simulator, campaign: str) -> str:
    """The word that CXone has for the state of a campaign."""
    return str(simulator.campaign(campaign)["status"])


def wait_for_state(simulator: Simulator, campaign: str, word: str) -> None:
    """Wait until CXone has this word for the state of a campaign."""
    wait_for(lambda: state_of(simulator, campaign) == word, f"{campaign} to be {word}", pause=0.05)


def writes_to(simulator: Simulator, campaign: str, since: int = 0) -> list[dict[str, Any]]:
    """The operator's attempts to change a campaign, oldest first."""
    found = simulator.requests("campaign-write", since=since)
    return [request for request in found if request["campaign"] == campaign]


def reads_of(simulator: Simulator, campaign: str, since: int = 0) -> list[dict[str, Any]]:
    """The operator's readings of a campaign, oldest first."""
    found = simulator.requests("campaign-read", since=since)
    return [request for request in found if request["campaign"] == campaign]


def hangs(simulator: Simulator, fault: str) -> bool:
    """Whether a request hangs on this fault."""
    found = {each["id"]: each for each in simulator.control("GET", "faults")["faults"]}
    return bool(found[fault]["waiting"])


def event_reasons(namespace: Namespace, name: str) -> list[str]:
    """The reasons of a throttle's Events, oldest first."""
    return [str(event["reason"]) for event in namespace.events(name)]


def a_second_later(namespace: Namespace, name: str) -> None:
    """Wait until what is created now is younger than this throttle: creationTimestamps are whole seconds."""
    created = when(namespace.get(name)["metadata"]["creationTimestamp"]).timestamp()
    wait_for(lambda: time.time() >= created + 1.1, "the next second")


def when(text: str) -> datetime:
    """A time of Kubernetes."""
    return datetime.fromisoformat(text)
