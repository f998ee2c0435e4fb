"""``campaign-throttle check``: what works between here and a tenant, line by line. Reads only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from campaign_throttle.cxone.campaigns import SCOPES, CampaignsDialect
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import Transport
from campaign_throttle.settings import DefaultTenantSettings
from campaign_throttle.tenants import AVAILABLE

#: Seconds for each of the lines.
TIME_LIMIT = 30.0

T = TypeVar("T")
Say = Callable[[str], object]


async def check_default_tenant(settings: DefaultTenantSettings, campaign_id: str, say: Say) -> bool:
    """Try a token, its scopes, the agents and one campaign; say how each went. True if all is well."""
    credentials = settings.credentials
    if settings.base_url is None or credentials is None:
        say("FAILED  tenant    none is configured: set CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET")
        return False
    say(f"ok      tenant    {settings.base_url}, client {credentials.client_id}")
    dialect = CampaignsDialect(Session(Transport(settings.base_url, observe=lambda *request: None), credentials))
    deadline = asyncio.get_running_loop().time
    try:
        scopes = await _line(say, "token", dialect.granted_scopes(), lambda _: "granted")
        if scopes is None:
            return False
        missing = [scope for scope in SCOPES if scopes and scope not in scopes]
        if missing:
            say(f"FAILED  scopes    missing: {', '.join(missing)}: grant them to the client")
        else:
            say(f"ok      scopes    {', '.join(scopes) if scopes else 'CXone does not tell which were granted'}")
        agents = await _line(
            say,
            "agents",
            dialect.count_agents(AVAILABLE, deadline() + TIME_LIMIT),
            lambda count: f"{count} available",
        )
        campaign = await _line(
            say,
            "campaign",
            dialect.get_campaign(campaign_id, deadline() + TIME_LIMIT),
            lambda found: f"{found.id} ({found.name}) is {found.word}",
        )
        return not missing and agents is not None and campaign is not None
    finally:
        await dialect.close()


async def _line(say: Say, what: str, question: Awaitable[T], describe: Callable[[T], str]) -> T | None:
    try:
        found = await question
    except CXoneError as error:
        say(f"FAILED  {what:<9} {error.reason}: {error}")
        return None
    say(f"ok      {what:<9} {describe(found)}")
    return found
