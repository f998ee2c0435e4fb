"""The listeners: one port or two, bad requests, modes and state over HTTP, and how the process
ends.
"""

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cxone_simulator import Scenario, Simulator
from unit.simulator.visitor import AGENTS, CAMPAIGN, Visitor


async def test_the_state_shows_clock_agents_and_the_campaigns_counters(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents/mode", {"mode": "loop"})
    await visitor.put("/_sim/agents", {"available": 2})
    await visitor.put("/_sim/agents/mode", {"mode": "loop"})
    clock = await visitor.post("/_sim/clock", {"step": 3600})
    assert clock.json == {"seconds": 3600, "speed": 0}

    state = (await visitor.get("/_sim/state")).json

    (campaign,) = state["campaigns"]
    assert state["clock"] == clock.json
    assert state["mode"] == "loop"
    assert sum(state["agents"][name] for name in ("available", "busy", "wrap-up")) == 2
    assert campaign["dialed"] > campaign["answered"] > campaign["abandoned"] > 0
    assert campaign["abandonmentRate"] == campaign["abandoned"] / campaign["answered"]
    assert state["abandonmentRate"] == campaign["abandonmentRate"]


async def test_setting_counts_over_http_takes_the_loop_off(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents/mode", {"mode": "loop"})

    reply = await visitor.put("/_sim/agents", {"available": 4})

    assert reply.json["mode"] == "manual"
    await visitor.post("/_sim/clock", {"step": 3600})
    assert (await visitor.get("/_sim/state")).json["agents"]["available"] == 4


async def test_pausing_through_the_api_brings_the_agents_back(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents/mode", {"mode": "loop"})
    await visitor.post("/_sim/clock", {"step": 1800})
    before = len((await visitor.get(f"{AGENTS}?state=available")).json["items"])

    await visitor.put(CAMPAIGN, {"status": "PAUSED"})
    await visitor.post("/_sim/clock", {"step": 3600})

    assert before < len((await visitor.get(f"{AGENTS}?state=available")).json["items"]) == 20


async def test_a_reset_brings_everything_back(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents", {"available": 1})
    await visitor.put(CAMPAIGN, {"status": "PAUSED"})
    await visitor.put("/_sim/page-cap", {"cap": 1})
    await visitor.put("/_sim/rate-limits/agents", {"requestsPerSecond": 1})
    await visitor.fault(kind="html", path="token")
    hanging = await visitor.fault(kind="hang", path="agents")
    waiting = asyncio.create_task(visitor.get(AGENTS))
    await visitor.until(lambda: visitor.sim.faults.all()[-1].waiting == 1)
    assert hanging == "fault-2"

    assert (await visitor.post("/_sim/reset")).status == 200

    assert (await waiting).status == 401
    await visitor.sign_in()
    assert len((await visitor.get(AGENTS)).json["items"]) == 20
    assert await visitor.campaign_status() == "RUNNING"
    assert (await visitor.get("/_sim/faults")).json == {"faults": []}
    assert (await visitor.get("/_sim/rate-limits")).json == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("PUT", "/_sim/agents/mode", {"mode": "auto"}, "mode: "),
        ("PUT", "/_sim/agents/mode", {"mode": "series"}, "mode: the scenario has no series"),
        ("PUT", "/_sim/agents/agent-1", {"state": "ill"}, "state: "),
        (
            "PUT",
            "/_sim/campaigns/x",
            {"dialing": {"callsPerHour": 1}},
            "dialing.callsPerHour: unknown key",
        ),
        ("POST", "/_sim/campaigns/cmp-1/status", {}, "status: Field required"),
        ("PUT", "/_sim/page-cap", {"cap": 0}, "cap: "),
        ("PUT", "/_sim/put-status", {"status": 201}, "status: must be 200 or 204"),
        ("PUT", "/_sim/clients/me", {"scopes": []}, "secret: Field required"),
        ("POST", "/_sim/clock", {}, "give speed, step or both"),
        ("POST", "/_sim/clock", {"speed": 10_001}, "speed: "),
        ("POST", "/_sim/clock", {"step": -1}, "step: "),
    ],
)
async def test_a_bad_control_request_is_400_and_names_the_field(
    visitor: Visitor, method: str, path: str, body: Any, problem: str
) -> None:
    reply = await visitor.call(method, path, json=body)

    assert reply.status == 400
    assert problem in reply.json["error"]


async def test_a_control_body_that_is_not_json_is_400(visitor: Visitor) -> None:
    reply = await visitor.call("PUT", "/_sim/agents", data="available=3")

    assert (reply.status, "Invalid JSON" in reply.json["error"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v2/skills", 404),
        ("DELETE", CAMPAIGN, 405),
        ("GET", "/oauth2/token", 405),
        ("GET", "/_sim/nothing", 404),
        ("GET", "/_sim/clients/simulator", 405),
        ("GET", "/_sim/campaigns/nope", 404),
        ("PUT", "/_sim/agents/nobody", 404),
    ],
)
async def test_what_is_not_there_is_told_in_json(
    visitor: Visitor,
    method: str,
    path: str,
    status: int,
) -> None:
    reply = await visitor.call(method, path, json={"state": "busy"} if method == "PUT" else None)

    assert reply.status == status
    assert "error" in reply.json


@pytest.mark.parametrize("path", ["/oauth2/token", "/_sim/faults"])
async def test_a_huge_request_body_is_refused(stranger: Visitor, path: str) -> None:
    reply = await stranger.call("POST", path, data=io.BytesIO(b"x" * 1_100_000))

    assert (reply.status, "error" in reply.json) == (413, True)


async def test_bytes_that_are_not_http_do_no_harm(
    visitor: Visitor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host, port = visitor.sim.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01 not http at all\r\n\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.0 400")

    writer.close()
    assert (await visitor.get(CAMPAIGN)).status == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_control_api_may_have_a_port_of_its_own() -> None:
    async with (
        Simulator.running(Scenario.from_document({"mode": "manual"}), control_port=0) as sim,
        aiohttp.ClientSession() as session,
    ):
        assert sim.url != sim.control_url
        async with session.get(f"{sim.control_url}/_sim/state") as response:
            assert response.status == 200
        async with session.get(f"{sim.url}/_sim/state") as response:
            assert response.status == 404
        async with session.post(f"{sim.control_url}/oauth2/token") as response:
            assert response.status == 404


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The simulator as a process of its own."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cxone_simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_says_where_it_listens_and_ends_on_a_signal_whatever_hangs(
    number: int,
) -> None:
    async with (
        process("--port", "0", "--speed", "0") as simulator,
        aiohttp.ClientSession() as session,
    ):
        assert simulator.stdout is not None
        assert simulator.stderr is not None
        line = (await simulator.stdout.readline()).decode().strip()
        prefix = "simulator listening on "
        assert line.startswith(f"{prefix}http://127.0.0.1:")
        url = line.removeprefix(prefix)
        await session.post(f"{url}/_sim/faults", json={"path": "agents", "kind": "hang"})
        hanging = asyncio.create_task(session.get(url + AGENTS))
        waiting = 0
        while not waiting:
            async with session.get(f"{url}/_sim/faults") as response:
                waiting = (await response.json())["faults"][0]["waiting"]

        simulator.send_signal(number)

        assert await asyncio.wait_for(simulator.wait(), timeout=60) == 0
        assert await simulator.stderr.read() == b""
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_bad_scenario_ends_the_process_with_one_line_per_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(json.dumps({"agnets": 1, "speed": -1}), encoding="utf-8")

    async with process("--scenario", str(path)) as simulator:
        _out, err = await simulator.communicate()

    assert simulator.returncode == 2
    assert len(err.decode().splitlines()) == 2
    assert f"{path}: agnets: unknown key" in err.decode()


async def test_a_scenario_that_ships_is_played_by_its_name() -> None:
    async with process("--port", "0", "--scenario", "quiet") as simulator:
        assert simulator.stdout is not None
        url = (await simulator.stdout.readline()).decode().split()[-1]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/_sim/state") as response:
            state = await response.json()

    assert [campaign["status"] for campaign in state["campaigns"]] == [
        "RUNNING",
        "PAUSED",
        "COMPLETED",
    ]


async def test_a_scenario_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with process("--scenario", str(tmp_path / "none.yaml")) as simulator:
        _out, err = await simulator.communicate()

    assert simulator.returncode == 2
    assert err.decode().startswith(f"{tmp_path / 'none.yaml'}: can't be read: ")


async def test_a_port_that_is_taken_is_told_in_one_line(visitor: Visitor) -> None:
    port = visitor.sim.url.rpartition(":")[2]

    async with process("--port", port) as simulator:
        _out, err = await simulator.communicate()

    assert simulator.returncode == 1
    assert err.decode().startswith("can't listen on 127.0.0.1:")
    assert len(err.decode().splitlines()) == 1
