"""Access keys: how a client of the ACD dialect gets its token.

Either with a registered client (`password` grant, the client by HTTP Basic) or with the key alone.
There is no client_credentials grant, and the refresh token that comes along isn't taken.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from urllib.parse import unquote_plus

from pydantic import Field

from cxone_simulator.documents import Document
from cxone_simulator.oauth import Grant, TokenDesk, TokenRefused

#: What a token needs at the ACD's paths. Nobody asks for it by name: NICE's tokens have no such scope.
ACD_SCOPE = "acd"
#: Longer tokens than this aren't looked into.
LONGEST_TOKEN = 8192


class AccessKey(Document):
    """An access key of the tenant. ``client`` is the only registered client that may use it with the
    password grant (None: any); ``tokenLifetime`` is in seconds of the wall clock.
    """

    secret: str = Field(min_length=1, max_length=1024, repr=False)
    client: str | None = None
    token_lifetime: int = Field(default=3600, ge=1, le=31_536_000)


class AccessKeys:
    """Grants tokens for access keys. They look like JWTs and hold the ``claims`` that are given."""

    def __init__(self, keys: Mapping[str, AccessKey], tokens: TokenDesk) -> None:
        self._keys = dict(keys)
        self._tokens = tokens

    def all(self) -> dict[str, AccessKey]:
        """The keys by id."""
        return dict(self._keys)

    def set(self, key_id: str, key: AccessKey) -> None:
        """Create or replace a key. Tokens granted before stay as they are."""
        self._keys[key_id] = key

    def remove(self, key_id: str) -> bool:
        """Remove a key and revoke its tokens; False if there was none."""
        self._tokens.revoke(key_id)
        return self._keys.pop(key_id, None) is not None

    def grant_password(
        self,
        basic: tuple[str, str] | None,
        form: Mapping[str, str],
        claims: Mapping[str, str],
    ) -> Grant:
        """Grant a token for a ``password`` grant. Raises TokenRefused."""
        if basic is None:
            raise TokenRefused(401, "invalid_client", "the client must come by HTTP Basic")
        # A client may percent-encode what it puts into Basic (RFC 6749 §2.3.1), or not.
        clients = self._tokens.clients()
        client_id = basic[0] if basic[0] in clients else unquote_plus(basic[0])
        client = clients.get(client_id)
        secrets_given = (basic[1], unquote_plus(basic[1]))
        if client is None or not any(_same(client.secret, given) for given in secrets_given):
            raise TokenRefused(400, "invalid_client", "unknown client or wrong secret")
        grant_type = form.get("grant_type")
        if not grant_type:
            raise TokenRefused(400, "invalid_request", "grant_type is missing")
        if grant_type != "password":
            raise TokenRefused(400, "unsupported_grant_type", "only password is supported")
        key_id = form.get("username", "")
        key = self._checked(key_id, form.get("password", ""), 400)
        if key.client not in (None, client_id):
            raise TokenRefused(400, "invalid_grant", "this client may not use the access key")
        return self._issue(client_id, key_id, key, claims)

    def grant_key(self, key_id: str, secret: str, claims: Mapping[str, str]) -> Grant:
        """Grant a token for an access key alone. Raises TokenRefused."""
        return self._issue(key_id, key_id, self._checked(key_id, secret, 401), claims)

    def _checked(self, key_id: str, secret: str, status: int) -> AccessKey:
        key = self._keys.get(key_id)
        if key is None or not _same(key.secret, secret):
            raise TokenRefused(status, "invalid_grant", "unknown access key or wrong secret")
        return key

    def _issue(self, client: str, key_id: str, key: AccessKey, claims: Mapping[str, str]) -> Grant:
        payload = {**claims, "sub": f"user:{key_id}", "jti": secrets.token_hex(16)}
        value = ".".join((_part({"alg": "RS256", "typ": "JWT"}), _part(payload), _signature()))
        return self._tokens.issue(value, client, (ACD_SCOPE,), key.token_lifetime, key_id)


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Id and secret of an ``Authorization: Basic`` header, as they came; None if it is no such
    header.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    client, colon, secret = text.partition(":")
    return (client, secret) if colon else None


def tenant_of(token: str) -> str | None:
    """The tenant that a token says it is for, whoever granted it; None if it doesn't."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST_TOKEN:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    tenant = claims.get("tenantId") if isinstance(claims, dict) else None
    return tenant[:128] if isinstance(tenant, str) else None


def _same(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode())


def _part(document: Mapping[str, str]) -> str:
    text = json.dumps(document).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _signature() -> str:
    return secrets.token_urlsafe(32)
