"""``make demo`` and ``make playground``: the whole product on this machine, on a real Kubernetes API server."""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from control_plane import Cluster, ControlPlaneError, open_cluster
from stack import Operator, ProcessEnded, Simulator, wait_for

ROOT = Path(__file__).parents[2]
SYSTEM = "campaign-throttle-system"
NAMESPACE = "campaign-throttle-demo"
CAMPAIGN = "cmp-1"


class PromiseBroken(Exception):
    """The operator didn't do what the demo says it does."""


@dataclass(frozen=True)
class Stage:
    """Everything that runs."""

    cluster: Cluster
    simulator: Simulator
    operator: Operator


def say(text: str = "") -> None:
    """One line of the story."""
    print(text, flush=True)


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Start a control plane, a simulated CXone tenant and the operator; leave nothing behind."""
    with contextlib.ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="campaign-throttle-")))
        began = time.monotonic()
        cluster = ending.enter_context(open_cluster())
        say(f"• Kubernetes API server   {cluster.url} (up in {time.monotonic() - began:.1f} s)")
        cluster.kubectl("apply", "-k", str(ROOT / "crds"))
        for name in ("namespace", "service-account", "rbac"):
            cluster.kubectl("apply", "-n", SYSTEM, "-f", str(ROOT / f"deploy/base/{name}.yaml"))
        cluster.kubectl("create", "namespace", NAMESPACE)
        ending.callback(cluster.kubectl, "delete", "namespace", NAMESPACE, "--wait=false", check=False)
        cluster.kubectl("wait", "--for=condition=Established", "crd/campaignthrottles.campaignthrottle.io")

        simulator = Simulator(folder)
        ending.callback(simulator.stop)
        simulator.set_agents(available=12)
        say(f"• simulated CXone tenant  {simulator.url}, campaign {CAMPAIGN} running, 12 agents available")

        rights = cluster.kubeconfig_for(SYSTEM, "campaign-throttle")
        operator = Operator(folder, rights, simulator.url)
        ending.callback(operator.stop)
        say("• operator                running with the rights of deploy/base, and no more")
        yield Stage(cluster, simulator, operator)
        # While the operator is there to take its finalizers away.
        cluster.kubectl("delete", "campaignthrottles", "--all", "-n", NAMESPACE, check=False)


def show(stage: Stage, *arguments: str) -> None:
    """A kubectl command and what it prints."""
    say(f"\n  $ kubectl {' '.join(arguments)}")
    for line in stage.cluster.kubectl(*arguments, "-n", NAMESPACE).stdout.splitlines():
        say(f"  {line}")


def step(stage: Stage, agents: int, told: str, *, expected: str, changes: bool) -> None:
    """Set the number of available agents, and follow what the next poll makes of it.

    Raises:
        PromiseBroken: the campaign isn't in the expected state, or wasn't changed at the first poll that saw this.
    """
    say(f"\n── {agents} agents available: {told}")
    simulator = stage.simulator
    simulator.set_agents(available=agents)
    seen = simulator.last_request()

    def reported() -> bool:
        status = stage.cluster.kubectl(
            *("get", "campaignthrottle", "sales-outbound", "-n", NAMESPACE),
            *("-o", "jsonpath={.status.availableAgents} {.status.campaignState} {.status.intent.action}"),
        ).stdout
        return status.split() == [str(agents), {"RUNNING": "Running", "PAUSED": "Paused"}[expected]]

    try:
        wait_for(reported, f"the status to tell {agents} agents and {expected}", seconds=30, pause=0.25)
    except AssertionError as error:
        raise PromiseBroken(str(error)) from None
    requests = simulator.requests(since=seen)
    counts = [request for request in requests if request["pathClass"] == "agents"]
    writes = [request for request in requests if request["pathClass"] == "campaign-write"]
    state = simulator.campaign(CAMPAIGN)["status"]
    if state != expected or len(writes) != int(changes):
        raise PromiseBroken(f"expected {expected} after {int(changes)} changes; it is {state} after {len(writes)}")
    if changes and len([count for count in counts if count["seq"] < writes[0]["seq"]]) != 1:
        raise PromiseBroken("the change did not come at the first poll that saw this number of agents")
    show(stage, "get", "campaignthrottles")


def story(stage: Stage) -> None:
    """Plenty, shortage, pause, return, resume. Raises PromiseBroken."""
    say("\n── A throttle is applied: pause below 5 available agents, resume at 8")
    show(stage, "apply", "-f", "deploy/samples")
    stage.cluster.kubectl(
        *("wait", "--for=condition=Ready", "campaignthrottle/sales-outbound", "-n", NAMESPACE, "--timeout=30s")
    )
    show(stage, "get", "campaignthrottles")
    step(stage, 5, "exactly the pause threshold, not fewer", expected="RUNNING", changes=False)
    step(stage, 4, "fewer than 5, so the campaign is paused", expected="PAUSED", changes=True)
    step(stage, 7, "more than 5, but fewer than 8: it stays paused", expected="PAUSED", changes=False)
    step(stage, 8, "enough, so it is resumed", expected="RUNNING", changes=True)
    say("\n── What Kubernetes remembers of it")
    show(
        stage,
        *("get", "events", "--sort-by=.eventTime"),
        *("-o", "custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message"),
    )


def invite(stage: Stage) -> None:
    """Say how to talk to what runs, and wait for Ctrl-C."""
    kubectl = f"{stage.cluster.bin / 'kubectl'} -n {NAMESPACE}"
    stage.cluster.kubectl("apply", "-n", NAMESPACE, "-f", str(ROOT / "deploy/samples"))
    control = f"curl -s -X PUT {stage.simulator.url}/_sim"
    say(
        f"""
Everything is running, and the sample throttle is applied. In another terminal:

  export KUBECONFIG={stage.cluster.kubeconfig}
  {kubectl} get campaignthrottles --watch

Send the agents to lunch, and bring them back:

  {control}/agents -d '{{"available": 3}}'
  {control}/agents -d '{{"available": 12}}'

What the tenant sees: curl -s {stage.simulator.url}/_sim/state   (docs/simulator.md has all of it)
Logs:                 {stage.operator.log}
Metrics:              {stage.operator.metrics_url}

Ctrl-C ends it and leaves nothing behind."""
    )
    while stage.operator.running and stage.simulator.running:
        time.sleep(0.5)
    raise PromiseBroken("the operator or the simulator ended by itself")


def main() -> int:
    """Run the demo, or the playground. Returns the exit code: 0 only if what was promised happened."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--playground", action="store_true", help="leave everything running until Ctrl-C")
    options = parser.parse_args()

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        with stage() as everything:
            if options.playground:
                invite(everything)
            story(everything)
    except KeyboardInterrupt:
        say("\nended")
        return 0 if options.playground else 130
    except (PromiseBroken, ControlPlaneError, ProcessEnded) as error:
        say(f"\nFAILED: {error}")
        return 1
    say(
        "\nAs promised: paused at the first poll with fewer than 5, resumed at the first with 8, untouched at 5 and 7."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
