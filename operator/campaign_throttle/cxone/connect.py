"""From what is known of a tenant to a dialect that speaks to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from campaign_throttle.cxone.auth import ClientCredentials, Credentials
from campaign_throttle.cxone.budget import Budget
from campaign_throttle.cxone.campaigns import CampaignsDialect
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.protocol import Dialect
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import RequestObserver, Transport

if TYPE_CHECKING:
    from campaign_throttle.cxone.acd.settings import AcdSettings


@dataclass(frozen=True)
class CampaignsSettings:
    """What the Campaigns dialect must know of a tenant."""

    base_url: str
    credentials: Credentials


@dataclass(frozen=True)
class Observers:
    """Who is told of a tenant's requests: of each one, of each 429, and of how each renewal of its token ended."""

    request: RequestObserver = lambda *request: None
    rate_limited: Callable[[], None] = lambda: None
    token: Callable[[str], None] = lambda result: None


def connect(
    settings: "CampaignsSettings | AcdSettings",
    *,
    policy: EndpointPolicy,
    budget: Budget | None = None,
    ca: str | None = None,
    timeout: float | None = None,
    observers: Observers = Observers(),
    large_bodies: asyncio.Semaphore | None = None,
) -> Dialect:
    """The dialect of the tenant's API, with connections of its own. Nothing is sent yet.

    Args:
        settings: of the tenant; their type says which API it speaks.
        policy: where its credentials may be sent.
        budget: its turns; pass the same one again when the tenant is connected anew. None for no limit of the rate.
        ca: PEM text of authorities that are trusted beside the well-known ones.
        timeout: seconds for one request; None for the defaults.
        observers: told of its requests.
        large_bodies: places for large bodies, of all tenants together.

    Raises:
        EndpointNotAllowed: an address in the settings is one that the policy refuses.
        TenantNotReady: the CA holds no certificate, or the proxy of the environment is none.
    """
    for url in _addresses(settings):
        policy.check(url)
    transport = Transport(policy=policy, ca=ca, observe=observers.request, large_bodies=large_bodies)
    if isinstance(settings, CampaignsSettings):
        session = Session(
            transport,
            grant=ClientCredentials(settings.base_url, settings.credentials),
            base=settings.base_url,
            timeout=timeout,
            budget=budget,
            on_rate_limited=observers.rate_limited,
            on_token=observers.token,
        )
        return CampaignsDialect(session, settings.base_url)
    from campaign_throttle.cxone.acd import connect_acd

    return connect_acd(
        settings,
        transport=transport,
        budget=budget,
        timeout=timeout,
        on_rate_limited=observers.rate_limited,
        on_token=observers.token,
    )


def _addresses(settings: "CampaignsSettings | AcdSettings") -> list[str]:
    """The URLs that somebody wrote; those that discovery finds are checked before anything is sent there."""
    if isinstance(settings, CampaignsSettings):
        return [settings.base_url]
    return [url for url in (settings.issuer, settings.token_url, settings.api_base) if url is not None]
