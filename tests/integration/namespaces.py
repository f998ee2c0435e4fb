"""A namespace of one test, and what a test does in it with kubectl."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from control_plane import ControlPlane
from integration.pace import PATIENCE, wait_for


@dataclass
class Namespace:
    """A namespace of one test, and what the test does in it."""

    name: str
    plane: ControlPlane

    def apply(self, name: str, **spec: Any) -> None:
        """``kubectl apply`` a throttle."""
        self.plane.kubectl("apply", "-n", self.name, "-f", "-", input=json.dumps(manifest(name, **spec)))

    def get(self, name: str) -> dict[str, Any]:
        """A throttle as the API server has it."""
        answer = self.plane.kubectl("get", "campaignthrottle", name, "-n", self.name, "-o", "json")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    def status(self, name: str) -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.get(name).get("status", {})
        return found

    def condition(self, name: str, type_: str) -> dict[str, Any]:
        """One of its conditions; empty if it isn't there."""
        return conditions(self.status(name)).get(type_, {})

    def wait_for_status(
        self, name: str, satisfied: Callable[[dict[str, Any]], Any], what: str, *, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Its status, as soon as that is as it should be."""

        def look() -> dict[str, Any] | None:
            status = self.status(name)
            return status if satisfied(status) else None

        try:
            found = wait_for(look, what, seconds=seconds, pause=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}; status: {json.dumps(self.status(name), indent=1)}") from None
        assert found is not None
        return found

    def wait_ready(self, *names: str) -> None:
        """``kubectl wait --for=condition=Ready`` for these throttles."""
        self.kubectl_wait("condition=Ready", *names)

    def kubectl_wait(self, what: str, *names: str) -> None:
        """``kubectl wait --for=...`` for these throttles."""
        self.plane.kubectl(
            *("wait", f"--for={what}", "-n", self.name, f"--timeout={PATIENCE:.0f}s"),
            *(f"campaignthrottle/{name}" for name in names),
            timeout=2 * PATIENCE,
        )

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The Events of a throttle (of all), oldest first."""
        found = json.loads(self.plane.kubectl("get", "events", "-n", self.name, "-o", "json").stdout)["items"]
        mine = [event for event in found if name in (None, event["involvedObject"]["name"])]
        return sorted(mine, key=lambda event: str(event["eventTime"]))

    def wait_for_event(self, name: str, reason: str, saying: str = "") -> dict[str, Any]:
        """An Event of a throttle with these words in its message, once it is there."""

        def look() -> dict[str, Any] | None:
            return next(
                (event for event in self.events(name) if event["reason"] == reason and saying in event["message"]),
                None,
            )

        found = wait_for(look, f"the Event {reason} {saying}", pause=0.1)
        assert found is not None
        return found


@contextlib.contextmanager
def fresh_namespace(plane: ControlPlane, name: str) -> Iterator[Namespace]:
    """A new namespace, emptied and deleted at the end whether an operator runs or not."""
    plane.kubectl("create", "namespace", name)
    try:
        yield Namespace(name, plane)
    finally:
        # With no operator left nobody takes the finalizers away: the way out that the docs give.
        left = json.loads(plane.kubectl("get", "campaignthrottles", "-n", name, "-o", "json").stdout)["items"]
        for item in left:
            plane.kubectl(
                *("patch", "campaignthrottle", item["metadata"]["name"], "-n", name),
                *("--type=merge", "-p", '{"metadata":{"finalizers":null}}'),
                check=False,  # it may be gone meanwhile
            )
        plane.kubectl("delete", "campaignthrottles", "--all", "-n", name, timeout=PATIENCE)
        plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions of a status by type."""
    return {condition["type"]: condition for condition in status.get("conditions", [])}


def manifest(name: str, **spec: Any) -> dict[str, Any]:
    """A throttle, as a person writes it."""
    return {
        "apiVersion": "campaignthrottle.io/v1alpha1",
        "kind": "CampaignThrottle",
        "metadata": {"name": name},
        "spec": {"campaignID": "cmp-1", "interval": "1s"} | spec,
    }
