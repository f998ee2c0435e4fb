"""Where a tenant's token endpoint and API are, as CXone's discovery documents say.

``{issuer}/.well-known/openid-configuration`` names the token endpoint, ``{issuer}/.well-known/cxone-configuration``
the tenant's API and area (NICE, Global Authentication: API hosts differ by area and cluster and are to be discovered).
What is discovered is only an address: the transport holds it against the operator's host policy before it sends.
"""

import asyncio
import re
from dataclasses import dataclass

from campaign_throttle.cxone.acd.settings import AcdSettings
from campaign_throttle.cxone.auth import Send
from campaign_throttle.cxone.endpoints import parse
from campaign_throttle.cxone.errors import CXoneError, CXoneServerError, EndpointNotAllowed, InvalidResponse
from campaign_throttle.cxone.transport import Answer, Request

DISCOVERY = "discovery"
OPENID_PATH, CXONE_PATH = "/.well-known/openid-configuration", "/.well-known/cxone-configuration"
TOKEN_PATH = "/auth/token"  # noqa: S105 - a path
ACCESS_KEY_URL = "https://{area}.nice-incontact.com/authentication/v1/token/access-key"
#: Seconds for which discovery is believed without asking again; a tenant may be moved to another cluster.
KEPT = 3600.0
#: A label of a host name and nothing that could turn it into another host.
_AREA = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Endpoints:
    """Where tokens are granted, and where the API is (without a path of a version)."""

    token_url: str
    api_base: str


class Discovery:
    """The endpoints of one tenant, asked for with a token and kept for an hour.

    What the settings say is not asked for; if they say all, nothing is.
    """

    def __init__(self, settings: AcdSettings) -> None:
        self._settings = settings
        self._known: Endpoints | None = None
        self._believed_until = 0.0

    @property
    def known(self) -> Endpoints | None:
        """What was found last."""
        return self._known

    async def endpoints(self, send: Send) -> Endpoints:
        """The endpoints; asked for if they are not known for certain.

        A discovery that fails is no reason to stop while the last one's answer is at hand.

        Raises:
            InvalidResponse: a document isn't what it should be.
            CXoneError: it could not be had.
        """
        now = asyncio.get_running_loop().time()
        if self._known is None or now >= self._believed_until:
            try:
                self._known = await self._discover(send)
            except CXoneError:
                if self._known is None:
                    raise
            # Also if it failed: one that hangs costs one token request its time, and not each.
            self._believed_until = now + KEPT
        return self._known

    async def _discover(self, send: Send) -> Endpoints:
        settings = self._settings
        issuer = settings.issuer.rstrip("/")
        token_url, api_base = settings.token_url, settings.api_base
        with_password = settings.grant == "Password"
        if token_url is None and with_password:
            token_url = read_token_endpoint(await send(_document(issuer + OPENID_PATH))) or issuer + TOKEN_PATH
        if api_base is None or token_url is None:
            document = await send(_document(issuer + CXONE_PATH, tenantId=settings.tenant_id))
            api_base = api_base or read_api_endpoint(document)
            token_url = token_url or ACCESS_KEY_URL.format(area=read_area(document))
        return Endpoints(token_url=token_url, api_base=api_base.rstrip("/"))


def read_token_endpoint(answer: Answer) -> str | None:
    """The token endpoint in the OpenID configuration; None if there is no such document, or none in it.

    Raises:
        InvalidResponse: the document isn't what it should be.
        CXoneError: another status than 200 and 404.
    """
    if answer.status == 404:
        return None
    found = _read(answer, "acd.issuer").get("token_endpoint")
    return None if found is None else address(found, "token_endpoint")


def read_api_endpoint(answer: Answer) -> str:
    """The address of the tenant's API in the CXone configuration. Raises like :func:`read_token_endpoint`."""
    return address(_read(answer, "acd.tenantID and acd.issuer").get("api_endpoint"), "api_endpoint")


def read_area(answer: Answer) -> str:
    """The tenant's area (``na1``), which becomes part of a host. Raises like :func:`read_token_endpoint`."""
    found = _read(answer, "acd.tenantID and acd.issuer").get("area")
    if not isinstance(found, str) or not _AREA.fullmatch(found):
        raise InvalidResponse("CXone's discovery gives no proper area: set acd.tokenURL")
    return found.lower()


def address(value: object, field: str) -> str:
    """An address of the form that requests may be sent to; whether its host is allowed is for the transport to say.

    Raises:
        InvalidResponse: it is no text.
        EndpointNotAllowed: it has another form.
    """
    if not isinstance(value, str):
        raise InvalidResponse(f"CXone's discovery gives no proper {field}: check acd.issuer")
    try:
        return parse(value).url.rstrip("/")
    except EndpointNotAllowed:
        raise EndpointNotAllowed(
            f"the {field} that CXone's discovery gives is not of the form https://host[:port][/path] with a plain "
            "host name and no user, query or fragment: check acd.issuer"
        ) from None


def _document(url: str, **params: str) -> Request:
    return Request(operation=DISCOVERY, method="GET", url=url, params=params)


def _read(answer: Answer, check: str) -> dict[str, object]:
    if answer.status >= 500:
        raise CXoneServerError("CXone answered with a server error (5xx) to the discovery request")
    if answer.status in (400, 404):
        raise InvalidResponse(f"CXone's discovery knows no such tenant ({answer.status}): check {check}")
    if answer.status != 200:
        raise CXoneError(f"CXone answered {answer.status} to the discovery request, where 200 was expected")
    return answer.json_object()
