"""From the access to a tenant to a connection that speaks its API."""

import asyncio

from campaign_throttle.cxone.acd.settings import AcdSettings
from campaign_throttle.cxone.auth import Credentials
from campaign_throttle.cxone.budget import Budget
from campaign_throttle.cxone.connect import CampaignsSettings, Observers, connect
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.protocol import Dialect
from campaign_throttle.cxone.transport import LARGE_BODIES
from campaign_throttle.resources.tenant import RateLimit
from campaign_throttle.tenants.access import Access, Connect


def connector(policy: EndpointPolicy, observers: Observers) -> Connect:
    """Makes connections that obey a policy, and tell of their requests."""
    large_bodies = asyncio.Semaphore(LARGE_BODIES)

    def connect_tenant(access: Access, budget: Budget) -> Dialect:
        return connect(
            cxone_settings(access),
            policy=policy,
            budget=budget,
            ca=access.ca,
            timeout=access.timeout,
            observers=observers,
            large_bodies=large_bodies,
        )

    return connect_tenant


def cxone_settings(access: Access) -> CampaignsSettings | AcdSettings:
    """What the tenant's dialect must know."""
    spec, secrets = access.spec, access.credentials
    if spec.acd is None:
        assert spec.base_url is not None  # the model sees to that
        credentials = Credentials(secrets["clientID"].get_secret_value(), secrets["clientSecret"])
        return CampaignsSettings(spec.base_url, credentials)
    given = {
        "issuer": spec.acd.issuer,
        "client_id": secrets["clientID"].get_secret_value() if "clientID" in secrets else None,
        "client_secret": secrets.get("clientSecret"),
    }
    return AcdSettings(
        tenant_id=spec.acd.tenant_id,
        access_key_id=secrets["accessKeyID"].get_secret_value(),
        access_key_secret=secrets["accessKeySecret"],
        token_url=spec.acd.token_url,
        api_base=spec.base_url,
        api_version=spec.acd.api_version,
        grant=spec.acd.grant.value,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )


def budget_of(limit: RateLimit | None) -> Budget:
    """The turns of a tenant with this limit."""
    return Budget.unlimited() if limit is None else Budget(limit.requests_per_second, limit.burst)
