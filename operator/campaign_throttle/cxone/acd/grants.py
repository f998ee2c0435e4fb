"""Tokens of NICE's ACD API: the password grant with an access key, and the access key alone.

NICE, Global Authentication: ``POST {issuer}/auth/token`` with ``grant_type=password``, the access key as user name and
password, and the registered client by Basic authentication; or, without a registered client, ``POST
.../authentication/v1/token/access-key``. Refresh tokens are not used: an access key doesn't expire with its token.
"""

import asyncio
import base64
import json
from urllib.parse import quote_plus

from pydantic import SecretStr

from campaign_throttle.cxone.acd.discovery import Discovery
from campaign_throttle.cxone.acd.settings import AcdSettings
from campaign_throttle.cxone.auth import Send, Token, new_token
from campaign_throttle.cxone.errors import CredentialsRejected, CXoneError, CXoneServerError, InvalidResponse
from campaign_throttle.cxone.session import TOKEN
from campaign_throttle.cxone.transport import Answer, Request

#: Errors of RFC 6749 §5.2 that say that the client or the access key is not the right one.
REFUSALS = ("invalid_client", "invalid_grant")


class AcdGrant:
    """Implements the session's ``Grant``: discovers where tokens are granted, and asks for one there."""

    def __init__(self, settings: AcdSettings, discovery: Discovery) -> None:
        self._settings = settings
        self._discovery = discovery

    async def obtain(self, send: Send) -> Token:
        """A new token. Raises a CXoneError."""
        endpoints = await self._discovery.endpoints(send)
        answer = await send(token_request(self._settings, endpoints.token_url))
        token = read_token(answer, asyncio.get_running_loop().time())
        whose = tenant_of(token)
        if whose is not None and whose != self._settings.tenant_id.lower():
            # Or somebody with an access key of his own could pass for another tenant, and claim its campaigns.
            raise CredentialsRejected(
                "the access key is of another tenant than the one declared: correct acd.tenantID, or the Secret"
            )
        return token


def token_request(settings: AcdSettings, url: str) -> Request:
    """The request for a token."""
    key, secret = settings.access_key_id, settings.access_key_secret.get_secret_value()
    if settings.grant == "AccessKey":
        return Request(
            operation=TOKEN.name,
            method="POST",
            url=url,
            json_body={"accessKeyId": key, "accessKeySecret": secret},
        )
    return Request(
        operation=TOKEN.name,
        method="POST",
        url=url,
        headers={"Authorization": basic(settings.client_id, settings.client_secret)},
        form={"grant_type": "password", "username": key, "password": secret},
    )


def basic(client_id: str, client_secret: SecretStr) -> str:
    """A client by Basic authentication. RFC 6749 §2.3.1: both parts are form-encoded first; secrets may end in "="."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.get_secret_value())}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def read_token(answer: Answer, now: float) -> Token:
    """The token in an answer; NICE's two endpoints name its fields differently.

    Raises:
        CredentialsRejected: 401 or 403, or 400 with ``invalid_client`` or ``invalid_grant``.
        CXoneServerError, CXoneError: another status than 200.
        InvalidResponse: 200, but no usable token.
    """
    status = answer.status
    if status in (401, 403) or (status == 400 and _error_of(answer) in REFUSALS):
        raise CredentialsRejected(
            f"the token endpoint refused the access key or the client ({status}): check accessKeyID and "
            "accessKeySecret, clientID and clientSecret, and acd.grant"
        )
    if status >= 500:
        raise CXoneServerError(f"the token endpoint answered {status}: CXone has a problem")
    if status == 404:
        raise InvalidResponse("there is no token endpoint (404): check acd.issuer and acd.tokenURL")
    if status != 200:
        raise CXoneError(
            f"the token endpoint answered {status} where 200 was expected: check acd.grant and acd.tokenURL"
        )
    found = answer.json_object()
    value_field, life_field = "access_token", "expires_in"
    if value_field not in found and "token" in found:
        value_field, life_field = "token", "tokenExpirationTimeSec"
    return new_token(found, now, value_field=value_field, life_field=life_field)


def tenant_of(token: Token) -> str | None:
    """The tenant's UUID that NICE writes into a token (a JWT with the claim ``tenantId``); None if it doesn't tell.

    It comes from the token endpoint itself, by TLS, so that its signature needn't be looked at.
    """
    parts = token.value.get_secret_value().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    whose = claims.get("tenantId") if isinstance(claims, dict) else None
    return whose.lower() if isinstance(whose, str) and whose else None


def _error_of(answer: Answer) -> object:
    """The error code of an answer. It is only compared, never shown."""
    try:
        return answer.json_object().get("error")
    except InvalidResponse:
        return None
