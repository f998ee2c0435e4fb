"""The listeners: the tenant's paths and the control API, on one port or two."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from aiohttp import web

from cxone_simulator.acd_dialect import ACD_PREFIX, AcdDialect
from cxone_simulator.acd_sign_in import AcdSignIn
from cxone_simulator.campaigns_dialect import CampaignsDialect
from cxone_simulator.control import PREFIX, control_routes
from cxone_simulator.faults import Faults
from cxone_simulator.front_door import Dialect, FrontDoor, Operation, unknown_path
from cxone_simulator.journal import Journal
from cxone_simulator.model import Tenant
from cxone_simulator.oauth import TokenDesk
from cxone_simulator.scenario import Scenario, SpokenDialect
from cxone_simulator.simulation import Simulation

#: Larger request bodies are refused, on the tenant's paths as on the control API's.
MAXIMUM_BODY = 1024 * 1024
#: How long (seconds) requests under way may go on when the simulator ends.
GRACE = 0.2

_log = logging.getLogger(__name__)


class Simulator:
    """A simulated tenant that is listening. Get one by `running`.

    ``url`` is the tenant's base URL, ``control_url`` the control API's (the same unless it has a
    port of its own); both without a slash at the end.
    """

    def __init__(self, simulation: Simulation, url: str, control_url: str) -> None:
        self.simulation = simulation
        self.url = url
        self.control_url = control_url

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        scenario: Scenario | Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> AsyncIterator[Self]:
        """Listen until the block is left. Port 0 takes a free one.

        ``now`` gives wall-clock seconds since 1970, for tokens, rate limits and timestamps. Raises
        ScenarioError for a file that can't be used and OSError if a port can't be had.
        """
        if not isinstance(scenario, Scenario):
            scenario = Scenario() if scenario is None else Scenario.load(scenario)
        simulation = Simulation(scenario, now)
        runners: list[web.AppRunner] = []
        clock = asyncio.create_task(simulation.clock.run(), name="simulation clock")
        clock.add_done_callback(_report_failure)
        try:
            tenant = _tenant_app(simulation)
            if control_port is None:
                _serve_control(tenant, simulation)
            url = control_url = await _listen(tenant, host, port, runners)
            if control_port is not None:
                control = web.Application(
                    middlewares=[_errors_as_json],
                    client_max_size=MAXIMUM_BODY,
                )
                _serve_control(control, simulation)
                control_url = await _listen(control, host, control_port, runners)
            yield cls(simulation, url, control_url)
        finally:
            clock.cancel()
            await asyncio.gather(*(runner.cleanup() for runner in runners), return_exceptions=True)

    @property
    def tenant(self) -> Tenant:
        """Agents and campaigns. A reset makes a new one."""
        return self.simulation.tenant

    @property
    def tokens(self) -> TokenDesk:
        """Clients and tokens."""
        return self.simulation.tokens

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self.simulation.faults

    @property
    def journal(self) -> Journal:
        """The requests that came."""
        return self.simulation.journal

    async def step(self, seconds: float) -> None:
        """Let so many simulated seconds pass at once."""
        await self.simulation.step(seconds)


def _tenant_app(simulation: Simulation) -> web.Application:
    door = FrontDoor(simulation)
    app = web.Application(
        middlewares=[_unknown_paths(door), _errors_as_json],
        client_max_size=MAXIMUM_BODY,
    )
    dialects: list[Dialect] = []
    if SpokenDialect.CAMPAIGNS in simulation.scenario.dialects:
        dialects.append(CampaignsDialect(simulation))
    if SpokenDialect.ACD in simulation.scenario.dialects:
        dialects += [AcdSignIn(simulation), AcdDialect(simulation)]
    for dialect in dialects:
        for method, path, operation in dialect.routes():
            app.router.add_route(method, path, _handler(door, operation))
    return app


def _handler(
    door: FrontDoor,
    operation: Operation,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await door.serve(request, operation)

    return handle


def _serve_control(app: web.Application, simulation: Simulation) -> None:
    for method, path, handler in control_routes(simulation):
        app.router.add_route(method, path, handler)


def _unknown_paths(door: FrontDoor) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        unknown = request.match_info.http_exception
        if unknown is None or request.path.startswith(PREFIX):
            return await handler(request)
        return await door.serve(request, unknown_path(unknown.status, request.path.startswith(ACD_PREFIX)))

    return middleware


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.content_type == "application/json":
            raise
        return web.json_response({"error": error.reason}, status=error.status)


async def _listen(app: web.Application, host: str, port: int, runners: list[web.AppRunner]) -> str:
    runner = web.AppRunner(
        app,
        access_log=None,
        # A client that leaves takes its request along: a PUT that hangs must not be applied
        # afterwards.
        handler_cancellation=True,
        shutdown_timeout=GRACE,
        lingering_time=1.0,
    )
    runners.append(runner)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024).start()
    bound: tuple[str, int] = runner.addresses[0][:2]
    name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return f"http://{name}:{bound[1]}"


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the simulation's clock stopped", exc_info=error)
