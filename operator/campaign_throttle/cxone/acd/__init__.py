"""The ``ACD`` dialect: NICE's published ACD API, where what dials is a skill."""

from collections.abc import Callable

from campaign_throttle.cxone.acd.dialect import AcdDialect
from campaign_throttle.cxone.acd.discovery import Discovery
from campaign_throttle.cxone.acd.grants import AcdGrant
from campaign_throttle.cxone.acd.settings import API_VERSION, ISSUER, AcdSettings
from campaign_throttle.cxone.budget import Budget
from campaign_throttle.cxone.protocol import Dialect
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import Transport

__all__ = ["API_VERSION", "ISSUER", "AcdSettings", "connect_acd"]


def connect_acd(
    settings: AcdSettings,
    *,
    transport: Transport,
    budget: Budget | None = None,
    timeout: float | None = None,
    on_rate_limited: Callable[[], None] = lambda: None,
    on_token: Callable[[str], None] = lambda result: None,
) -> Dialect:
    """A tenant of the ACD API. Nothing is sent before the first call.

    Args:
        settings: of the tenant.
        transport: its connections, which check every address against the operator's host policy.
        budget: the tenant's limit on requests; None for none.
        timeout: seconds for one request; None for the defaults.
        on_rate_limited: called at each 429.
        on_token: told how each renewal of the token ended.
    """
    discovery = Discovery(settings)
    grant = AcdGrant(settings, discovery)

    async def base(deadline: float) -> str:
        assert discovery.known is not None  # it comes with the first token, and a session asks for that before
        return f"{discovery.known.api_base}/incontactapi/services/{settings.api_version}"

    session = Session(
        transport,
        grant=grant,
        base=base,
        timeout=timeout,
        budget=budget,
        on_rate_limited=on_rate_limited,
        on_token=on_token,
    )
    return AcdDialect(session, discovery)
