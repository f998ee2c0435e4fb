"""Tenants of a test: their simulators, their resources, and what an operator that reaches them is told."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from control_plane import ControlPlane
from integration.namespaces import conditions
from integration.pace import FAST, PATIENCE, wait_for
from integration.watching import stop
from stack import Operator, Simulator
from stack.simulator import ACCESS_KEY_ID, ACCESS_KEY_SECRET, CLIENT_ID, CLIENT_SECRET

API_VERSION = "campaignthrottle.io/v1alpha1"


def reaching(*simulators: Simulator) -> dict[str, str]:
    """The settings of an operator that may speak to these simulators, and polls fast."""
    hosts = ",".join(simulator.host for simulator in simulators)
    return FAST | {"CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS": hosts}


@contextlib.contextmanager
def operating(
    folder: Path, kubeconfig: Path, *arguments: str, reach: Iterable[Simulator], **environment: str
) -> Iterator[Operator]:
    """An operator without a default tenant, that may speak to some simulators; it may not meet a bug."""
    settings = reaching(*reach) | environment
    operator = Operator(folder, kubeconfig, None, *arguments, environment=settings)
    try:
        yield operator
    finally:
        stop(operator)


def secret(name: str, **values: str) -> dict[str, Any]:
    """A Secret; without values it has the credentials of a simulator's client and access key."""
    found = values or {
        "clientID": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "accessKeyID": ACCESS_KEY_ID,
        "accessKeySecret": ACCESS_KEY_SECRET,
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": found}


def tenant(
    name: str, simulator: Simulator | None = None, *, kind: str = "CXoneTenant", **spec: Any
) -> dict[str, Any]:
    """A tenant of the Campaigns API, as a person writes it; its Secret is called as the tenant."""
    reached = {} if simulator is None else {"baseURL": simulator.url}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"credentialsSecretRef": {"name": name}} | reached | spec,
    }


def acd_tenant(name: str, simulator: Simulator, *, kind: str = "CXoneTenant", **acd: Any) -> dict[str, Any]:
    """A tenant of the ACD API, found by discovery."""
    needed = {"tenantID": simulator.tenant_id, "issuer": simulator.url}
    return tenant(name, kind=kind, api="ACD", acd=needed | acd)


def apply(plane: ControlPlane, objects: Iterable[dict[str, Any]], namespace: str | None = None) -> None:
    """``kubectl apply`` objects, into a namespace if they have one."""
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    where = () if namespace is None else ("-n", namespace)
    plane.kubectl("apply", *where, "-f", "-", input=listing)


def tenant_status(plane: ControlPlane, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    """The status of a tenant."""
    where = () if namespace is None else ("-n", namespace)
    answer = plane.kubectl("get", kind, name, *where, "-o", "json")
    found: dict[str, Any] = json.loads(answer.stdout).get("status", {})
    return found


def wait_for_reason(
    plane: ControlPlane, kind: str, name: str, reason: str, namespace: str | None = None, seconds: float = PATIENCE
) -> dict[str, Any]:
    """The status of a tenant, once Ready has this reason."""

    def look() -> dict[str, Any] | None:
        status = tenant_status(plane, kind, name, namespace)
        return status if conditions(status).get("Ready", {}).get("reason") == reason else None

    found = wait_for(look, f"{kind} {name} to be {reason}", seconds=seconds, pause=0.2)
    assert found is not None
    return found
