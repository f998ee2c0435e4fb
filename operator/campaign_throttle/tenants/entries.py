"""A tenant resource at work: what was declared, what is known of it, and what its status says."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources.condition import find
from campaign_throttle.resources.fields import first_problem
from campaign_throttle.resources.tenant import (
    AllowedNamespaces,
    ClusterCXoneTenantSpec,
    CXoneTenantSpec,
    TenantStatus,
)
from campaign_throttle.resources.throttle import TenantKind, TenantRef
from campaign_throttle.tenants.tenant import Tenant


@dataclass(frozen=True)
class TenantKey:
    """Which tenant: of the cluster kind without a namespace."""

    kind: TenantKind
    namespace: str | None
    name: str

    @classmethod
    def of_reference(cls, reference: TenantRef, namespace: str) -> "TenantKey":
        """The tenant that a throttle in a namespace means."""
        namespaced = reference.kind is TenantKind.NAMESPACED
        return cls(reference.kind, namespace if namespaced else None, reference.name)

    @classmethod
    def of_object(cls, kind: TenantKind, body: Mapping[str, Any]) -> "TenantKey":
        """The tenant that an object is."""
        return cls(kind, body["metadata"].get("namespace"), body["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True)
class Finding:
    """What was found out about a tenant; when that began (a time of the event loop), by which of its connections."""

    began: float
    connections: int
    probe: Probe | None = None
    error: CXoneError | None = None


@dataclass
class Entry:
    """One tenant resource at work.

    ``changed`` is when its spec did last: a time of the event loop. ``finding`` is the last one, ``failures`` counts
    those in a row that were failures. ``reported`` is the status that the operator stands by, ``stored`` the one that
    the API server holds.
    """

    key: TenantKey
    uid: str
    tenant: Tenant
    generation: int = 0
    spec: CXoneTenantSpec | None = None
    invalid: str | None = None
    changed: float = 0.0
    failures: int = 0
    finding: Finding | None = None
    reported: TenantStatus | None = None
    stored: TenantStatus | None = None
    nudged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def allowed(self) -> AllowedNamespaces | None:
        """Of the cluster kind: whose throttles may use it."""
        return self.spec.allowed_namespaces if isinstance(self.spec, ClusterCXoneTenantSpec) else None


def read_spec(kind: TenantKind, body: Mapping[str, Any]) -> tuple[CXoneTenantSpec | None, str | None]:
    """What an object declares; or None, and what is wrong with it."""
    model = ClusterCXoneTenantSpec if kind is TenantKind.CLUSTER else CXoneTenantSpec
    try:
        return model.model_validate(body.get("spec") or {}), None
    except ValidationError as error:
        return None, first_problem(error)


def was_stalled(status: TenantStatus, generation: int) -> bool:
    """Whether the operator had given up waiting before it was restarted."""
    return find(status.conditions, "Stalled") is not None and status.observed_generation == generation


def read_status(body: Mapping[str, Any]) -> TenantStatus:
    """The status of an object; an empty one if it can't be read."""
    try:
        return TenantStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return TenantStatus()
