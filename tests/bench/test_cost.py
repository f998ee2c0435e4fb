"""What polling costs: figures, as ratios to a peer in the same run, since machines are noisy.

The peer is what people have today: a script with one loop per campaign that counts the agents and reads the campaign,
with httpx as it comes. Run with ``make bench``.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from control_plane import ControlPlane
from stack import Operator, Simulator, wait_for

THROTTLES, INTERVAL, SECONDS = 100, 2, 30
ROOT = Path(__file__).parents[2]
PEER = Path(__file__).with_name("peer.py")


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        plane.kubectl("apply", "-k", str(ROOT / "crds"))
        yield plane


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path)
    simulator.set_agents(available=20)
    for number in range(THROTTLES):
        simulator.add_campaign(f"cmp-{number}", name=f"Campaign {number}")
    yield simulator
    simulator.stop()


@pytest.mark.timeout(300)
def test_a_poll_costs_less_than_that_of_a_script(
    plane: ControlPlane, simulator: Simulator, tmp_path: Path
) -> None:
    operator = Operator(
        tmp_path, plane.kubeconfig, simulator.url, environment={"CAMPAIGN_THROTTLE_MINIMUM_INTERVAL": "1s"}
    )
    try:
        apply_all(plane)
        process = psutil.Process(operator.pid)
        lateness = lags(operator)
        before, polls, requests = cpu(process), polled(operator), asked(operator)
        until = time.monotonic() + SECONDS
        wait_for(lambda: time.monotonic() > until, "the time to pass", seconds=SECONDS + 5, pause=0.5)
        used, polls, requests = cpu(process) - before, polled(operator) - polls, asked(operator) - requests
        rss = process.memory_info().rss / 1024**2
        late = [after - was for was, after in zip(lateness, lags(operator), strict=True)]
        flip = seconds_to_flip(simulator)
    finally:
        operator.stop()
    peer_used, peer_polls, peer_requests = peer(simulator)
    ours, theirs = 1000 * used / polls, 1000 * peer_used / peer_polls
    print(
        f"\n{THROTTLES} throttles every {INTERVAL} s for {SECONDS} s"
        f"\n  CPU per poll       operator {ours:.2f} ms, script {theirs:.2f} ms, ratio {ours / theirs:.2f}"
        f"\n  requests per poll  operator {requests / polls:.3f}, script {peer_requests / peer_polls:.3f}"
        f"\n  polls that start within 2 % of the interval: {100 * late[0] / late[1]:.1f} %"
        f"\n  memory {rss:.0f} MiB; from the count to the last PUT of a flip of all: {flip:.2f} s"
    )
    assert requests <= 1.02 * (polls + polls / THROTTLES) + 2
    assert ours < theirs


def apply_all(plane: ControlPlane) -> None:
    items = [
        {
            "apiVersion": "campaignthrottle.io/v1alpha1",
            "kind": "CampaignThrottle",
            "metadata": {"name": f"cmp-{number}"},
            "spec": {"campaignID": f"cmp-{number}", "interval": f"{INTERVAL}s"},
        }
        for number in range(THROTTLES)
    ]
    plane.kubectl(
        "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), timeout=60
    )
    plane.kubectl("wait", "--for=condition=Ready", "campaignthrottles", "--all", "--timeout=60s", timeout=70)


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def polled(operator: Operator) -> float:
    return operator.metric("campaignthrottle_polls_total")


def asked(operator: Operator) -> float:
    return operator.metric("campaignthrottle_cxone_requests_total")


def lags(operator: Operator) -> tuple[float, float]:
    """Polls that started at most 25 ms late (the bucket next below 2 % of 2 s), and all."""
    name = "campaignthrottle_schedule_lag_seconds"
    return operator.metric(f"{name}_bucket", le="0.025"), operator.metric(f"{name}_count")


def seconds_to_flip(simulator: Simulator) -> float:
    seen = simulator.last_request()
    simulator.set_agents(available=1)
    wait_for(
        lambda: len(simulator.requests("campaign-write", since=seen)) >= THROTTLES,
        "all pauses",
        seconds=60,
        pause=0.2,
    )
    requests = simulator.requests(since=seen)
    puts = [request["time"] for request in requests if request["pathClass"] == "campaign-write"]
    count = max(r["time"] for r in requests if r["pathClass"] == "agents" and r["time"] <= puts[0])
    return float(puts[-1] - count)


def peer(simulator: Simulator) -> tuple[float, int, int]:
    """CPU seconds, polls and requests of the script, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, PEER, simulator.url, str(THROTTLES), str(INTERVAL), str(SECONDS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    used, polls, requests = json.loads(answer.stdout)
    return used, polls, requests
