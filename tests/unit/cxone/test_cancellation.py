"""A call may be cancelled at any await: nothing leaks, and the next call works."""

import asyncio
import contextlib
import gc
import logging
from urllib.parse import urlsplit

import psutil
import pytest

from campaign_throttle.cxone.budget import PLACES
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import DialingState
from unit.cxone.tenant_at_work import tenant, until

STEPS = 50


def connections_to(url):
    port = urlsplit(url).port
    return [
        connection
        for connection in psutil.Process().net_connections("tcp4")
        if connection.raddr and connection.raddr.port == port
    ]


def own_tasks():
    """Tasks of the operator's client, not those of the simulator's server."""
    return [task for task in asyncio.all_tasks() if "campaign_throttle" in str(task.get_coro())]


@pytest.mark.parametrize("call", ["count", "campaign", "set_state"])
@pytest.mark.parametrize("fault", [None, {"kind": "status", "code": 503}, {"kind": "status", "code": 401}])
async def test_a_call_that_is_cancelled_at_any_step_leaves_everything_usable(call, fault, caplog, no_backoff):
    caplog.set_level(logging.DEBUG, logger="asyncio")
    async with tenant(agents=120) as at:
        calls = {
            "count": at.count,
            "campaign": at.campaign,
            "set_state": lambda: at.set_state(DialingState.PAUSED),
        }
        cancelled = 0
        for steps in range(STEPS):
            token = await at.session.tokens.get()
            if steps % 3 == 0:
                at.session.tokens.drop(token)
            if fault:
                at.fault(count=1, path="campaign-read", **fault)
                at.fault(count=1, path="campaign-write", **fault)
                at.fault(count=1, path="agents", **fault)
            task = asyncio.create_task(calls[call]())
            for _ in range(steps):
                await asyncio.sleep(0)
            cancelled += task.cancel()
            with contextlib.suppress(asyncio.CancelledError, CXoneError):
                await task
            at.sim.faults.clear()
        assert cancelled > 5
        await until(lambda: not own_tasks())
        assert await at.count() == 120
        assert (await at.campaign()).id == "cmp-1"
        assert len(connections_to(at.sim.url)) <= 3
        assert at.session._budget._free == PLACES
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_closing_in_the_middle_of_everything_leaves_nothing_behind(caplog):
    before = own_tasks()
    async with tenant() as at:
        at.fault(kind="hang", path="token")
        calls = [asyncio.create_task(at.campaign()) for _ in range(5)]
        await until(at.requests)
        await at.dialect.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: own_tasks() == before)
        assert not connections_to(at.sim.url)
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
