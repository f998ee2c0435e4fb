"""A simulator per test, on a free port, standing still, and a client of it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from cxone_simulator import Scenario, Simulator
from unit.simulator.visitor import Visitor, WallClock


@pytest.fixture
def scenario() -> Scenario:
    """20 available agents and the running campaign cmp-1; nothing moves. Tests replace it."""
    return Scenario.from_document({"mode": "manual", "speed": 0})


@pytest_asyncio.fixture
async def stranger(scenario: Scenario) -> AsyncIterator[Visitor]:
    """A client without a token."""
    wall = WallClock()
    async with (
        Simulator.running(scenario, now=wall) as sim,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        yield Visitor(sim, session, wall)


@pytest_asyncio.fixture
async def visitor(stranger: Visitor) -> Visitor:
    """A client with a token for everything."""
    await stranger.sign_in()
    return stranger
