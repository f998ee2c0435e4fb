"""The operator's process: everything is put together here, and runs until it is told to stop."""

import asyncio
import logging

import kopf

from campaign_throttle import __version__, handlers
from campaign_throttle.cluster.connection import connect
from campaign_throttle.cluster.namespaces import NamespaceReader, own_namespace
from campaign_throttle.cluster.objects import may_list
from campaign_throttle.cluster.secrets import SecretReader
from campaign_throttle.cluster.statuses import StatusWriter
from campaign_throttle.cxone.connect import Observers
from campaign_throttle.engine import Engine
from campaign_throttle.observability.metrics import Metrics
from campaign_throttle.observability.servers import health_application, metrics_application, serve
from campaign_throttle.reconcile import Reconciler
from campaign_throttle.reporting import Reporter
from campaign_throttle.resources import GROUP, VERSION
from campaign_throttle.resources.tenant import PLURALS
from campaign_throttle.resources.throttle import PLURAL, TenantKind
from campaign_throttle.settings import DefaultTenantSettings, OperatorSettings
from campaign_throttle.tenants import Default, FixedAccess, SecretAccess, Tenant, Tenants, connector

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

        def writer(plural: str) -> StatusWriter:
            return StatusWriter(api, group=GROUP, version=VERSION, plural=plural, observe=metrics.status_written)

        engine = Engine(
            Reconciler(
                tenants=make_tenants(settings, default_tenant, metrics, SecretReader(api), NamespaceReader(api)),
                reporter=Reporter(writer(PLURAL), settings.heartbeat),
                minimum_interval=settings.minimum_interval,
            ),
            metrics,
            {kind: writer(plural) for kind, plural in PLURALS.items()},
        )
        for kind, plural in PLURALS.items():
            where = settings.namespaces[:1] if kind is TenantKind.NAMESPACED else ()
            if await may_list(api, group=GROUP, version=VERSION, plural=plural, namespace=next(iter(where), None)):
                handlers.follow_tenants(kind)
            else:
                logger.warning(
                    "%s are not watched, since the operator may not list them: apply deploy/base/rbac.yaml", plural
                )
        existing = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            standalone=True,
            ready_flag=engine.started,
            memo=kopf.Memo(engine=engine, namespaced=bool(settings.namespaces)),
        )
        applications = []
        if settings.metrics_address:
            applications.append((settings.metrics_address, metrics_application(metrics)))
        if settings.health_address:
            applications.append((settings.health_address, health_application(engine.alive, engine.ready)))
        # One of kopf's root tasks: kopf cancels all others at its exit, and stops when a root task fails.
        serving = asyncio.create_task(serve(applications), name="metrics and health")
        await kopf.run_tasks([*tasks, serving], ignored=existing)


def make_tenants(
    settings: OperatorSettings,
    default: DefaultTenantSettings,
    metrics: Metrics,
    secrets: SecretReader,
    namespaces: NamespaceReader,
) -> Tenants:
    """All tenants: the default one of the environment, and room for those that are declared."""
    connect_tenant = connector(
        settings.endpoint_policy,
        Observers(request=metrics.requested, rate_limited=metrics.rate_limited, token=metrics.token_renewed),
    )
    access = default.access
    if access is None:
        logger.info("no default tenant: CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET are not set")
    return Tenants(
        default=Default(Tenant(FixedAccess(access), connect_tenant), access.spec) if access else None,
        open_tenant=lambda source: Tenant(source, connect_tenant),
        access=lambda spec, namespace: SecretAccess(spec, namespace, secrets),
        namespaces=namespaces,
        own_namespace=own_namespace(),
    )
