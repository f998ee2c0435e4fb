"""What it takes to reach a tenant: its spec and its Secrets, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from campaign_throttle.cluster.secrets import SecretNotRead
from campaign_throttle.cxone.budget import Budget
from campaign_throttle.cxone.errors import CredentialsMissing, TenantNotReady
from campaign_throttle.cxone.protocol import Dialect
from campaign_throttle.resources.tenant import AcdGrant, Api, CXoneTenantSpec

CLIENT_KEYS = ("clientID", "clientSecret")
ACCESS_KEYS = ("accessKeyID", "accessKeySecret")


@dataclass(frozen=True)
class Access:
    """Everything that a connection to a tenant is made from; when it changes, a new one is made.

    ``credentials`` are by the keys of the Secret; ``ca`` is PEM text; ``timeout`` is in seconds, None for the defaults.
    """

    spec: CXoneTenantSpec
    credentials: Mapping[str, SecretStr] = field(repr=False)
    ca: str | None = None
    timeout: float | None = None


class AccessSource(Protocol):
    """Where the access to one tenant comes from, and may change."""

    async def look(self) -> Access:
        """The access as it is now.

        Raises:
            CredentialsMissing: the Secret, or a key of it, is not there.
            TenantNotReady: it can't be told; ``AccessUnknown`` if only for now.
        """
        ...


class AccessUnknown(TenantNotReady):
    """The API server can't tell what the Secret holds: what is known goes on being used."""


#: Makes a connection of an access, which takes its turns from a budget. Raises a CXoneError.
Connect = Callable[[Access, Budget], Dialect]


class Secrets(Protocol):
    """Reads Secrets; see :class:`~campaign_throttle.cluster.secrets.SecretReader`."""

    async def read(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """What a Secret holds; None if there is none. Raises SecretNotRead."""
        ...


@dataclass(frozen=True)
class FixedAccess:
    """An access that never changes: that of the default tenant."""

    access: Access

    async def look(self) -> Access:
        """The access."""
        return self.access


class NoAccess:
    """The access of a tenant whose spec can't be read."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    async def look(self) -> Access:
        """Nothing to be had."""
        raise TenantNotReady(f"InvalidSpec: {self._problem}")


@dataclass(frozen=True)
class SecretAccess:
    """The access of a tenant resource.

    Args:
        spec: of the tenant.
        namespace: where its Secrets are.
        secrets: reads them.
    """

    spec: CXoneTenantSpec
    namespace: str
    secrets: Secrets

    async def look(self) -> Access:
        """The access as it is now; see AccessSource."""
        reference = self.spec.credentials_secret_ref.name
        secret = await self._read(reference)
        if secret is None:
            raise CredentialsMissing(f"there is no Secret {reference} with the credentials: create it")
        wanted = credential_keys(self.spec)
        missing = [key for key in wanted if not secret.get(key)]
        if missing:
            raise CredentialsMissing(f"Secret {reference} has no {' and no '.join(missing)}: add what is missing")
        credentials = {key: SecretStr(secret[key]) for key in wanted}
        return Access(self.spec, credentials, await self._ca(), self.spec.timeout.total_seconds())

    async def _ca(self) -> str | None:
        reference = self.spec.ca_secret_ref
        if reference is None:
            return None
        secret = await self._read(reference.name)
        if not secret or not secret.get(reference.key):
            raise TenantNotReady(
                f"there is no Secret {reference.name} with the key {reference.key} (caSecretRef): create it"
            )
        return secret[reference.key]

    async def _read(self, name: str) -> Mapping[str, str] | None:
        try:
            return await self.secrets.read(self.namespace, name)
        except SecretNotRead as problem:
            raise AccessUnknown(f"Secret {name} can't be read: {problem}") from None


def credential_keys(spec: CXoneTenantSpec) -> tuple[str, ...]:
    """The keys that the credentials Secret of a tenant must have."""
    if spec.api is Api.CAMPAIGNS or spec.acd is None:
        return CLIENT_KEYS
    return ACCESS_KEYS if spec.acd.grant is AcdGrant.ACCESS_KEY else (*CLIENT_KEYS, *ACCESS_KEYS)
