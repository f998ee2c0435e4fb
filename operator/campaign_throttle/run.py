"""The operator's process: everything is put together here, and runs until it is told to stop."""

import asyncio
import logging

import kopf

from campaign_throttle import __version__, handlers
from campaign_throttle.cluster.connection import connect
from campaign_throttle.cluster.statuses import StatusWriter
from campaign_throttle.cxone.campaigns import CampaignsDialect
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import Transport
from campaign_throttle.engine import Engine
from campaign_throttle.observability.metrics import Metrics
from campaign_throttle.observability.servers import health_application, metrics_application, serve
from campaign_throttle.reconcile import Reconciler
from campaign_throttle.resources import GROUP, VERSION
from campaign_throttle.resources.throttle import PLURAL
from campaign_throttle.settings import DefaultTenantSettings, OperatorSettings, is_insecure
from campaign_throttle.tenants import Tenant

logger = logging.getLogger(__name__)

assert handlers  # importing it registers the handlers with kopf


async def run(settings: OperatorSettings, default_tenant: DefaultTenantSettings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        ClusterUnavailable: there is no cluster to connect to.
        OSError: an address of the settings can't be bound.
    """
    logger.info("campaign-throttle %s", __version__)
    for host in settings.allow_insecure_hosts:
        logger.warning("INSECURE: plain http is allowed to %s: for simulators and tests only", host)
    if settings.namespaces:
        logger.info(
            "watching %s: throttles of other namespaces on the same campaign are not seen, nor conflicts with them",
            ", ".join(settings.namespaces),
        )
    metrics = Metrics()
    async with await connect() as api:
        engine = Engine(
            Reconciler(
                tenant=make_default_tenant(default_tenant, metrics),
                writer=StatusWriter(
                    api, group=GROUP, version=VERSION, plural=PLURAL, observe=metrics.status_written
                ),
                minimum_interval=settings.minimum_interval,
                heartbeat=settings.heartbeat,
            ),
            metrics,
        )
        existing = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            standalone=True,
            ready_flag=engine.started,
            memo=kopf.Memo(engine=engine),
        )
        applications = []
        if settings.metrics_address:
            applications.append((settings.metrics_address, metrics_application(metrics)))
        if settings.health_address:
            applications.append((settings.health_address, health_application(engine.alive, engine.ready)))
        # One of kopf's root tasks: kopf cancels all others at its exit, and stops when a root task fails.
        serving = asyncio.create_task(serve(applications), name="metrics and health")
        await kopf.run_tasks([*tasks, serving], ignored=existing)


def make_default_tenant(settings: DefaultTenantSettings, metrics: Metrics) -> Tenant | None:
    """The tenant of the throttles that name none; None where it isn't configured."""
    credentials = settings.credentials
    if settings.base_url is None or credentials is None:
        logger.info("no default tenant: CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET are not set")
        return None
    if is_insecure(settings.base_url):
        logger.warning("INSECURE: the default tenant is reached by plain http")
    session = Session(
        Transport(settings.base_url, observe=metrics.requested),
        credentials,
        on_rate_limited=metrics.rate_limited,
        on_token=metrics.token_renewed,
    )
    return Tenant("default", CampaignsDialect(session))
