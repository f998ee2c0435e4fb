"""OAuth 2.0 client credentials (RFC 6749 §4.4): clients, their scopes, tokens that expire and can
be revoked.
"""

import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from cxone_simulator.documents import Document

ALL_SCOPES = ("campaigns:read", "campaigns:write", "interactions:agents:read")


class OAuthClient(Document):
    """A client of the tenant. ``tokenLifetime`` is in seconds of the wall clock."""

    secret: str = Field(min_length=1, max_length=1024, repr=False)
    scopes: tuple[str, ...] = ALL_SCOPES
    token_lifetime: int = Field(default=3600, ge=1, le=31_536_000)


@dataclass(frozen=True)
class Token:
    """A granted token, without its value. ``expires_at`` is wall-clock seconds since 1970;
    ``access_key`` is the id of the access key that it was granted for, if it was one.
    """

    client_id: str
    scopes: tuple[str, ...]
    expires_at: float
    access_key: str | None = None


@dataclass(frozen=True)
class Grant:
    """The answer to a token request that was granted; ``expires_in`` in seconds. The refresh token is
    for show: none is taken.
    """

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))


class TokenRefused(Exception):
    """A token request that isn't granted: an error of RFC 6749 §5.2 and the HTTP status that goes
    with it.
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        self.status = status
        self.error = error
        super().__init__(description)


class TokenState(StrEnum):
    """Why a token isn't good."""

    UNKNOWN = "unknown or revoked"
    EXPIRED = "expired"


class TokenDesk:
    """Grants and checks tokens. ``now`` gives wall-clock seconds since 1970."""

    def __init__(self, clients: Mapping[str, OAuthClient], now: Callable[[], float]) -> None:
        self._clients = dict(clients)
        self._now = now
        self._tokens: dict[str, Token] = {}
        self._granted: Counter[str] = Counter()

    def clients(self) -> dict[str, OAuthClient]:
        """The clients by id."""
        return dict(self._clients)

    def set_client(self, client_id: str, client: OAuthClient) -> None:
        """Create or replace a client. Tokens granted before stay as they are."""
        self._clients[client_id] = client

    def remove_client(self, client_id: str) -> bool:
        """Remove a client and revoke its tokens; False if there was none."""
        self.revoke(client_id)
        return self._clients.pop(client_id, None) is not None

    def grant(self, form: Mapping[str, str]) -> Grant:
        """Grant a token for the fields of a token request. Raises TokenRefused."""
        grant_type = form.get("grant_type")
        if not grant_type:
            raise TokenRefused(400, "invalid_request", "grant_type is missing")
        if grant_type != "client_credentials":
            raise TokenRefused(
                400,
                "unsupported_grant_type",
                "only client_credentials is supported",
            )
        client_id = form.get("client_id", "")
        client = self._clients.get(client_id)
        given = form.get("client_secret", "")
        if client is None or not hmac.compare_digest(client.secret.encode(), given.encode()):
            raise TokenRefused(401, "invalid_client", "unknown client or wrong secret")
        scopes = tuple(form.get("scope", "").split()) or client.scopes
        beyond = [scope for scope in scopes if scope not in client.scopes]
        if beyond:
            raise TokenRefused(
                400,
                "invalid_scope",
                f"not allowed for this client: {' '.join(beyond)}",
            )
        return self.issue(secrets.token_urlsafe(24), client_id, scopes, client.token_lifetime)

    def issue(
        self,
        value: str,
        client_id: str,
        scopes: tuple[str, ...],
        lifetime: int,
        access_key: str | None = None,
    ) -> Grant:
        """Grant a token with this value, good for ``lifetime`` seconds, to whoever has proved to be
        this client.
        """
        self._forget_expired()
        self._tokens[value] = Token(client_id, scopes, self._now() + lifetime, access_key)
        self._granted[client_id] += 1
        return Grant(value, lifetime, scopes)

    def check(self, value: str) -> Token | TokenState:
        """The token with this value, or why it isn't good."""
        token = self._tokens.get(value)
        if token is None:
            return TokenState.UNKNOWN
        return token if token.expires_at > self._now() else TokenState.EXPIRED

    def granted_as(self, value: str) -> Token | None:
        """What was granted with this value, also when it has expired since."""
        return self._tokens.get(value)

    def revoke(self, owner: str | None = None) -> int:
        """Revoke the tokens of one client or access key (None: of all); says how many were alive."""
        kept, alive, now = {}, 0, self._now()
        for value, token in self._tokens.items():
            if owner is not None and owner not in (token.client_id, token.access_key):
                kept[value] = token
            elif token.expires_at > now:
                alive += 1
        self._tokens = kept
        return alive

    def granted(self) -> Counter[str]:
        """How many tokens each client was granted so far."""
        return self._granted.copy()

    def alive(self) -> Counter[str]:
        """How many good tokens each client has."""
        now = self._now()
        return Counter(token.client_id for token in self._tokens.values() if token.expires_at > now)

    def _forget_expired(self) -> None:
        # An hour's grace, so that a client that comes with an old token is told that it expired.
        limit = self._now() - 3600
        if any(token.expires_at < limit for token in self._tokens.values()):
            self._tokens = {v: t for v, t in self._tokens.items() if t.expires_at >= limit}
