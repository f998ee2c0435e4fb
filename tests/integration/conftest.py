"""A real control plane for the whole run; a simulator, an operator and a namespace for each test."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_plane import ControlPlane
from integration.namespaces import Namespace
from stack import Operator, Simulator

ROOT = Path(__file__).parents[2]
SYSTEM = "campaign-throttle-system"
FAST = {"CAMPAIGN_THROTTLE_MINIMUM_INTERVAL": "1s"}


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with everything of deploy/base applied."""
    with ControlPlane(audit=True) as plane:
        plane.kubectl("apply", "-k", str(ROOT / "deploy/base"))
        plane.kubectl("wait", "--for=condition=Established", "crd/campaignthrottles.campaignthrottle.io")
        yield plane


@pytest.fixture(scope="session")
def operator_kubeconfig(plane: ControlPlane) -> Path:
    """The rights that deploy/base gives the operator, and no more."""
    return plane.kubeconfig_for(SYSTEM, "campaign-throttle")


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A tenant with campaign cmp-1 running and 20 agents available, whose counts only the test moves."""
    simulator = Simulator(tmp_path)
    simulator.set_agents(available=20)
    yield simulator
    simulator.stop()


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[Namespace]:
    """A fresh namespace; its throttles are gone when the operator of the test ends."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    plane.kubectl("create", "namespace", name)
    yield Namespace(name, plane)
    # With no operator left nobody takes the finalizers away: the way out that the docs give.
    left = json.loads(plane.kubectl("get", "campaignthrottles", "-n", name, "-o", "json").stdout)["items"]
    for item in left:
        plane.kubectl(
            *("patch", "campaignthrottle", item["metadata"]["name"], "-n", name),
            *("--type=merge", "-p", '{"metadata":{"finalizers":null}}'),
        )
    plane.kubectl("delete", "campaignthrottles", "--all", "-n", name)
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def operator(
    tmp_path: Path, operator_kubeconfig: Path, simulator: Simulator, namespace: Namespace
) -> Iterator[Operator]:
    """The operator, as its own ServiceAccount, with the simulator as its default tenant."""
    operator = Operator(tmp_path, operator_kubeconfig, simulator.url, environment=FAST)
    yield operator
    operator.stop()
    assert "Traceback" not in operator.text(), operator.text()[-4000:]
