"""The tenants that the operator knows, by kind and name: which throttles use each, and which may."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from campaign_throttle.cluster.namespaces import NamespaceNotRead, NamespaceReader
from campaign_throttle.cxone.errors import (
    CredentialsMissing,
    TenantNotAllowed,
    TenantNotFound,
    TenantNotReady,
)
from campaign_throttle.resources.tenant import CXoneTenantSpec
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants.access import AccessSource, NoAccess
from campaign_throttle.tenants.entries import Entry, TenantKey, read_spec, read_status, was_stalled
from campaign_throttle.tenants.offers import Offers
from campaign_throttle.tenants.tenant import Tenant

#: A tenant that was deleted is reached for so long, by the throttles that are deleted with it (deletionPolicy Resume).
LEAVING_TIME = timedelta(minutes=1)
NO_DEFAULT = (
    "no default tenant is configured: name one in spec.tenantRef, or set CXONE_BASE_URL, CXONE_CLIENT_ID and "
    "CXONE_CLIENT_SECRET of the operator"
)


@dataclass(frozen=True)
class Default:
    """The default tenant, and which tenant of CXone it is."""

    tenant: Tenant
    spec: CXoneTenantSpec


class Tenants:
    """All tenants, and the throttles that name each.

    Args:
        default: the tenant of the throttles that name none; None where none is configured.
        open_tenant: makes a tenant of where its access comes from.
        access: where the access of a tenant resource comes from, given its spec and the namespace of its Secrets.
        namespaces: reads the labels of namespaces.
        own_namespace: where the Secrets of the cluster kind are.
    """

    def __init__(
        self,
        *,
        default: Default | None,
        open_tenant: Callable[[AccessSource], Tenant],
        access: Callable[[CXoneTenantSpec, str], AccessSource],
        namespaces: NamespaceReader,
        own_namespace: str,
    ) -> None:
        self.default = default
        self._open = open_tenant
        self._access = access
        self._offers = Offers(namespaces)
        self._own_namespace = own_namespace
        self._entries: dict[TenantKey, Entry] = {}
        self._users: dict[TenantKey, set[str]] = {}
        self._deleted: dict[TenantKey, float] = {}
        self._leaving: dict[Tenant, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    # Objects

    def notice(self, kind: TenantKind, body: Mapping[str, Any]) -> bool:
        """Take in an object as the watch brought it; return whether it is new, or declared anew."""
        key, metadata = TenantKey.of_object(kind, body), body["metadata"]
        generation = int(metadata.get("generation", 0))
        entry = self._entries.get(key)
        if entry is not None and (entry.uid, entry.generation) == (metadata["uid"], generation):
            entry.stored = read_status(body)
            return False
        now = asyncio.get_running_loop().time()
        spec, invalid = read_spec(kind, body)
        access = (
            NoAccess(invalid or "") if spec is None else self._access(spec, key.namespace or self._own_namespace)
        )
        if entry is None or entry.uid != metadata["uid"]:
            self._retire(entry)
            entry = self._entries[key] = Entry(key, metadata["uid"], self._open(access))
            entry.reported = entry.stored = read_status(body)
            entry.tenant.on_turn = entry.nudged.set
            entry.changed = float("-inf") if was_stalled(entry.stored, generation) else now
        else:
            entry.tenant.look_anew(access)
            entry.changed = now
        entry.generation, entry.spec, entry.invalid = generation, spec, invalid
        entry.failures = 0
        entry.nudged.set()
        return True

    def forget(self, kind: TenantKind, body: Mapping[str, Any]) -> Entry | None:
        """The object is gone; its connection stays for the throttles that are being deleted with it."""
        key = TenantKey.of_object(kind, body)
        entry = self._entries.get(key)
        if entry is None or entry.uid != body["metadata"]["uid"]:
            return None
        del self._entries[key]
        if key in self._users:
            self._deleted[key] = asyncio.get_running_loop().time()
        self._retire(entry)
        return entry

    def _retire(self, entry: Entry | None) -> None:
        if entry is None:
            return
        loop = asyncio.get_running_loop()
        self._leaving[entry.tenant] = loop.call_later(
            LEAVING_TIME.total_seconds(), self._close_tenant, entry.tenant
        )

    def _close_tenant(self, tenant: Tenant) -> None:
        self._leaving.pop(tenant, None)
        closing = asyncio.create_task(tenant.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # Throttles

    def use(self, key: TenantKey | None, uid: str) -> None:
        """A throttle names a tenant, whether there is one of that name or not."""
        if key is not None and uid not in (users := self._users.setdefault(key, set())):
            users.add(uid)
            self._nudge(key)

    def leave(self, key: TenantKey | None, uid: str) -> None:
        """A throttle names a tenant no more."""
        tenant = self._tenant_of(key)
        if tenant is not None:
            tenant.forget(uid)
        if key is not None and (users := self._users.get(key)) is not None:
            users.discard(uid)
            if not users:
                del self._users[key]
                self._deleted.pop(key, None)
            self._nudge(key)

    def users(self, key: TenantKey) -> frozenset[str]:
        """The uids of the throttles that name a tenant."""
        return frozenset(self._users.get(key, ()))

    def _nudge(self, key: TenantKey) -> None:
        if (entry := self._entries.get(key)) is not None:
            entry.nudged.set()

    def _tenant_of(self, key: TenantKey | None) -> Tenant | None:
        if key is None:
            return self.default.tenant if self.default else None
        entry = self._entries.get(key)
        return entry.tenant if entry else None

    def spec_of(self, key: TenantKey | None) -> CXoneTenantSpec | None:
        """What was declared of a tenant; None where there is none, or it can't be read."""
        if key is None:
            return self.default.spec if self.default else None
        entry = self._entries.get(key)
        return entry.spec if entry else None

    def changed(self, key: TenantKey | None) -> float:
        """When a tenant was declared or deleted last; a time of the event loop."""
        if key is None:
            return float("-inf")
        entry = self._entries.get(key)
        return entry.changed if entry else self._deleted.get(key, float("-inf"))

    async def resolve(self, key: TenantKey | None, namespace: str) -> Tenant:
        """The tenant that a throttle of a namespace uses.

        Raises:
            CredentialsMissing: it names none, and no default tenant is configured.
            TenantNotFound, TenantNotAllowed, TenantNotReady: as they say.
        """
        if key is None:
            if self.default is None:
                raise CredentialsMissing(NO_DEFAULT)
            return self.default.tenant
        entry = self._entries.get(key)
        if entry is None:
            where = f" in namespace {namespace}" if key.namespace else ""
            raise TenantNotFound(f"there is no {key}{where}: create it, or correct spec.tenantRef")
        if key.kind is TenantKind.CLUSTER and not await self._allows(entry, namespace):
            raise TenantNotAllowed(
                f"{key} is not offered to namespace {namespace}: ask whoever runs the operator to add it to "
                "spec.allowedNamespaces"
            )
        if entry.invalid is not None:
            raise TenantNotReady(f"{key} is not ready: InvalidSpec: {entry.invalid}")
        return entry.tenant

    def offers(self, key: TenantKey | None, namespace: str) -> bool:
        """Whether a namespace may use a tenant, as far as that is known without asking."""
        if key is None or key.kind is TenantKind.NAMESPACED:
            return True
        entry = self._entries.get(key)
        return entry is not None and self._offers.known(entry.allowed, namespace)

    async def _allows(self, entry: Entry, namespace: str) -> bool:
        try:
            return await self._offers.allows(entry.allowed, namespace)
        except NamespaceNotRead as problem:
            raise TenantNotReady(
                f"whether {entry.key} is offered to namespace {namespace} is not known: its labels can't be read: "
                f"{problem}"
            ) from None

    async def close(self) -> None:
        """Let go of all connections."""
        for timer in self._leaving.values():
            timer.cancel()
        tenants = {entry.tenant for entry in self} | self._leaving.keys()
        if self.default is not None:
            tenants.add(self.default.tenant)
        await asyncio.gather(*self._closing, *(tenant.close() for tenant in tenants))
