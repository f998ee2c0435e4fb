"""OAuth2: one token for all callers, renewed before it ends."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr

from campaign_throttle.cxone.errors import CredentialsRejected, CXoneError, CXoneServerError, InvalidResponse
from campaign_throttle.cxone.flight import SingleFlight
from campaign_throttle.cxone.transport import Answer, Request

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
#: A token is renewed this long before it ends, or at half its life if that is shorter.
RENEWAL_MARGIN = 60.0
#: The life of a token whose answer doesn't tell it (RFC 6749 §5.1 only recommends that it does).
DEFAULT_LIFE = 300.0
LIFE_MAXIMUM = 86_400.0
#: RFC 6750 §2.1, and no longer than servers take a header.
_TOKEN_SYNTAX = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")


@dataclass(frozen=True)
class Credentials:
    """An OAuth2 client of a tenant."""

    client_id: str
    client_secret: SecretStr


Send = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True)
class Token:
    """A bearer token; ``renew_at`` is a time of the event loop. Its value is never shown."""

    value: SecretStr
    renew_at: float
    scopes: tuple[str, ...]


class Grant(Protocol):
    """How a tenant grants tokens."""

    async def obtain(self, send: Send) -> Token:
        """Ask for a token.

        ``send`` sends a request without a token, through the same gates and limits as any other, and returns an
        answer of any status but 429. There may be several requests; together they take no longer than one may.

        Raises:
            CXoneError: there is no token to be had. A transient one is asked for again.
        """
        ...


def read_token(answer: Answer, now: float) -> Token:
    """The token in the answer of the token endpoint.

    Raises:
        CredentialsRejected: the client was refused (401, or 400 ``invalid_client``, ``invalid_grant``).
        CXoneServerError, CXoneError: another status than 200.
        InvalidResponse: 200, but no usable token.
    """
    if answer.status in (400, 401, 403):
        raise CredentialsRejected(
            f"the token endpoint refused the client ({answer.status}): check the client ID and the client secret"
        )
    if answer.status >= 500:
        raise CXoneServerError(f"the token endpoint answered {answer.status}: CXone has a problem")
    if answer.status == 404:
        raise InvalidResponse("there is no token endpoint at this base URL (404): check the base URL")
    if answer.status != 200:
        raise CXoneError(f"the token endpoint answered {answer.status} where 200 was expected")
    return new_token(answer.json_object(), now)


def new_token(
    found: Mapping[str, Any], now: float, *, value_field: str = "access_token", life_field: str = "expires_in"
) -> Token:
    """The token in a document; ``now`` is a time of the event loop.

    Raises:
        InvalidResponse: there is no usable one. The message names the fields and holds nothing of them.
    """
    value, life = found.get(value_field), found.get(life_field, DEFAULT_LIFE)
    if not isinstance(value, str) or not _TOKEN_SYNTAX.fullmatch(value):
        raise InvalidResponse(f"the answer of the token endpoint holds no usable {value_field}")
    if isinstance(life, bool) or not isinstance(life, int | float) or not life > 0:
        raise InvalidResponse(f"{life_field} in the answer of the token endpoint is not a number of seconds")
    if str(found.get("token_type", "bearer")).lower() != "bearer":
        raise InvalidResponse("the token endpoint gave a token that is not of type Bearer")
    life = min(life, LIFE_MAXIMUM)
    scope = found.get("scope")
    return Token(
        value=SecretStr(value),
        renew_at=now + life - min(RENEWAL_MARGIN, life / 2),
        scopes=tuple(scope.split()[:64]) if isinstance(scope, str) else (),
    )


class ClientCredentials:
    """The grant of the Campaigns dialect (RFC 6749 §4.4); see :class:`Grant`.

    Args:
        base_url: where the tenant's API lives.
        credentials: the tenant's OAuth2 client.
    """

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self._url = base_url.rstrip("/") + TOKEN_PATH
        self._credentials = credentials

    async def obtain(self, send: Send) -> Token:
        """A new token. Raises a CXoneError."""
        request = Request(
            operation="token",
            method="POST",
            url=self._url,
            form={
                "grant_type": "client_credentials",
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret.get_secret_value(),
            },
        )
        return read_token(await send(request), asyncio.get_running_loop().time())


class TokenCache:
    """The current token of one tenant.

    Args:
        request: asks the token endpoint, within a time limit of its own; raises a CXoneError.
        observe: told of each renewal: "success", or the reason of the error.
    """

    def __init__(self, request: Callable[[], Coroutine[Any, Any, Token]], observe: Callable[[str], None]) -> None:
        self._request = request
        self._observe = observe
        self._token: Token | None = None
        self._flight: SingleFlight[Token] = SingleFlight()

    async def get(self) -> Token:
        """A token that is valid for now; the renewal is shared by all callers. Raises a CXoneError."""
        token = self._token
        if token is not None and asyncio.get_running_loop().time() < token.renew_at:
            return token
        return await self._flight.join(self._renew)

    @property
    def current(self) -> Token | None:
        """The token in use, if there is one."""
        return self._token

    def drop(self, token: Token) -> None:
        """Forget a token that CXone refused, unless somebody has renewed it meanwhile."""
        if self._token is token:
            self._token = None

    async def _renew(self) -> Token:
        try:
            self._token = await self._request()
        except CXoneError as error:
            self._observe(error.reason)
            raise
        self._observe("success")
        return self._token

    async def close(self) -> None:
        """End a renewal under way."""
        await self._flight.close()
