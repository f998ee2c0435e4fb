"""CustomResourceDefinitions, printed from the models so that the two can't drift apart."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import yaml
from pydantic import BaseModel

from campaign_throttle.resources import GROUP, VERSION, tenant, throttle, throttle_status

#: What pydantic says that a structural schema of Kubernetes doesn't: titles and references, and keywords
#: whose message is better said by a CEL rule beside them.
_LEFT_OUT = {"title", "$defs", "discriminator"}


def _column(name: str, path: str, type_: str = "string", *, wide: bool = False) -> dict[str, Any]:
    return {"name": name, "type": type_, "jsonPath": path} | ({"priority": 1} if wide else {})


_READY_COLUMNS = [
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    _column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
    _column("Age", ".metadata.creationTimestamp", "date"),
]
_TENANT_COLUMNS = [
    _column("API", ".spec.api"),
    _column("Endpoint", ".status.apiEndpoint"),
    _column("Throttles", ".status.throttles", "integer"),
    *_READY_COLUMNS,
]


def custom_resource_definitions() -> list[dict[str, Any]]:
    """All CustomResourceDefinitions of the operator, as plain data."""
    return [
        _definition(
            kind=throttle.KIND,
            plural=throttle.PLURAL,
            short_name="cth",
            spec=throttle.CampaignThrottleSpec,
            spec_rules=throttle.CampaignThrottleSpec.rules,
            status=throttle_status.CampaignThrottleStatus,
            description="CampaignThrottle pauses an outbound campaign while too few agents are available, "
            "and resumes it when they are back.",
            columns=[
                _column("Campaign", ".spec.campaignID"),
                _column("State", ".status.campaignState"),
                _column("Agents", ".status.availableAgents", "integer"),
                _column("Pause", ".spec.pauseThreshold", "integer"),
                _column("Resume", ".spec.resumeThreshold", "integer"),
                *_READY_COLUMNS,
                _column("Campaign-Name", ".status.campaignName", wide=True),
                _column("Tenant", ".spec.tenantRef.name", wide=True),
                _column("Mode", ".spec.mode", wide=True),
                _column("Interval", ".spec.interval", wide=True),
                _column("Suspended", ".spec.suspend", "boolean", wide=True),
                _column("Paused-By", ".status.pausedBy", wide=True),
                _column("Last-Transition", ".status.lastTransition.time", "date", wide=True),
            ],
            selectable=[".spec.campaignID", ".spec.tenantRef.name", ".status.campaignState"],
        ),
        _definition(
            kind=throttle.TenantKind.NAMESPACED,
            plural=tenant.PLURALS[throttle.TenantKind.NAMESPACED],
            short_name="cxt",
            spec=tenant.CXoneTenantSpec,
            spec_rules=tenant.CXoneTenantSpec.rules,
            status=tenant.TenantStatus,
            description="CXoneTenant is a connection to a CXone tenant, for the throttles of its own namespace.",
            columns=_TENANT_COLUMNS,
        ),
        _definition(
            kind=throttle.TenantKind.CLUSTER,
            plural=tenant.PLURALS[throttle.TenantKind.CLUSTER],
            short_name="ccxt",
            namespaced=False,
            spec=tenant.ClusterCXoneTenantSpec,
            spec_rules=tenant.ClusterCXoneTenantSpec.rules,
            status=tenant.TenantStatus,
            description="ClusterCXoneTenant is a connection to a CXone tenant that the platform offers to namespaces.",
            columns=_TENANT_COLUMNS,
        ),
    ]


def render() -> str:
    """The CRDs as one YAML stream: the text of ``crds/`` and the output of ``campaign-throttle crds``."""
    return "---\n" + yaml.safe_dump_all(
        custom_resource_definitions(), sort_keys=False, width=110, allow_unicode=True
    )


def _definition(
    *,
    kind: str,
    plural: str,
    short_name: str,
    namespaced: bool = True,
    spec: type[BaseModel],
    spec_rules: list[dict[str, Any]],
    status: type[BaseModel],
    description: str,
    columns: list[dict[str, Any]],
    selectable: Sequence[str] = (),
) -> dict[str, Any]:
    spec_schema = structural_schema(spec)
    spec_schema["x-kubernetes-validations"] = spec_rules
    status_schema = structural_schema(status)
    status_schema["default"] = {"observedGeneration": -1}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "campaign-throttle"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {
                "kind": str(kind),
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short_name],
                "categories": ["campaigns"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    **({"selectableFields": [{"jsonPath": path} for path in selectable]} if selectable else {}),
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": description,
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": spec_schema,
                                "status": status_schema,
                            },
                        }
                    },
                }
            ],
        },
    }


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The structural OpenAPI schema that Kubernetes wants of a model: no references, no nulls, no titles."""
    schema = model.model_json_schema(by_alias=True)
    resolved = _structural(schema, schema.get("$defs", {}))
    resolved["description"] = " ".join((model.__doc__ or "").split())
    return resolved


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    node = _without_null(node)
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        node = _without_null(node)
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _LEFT_OUT or (key == "default" and value is None):
            continue
        if key == "properties":
            found[key] = {name: _structural(child, definitions) for name, child in value.items()}
        elif key in ("items", "additionalProperties"):
            found[key] = _structural(value, definitions)
        elif key == "format" and value not in ("date-time", "int32", "int64"):
            continue
        else:
            found[key] = deepcopy(value)
    if any("matches(" in rule["rule"] for rule in found.get("x-kubernetes-validations", ())):
        found.pop("pattern", None)  # said by the rule, whose message tells what to write instead
    return found


def _without_null(node: Mapping[str, Any]) -> dict[str, Any]:
    """Optional in Kubernetes is a field left out, never null: ``anyOf: [X, null]`` becomes ``X``."""
    if "anyOf" not in node:
        return dict(node)
    [only] = [option for option in node["anyOf"] if option.get("type") != "null"]
    return {**only, **{key: value for key, value in node.items() if key != "anyOf"}}
