"""The HTTP endpoints of the operator: ``/metrics``, ``/healthz``, ``/readyz``."""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from campaign_throttle.observability.metrics import Metrics

logger = logging.getLogger(__name__)

Address = tuple[str, int]
#: Answers what is wrong; None for nothing.
Probe = Callable[[], str | None]


def metrics_application(metrics: Metrics) -> web.Application:
    """Serves ``/metrics``."""

    async def render(request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", render)
    return application


def health_application(alive: Probe, ready: Probe) -> web.Application:
    """Serves ``/healthz`` and ``/readyz``: 200 "ok", or 503 and what is wrong."""

    def answer(problem: str | None) -> web.Response:
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def healthz(request: web.Request) -> web.Response:
        return answer(alive())

    async def readyz(request: web.Request) -> web.Response:
        return answer(ready())

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application


async def serve(applications: list[tuple[Address, web.Application]]) -> None:
    """Serve until cancelled.

    Raises:
        OSError: an address can't be bound.
    """
    runners: list[web.AppRunner] = []
    try:
        for (host, port), application in applications:
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
            runners.append(runner)
            await runner.setup()
            site = web.TCPSite(runner, host, port)
            await site.start()
            paths = sorted(resource.canonical for resource in application.router.resources())
            logger.info("serving %s on %s:%s", ", ".join(paths), *runner.addresses[0][:2])
        await asyncio.Event().wait()
    finally:
        for runner in runners:
            await runner.cleanup()
