"""Tenants as they are declared: specs, objects, and a Kubernetes API that knows their Secrets and namespaces."""

import asyncio
import copy
from dataclasses import dataclass, field

from pydantic import SecretStr

from campaign_throttle.cluster.namespaces import NamespaceNotRead
from campaign_throttle.cluster.secrets import SecretNotRead
from campaign_throttle.cxone.connect import Observers
from campaign_throttle.resources.tenant import CXoneTenantSpec
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants import Access, SecretAccess, Tenant, Tenants, connector
from unit.cxone.tenant_at_work import SECRET, simulators

NAMESPACE, OWN_NAMESPACE = "team-a", "campaign-throttle"
TENANT_ID = "11e00000-0000-4000-8000-00000000acd0"
CREDENTIALS = {"clientID": "throttle", "clientSecret": SECRET}


def campaigns_spec(url, **fields):
    """The spec of a tenant that speaks the Campaigns dialect."""
    return CXoneTenantSpec.model_validate(campaigns_manifest(url, **fields))


def campaigns_manifest(url, **fields):
    return {"baseURL": url, "credentialsSecretRef": {"name": "cxone"}} | fields


def acd_manifest(url, **fields):
    acd = {"tenantID": TENANT_ID, "issuer": url}
    return {"api": "ACD", "acd": acd, "credentialsSecretRef": {"name": "cxone"}} | fields


def acd_spec(url, **fields):
    """The spec of a tenant that speaks ACD."""
    return CXoneTenantSpec.model_validate(acd_manifest(url, **fields))


def access_to(url, credentials=None, **fields):
    """The access to a tenant of the Campaigns dialect."""
    known = CREDENTIALS if credentials is None else credentials
    return Access(campaigns_spec(url, **fields), {key: SecretStr(value) for key, value in known.items()})


def connects_to(*urls):
    """Makes connections to these hosts, which may be simulators."""
    return connector(simulators(*urls), Observers())


@dataclass
class Changing:
    """An access that a test changes; ``looks`` counts how often it was looked at."""

    access: Access
    error: Exception | None = None
    looks: int = 0
    gate: asyncio.Event | None = None

    async def look(self):
        self.looks += 1
        access, error = self.access, self.error
        if self.gate is not None:
            await self.gate.wait()
        if error is not None:
            raise error
        return access


@dataclass
class Cluster:
    """What the API server knows of Secrets and of namespaces. ``reads`` are those of each, in their order."""

    secrets: dict = field(default_factory=lambda: {(NAMESPACE, "cxone"): dict(CREDENTIALS)})
    labels_of: dict = field(default_factory=dict)
    down: bool = False
    reads: list = field(default_factory=list)

    async def read(self, namespace, name):
        self.reads.append((namespace, name))
        await asyncio.sleep(0)
        if self.down:
            raise SecretNotRead("the API server did not answer in time")
        return copy.copy(self.secrets.get((namespace, name)))

    async def labels(self, name):
        self.reads.append(name)
        await asyncio.sleep(0)
        if self.down:
            raise NamespaceNotRead("the API server did not answer in time")
        return self.labels_of.get(name, {})


def tenants_of(cluster, *urls, default=None):
    """All tenants of an operator that may reach these hosts."""
    connect = connects_to(*urls)
    return Tenants(
        default=default,
        open_tenant=lambda source: Tenant(source, connect),
        access=lambda spec, namespace: SecretAccess(spec, namespace, cluster),
        namespaces=cluster,
        own_namespace=OWN_NAMESPACE,
    )


def tenant_object(spec, name="acme", *, kind=TenantKind.NAMESPACED, uid="tenant-1", generation=1, status=None):
    """A tenant as a watch brings it."""
    metadata = {"name": name, "uid": uid, "generation": generation}
    if kind is TenantKind.NAMESPACED:
        metadata["namespace"] = NAMESPACE
    return {
        "metadata": metadata,
        "spec": copy.deepcopy(spec),
        "status": status or {"observedGeneration": -1},
    }
