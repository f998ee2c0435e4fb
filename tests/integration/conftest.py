"""A real control plane for the whole run, and all that happened on it; a simulator, an operator and a namespace
for each test.
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign_throttle.resources import GROUP
from control_plane import ControlPlane, binaries
from integration.namespaces import Namespace, fresh_namespace
from integration.oracles import judge
from integration.pace import PATIENCE, wait_for
from integration.recorder import PLURALS, Recorder
from integration.watching import Operators
from stack import Operator, Simulator

ROOT = Path(__file__).parents[2]
SYSTEM = "campaign-throttle-system"
#: Where each worker says what the oracles found, for the summary at the end.
VERDICTS = ROOT / ".pytest_cache" / "oracles"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what the oracles said of the last run."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(VERDICTS, ignore_errors=True)
        VERDICTS.mkdir(parents=True, exist_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the oracles said, however many workers there were."""
    for verdict in sorted(VERDICTS.glob("*.txt")):
        terminalreporter.write_line(f"kstatus and Flux ({verdict.stem}): {verdict.read_text()}")


@pytest.fixture(scope="session")
def unwatched_plane() -> Iterator[ControlPlane]:
    """A control plane with everything of deploy/base applied."""
    with ControlPlane(audit=True) as plane:
        plane.kubectl("apply", "-k", str(ROOT / "deploy/base"))
        plane.kubectl(
            *("wait", "--for=condition=Established", f"--timeout={PATIENCE:.0f}s"),
            *(f"crd/{plural}.{GROUP}" for plural in PLURALS),
            timeout=2 * PATIENCE,
        )
        yield plane


@pytest.fixture(scope="session")
def recorder(unwatched_plane: ControlPlane, worker_id: str) -> Iterator[Recorder]:
    """Every version that a throttle or tenant of this run ever had; and at the end, what kstatus and Flux say of each.

    Who waits for one with Helm, Flux, Argo CD or kubectl sees each of them, not only the last: one that is
    wrong for a millisecond makes `helm install --wait` return too early, or fail for good. A finding is an error of
    the last test of the run.
    """
    program = binaries.oracles()
    recorder = Recorder(unwatched_plane)
    recorder.look()
    recorder.follow()
    yield recorder
    try:
        said = judge(program, recorder.catch_up(), VERDICTS / f"{worker_id}.jsonl")
        assert recorder.gaps == []
    except AssertionError as error:
        said = str(error)
        raise
    finally:
        recorder.stop()
        (VERDICTS / f"{worker_id}.txt").write_text(said)


@pytest.fixture(scope="session")
def plane(unwatched_plane: ControlPlane, recorder: Recorder) -> ControlPlane:
    """The control plane of the run, with the recorder on."""
    return unwatched_plane


@pytest.fixture(scope="session")
def operator_kubeconfig(plane: ControlPlane) -> Path:
    """The rights that deploy/base gives the operator, and no more."""
    kubeconfig = plane.kubeconfig_for(SYSTEM, "campaign-throttle")
    may = ("--kubeconfig", str(kubeconfig), "auth", "can-i", "list", "campaignthrottles", "--all-namespaces")
    wait_for(lambda: plane.kubectl(*may, check=False).returncode == 0, "the authorizer to learn of its role")
    return kubeconfig


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
    with fresh_namespace(plane, f"test-{uuid.uuid4().hex[:8]}") as namespace:
        yield namespace


@pytest.fixture
def operators(
    tmp_path: Path, operator_kubeconfig: Path, simulator: Simulator, namespace: Namespace
) -> Iterator[Operators]:
    """Operators, one after the other or with settings of the test's own; the simulator is their default tenant."""
    operators = Operators(tmp_path, operator_kubeconfig, simulator)
    yield operators
    operators.stop()


@pytest.fixture
def operator(operators: Operators) -> Operator:
    """The operator, as its own ServiceAccount, with the simulator as its default tenant."""
    return operators.start()
