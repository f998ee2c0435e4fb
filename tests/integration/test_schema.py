"""The CRDs on a real API server: what they take, what they refuse and say, and how kubectl shows the rest."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from campaign_throttle.resources.tenant import ClusterCXoneTenantSpec, CXoneTenantSpec, TenantStatus
from campaign_throttle.resources.throttle import CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus
from control_plane import ControlPlane
from integration import tenancy
from integration.namespaces import Namespace
from integration.namespaces import manifest as throttle
from integration.pace import wait_for

THROTTLE, TENANT, CLUSTER_TENANT = KINDS = ("CampaignThrottle", "CXoneTenant", "ClusterCXoneTenant")
TENANTS = (TENANT, CLUSTER_TENANT)
SPECS: dict[str, type[BaseModel]] = {
    THROTTLE: CampaignThrottleSpec,
    TENANT: CXoneTenantSpec,
    CLUSTER_TENANT: ClusterCXoneTenantSpec,
}
STATUSES: dict[str, type[BaseModel]] = {
    THROTTLE: CampaignThrottleStatus,
    TENANT: TenantStatus,
    CLUSTER_TENANT: TenantStatus,
}
PLURALS = {THROTTLE: "campaignthrottles", TENANT: "cxonetenants", CLUSTER_TENANT: "clustercxonetenants"}
SHORT_NAMES = {THROTTLE: "cth", TENANT: "cxt", CLUSTER_TENANT: "ccxt"}
STREAK = {"samples": 1, "window": "0s"}
THROTTLE_DEFAULTS = {
    "pauseThreshold": 5,
    "resumeThreshold": 8,
    "interval": "30s",
    "suspend": False,
    "mode": "Enforce",
    "agents": {
        "states": ["available"],
        "source": "SkillActivity",
        "counter": "agentsAvailable",
        "stateIDs": [1],
    },
    "stabilization": {"pause": STREAK, "resume": STREAK},
    "minimumRunning": "0s",
    "minimumPaused": "0s",
    "manualOverride": "Respect",
    "fallback": {"failureThreshold": 3, "action": "Hold"},
    "deletionPolicy": "Retain",
}
TENANT_DEFAULTS = {"api": "Campaigns", "timeout": "15s", "suspend": False}
DEFAULTS = {THROTTLE: THROTTLE_DEFAULTS, TENANT: TENANT_DEFAULTS, CLUSTER_TENANT: TENANT_DEFAULTS}
BASE_URL = "https://api-na1.niceincontact.com"
NOW = "2026-01-01T00:00:00Z"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": NOW, "reason": "Controlling", "message": "fine"}
TRANSITION = {"time": NOW, "to": "Paused", "reason": "BelowPauseThreshold", "availableAgents": 4}


def cases(*files: str) -> dict[str, dict[str, Any]]:
    """The cases of manifest files by a sentence; those of tenants, unless they name their kind, with both kinds."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        kinds = TENANTS if "tenants" in file else (THROTTLE,)
        for sentence, case in yaml.safe_load((Path(__file__).parent / "manifests" / file).read_text()).items():
            for kind in (case["kind"],) if "kind" in case else kinds:
                found[sentence if kind == THROTTLE else f"{kind}: {sentence}"] = case | {"kind": kind}
    return found


def too_many() -> Iterator[tuple[str, dict[str, Any]]]:
    """Lists and texts that are too long to be written in a manifest that somebody reads."""

    def of_throttle(**spec: Any) -> dict[str, Any]:
        return {"kind": THROTTLE, "spec": {"campaignID": "1"} | spec}

    def of_tenant(kind: str, **spec: Any) -> dict[str, Any]:
        return {"kind": kind, "spec": {"baseURL": BASE_URL, "credentialsSecretRef": {"name": "cxone"}} | spec}

    def saying(case: dict[str, Any], says: str) -> dict[str, Any]:
        return case | {"says": says}

    states = {"source": "AgentStates", "stateIDs": list(range(33))}
    teams = {"source": "AgentStates", "teamIDs": list(range(1, 102))}
    long_name = "a" * 254
    yield "51 skills to control", saying(of_throttle(skillIDs=list(range(1, 52))), "spec.skillIDs: Too many: 51")
    yield "33 agent states of the ACD", saying(of_throttle(agents=states), "spec.agents.stateIDs: Too many: 33")
    yield "101 teams", saying(of_throttle(agents=teams), "spec.agents.teamIDs: Too many: 101")
    yield (
        "a tenantRef with a name of 254 characters",
        saying(
            of_throttle(tenantRef={"name": long_name}),
            "spec.tenantRef.name: Too long: may not be more than 253",
        ),
    )
    for kind in TENANTS:
        yield (
            f"{kind}: a baseURL of 513 characters",
            saying(
                of_tenant(kind, baseURL=f"{BASE_URL}/".ljust(513, "a")),
                "spec.baseURL: Too long: may not be more than 512",
            ),
        )
        yield (
            f"{kind}: a Secret with a name of 254 characters",
            saying(
                of_tenant(kind, credentialsSecretRef={"name": long_name}),
                "spec.credentialsSecretRef.name: Too long: may not be more than 253",
            ),
        )
        yield (
            f"{kind}: a CA with a key of 254 characters",
            saying(
                of_tenant(kind, caSecretRef={"name": "ca", "key": long_name}),
                "spec.caSecretRef.key: Too long: may not be more than 253",
            ),
        )
    expressions = [{"key": f"k{number}", "operator": "Exists"} for number in range(33)]
    values = [{"key": "team", "operator": "In", "values": [f"v{number}" for number in range(65)]}]
    for what, allowed, says in (
        ("501 names", {"names": [f"team-{number}" for number in range(501)]}, "names: Too many: 501"),
        (
            "33 labels",
            {"selector": {"matchLabels": {f"k{number}": "v" for number in range(33)}}},
            "selector.matchLabels: Too many: 33",
        ),
        ("33 requirements", {"selector": {"matchExpressions": expressions}}, "matchExpressions: Too many: 33"),
        ("65 values", {"selector": {"matchExpressions": values}}, "matchExpressions[0].values: Too many: 65"),
        (
            "a label's value of 64 characters",
            {"selector": {"matchLabels": {"team": "a" * 64}}},
            "selector.matchLabels.team: Too long: may not be more than 63",
        ),
    ):
        case = of_tenant(CLUSTER_TENANT, allowedNamespaces=allowed)
        yield f"{CLUSTER_TENANT}: {what} of allowed namespaces", saying(case, says)


REFUSED = cases("refused.yaml", "refused-tenants.yaml") | dict(too_many())
ACCEPTED = cases("accepted.yaml", "accepted-tenants.yaml") | {
    "the most skills, states and teams": {
        "kind": THROTTLE,
        "spec": {
            "campaignID": "1",
            "skillIDs": list(range(1, 51)),
            "agents": {"stateIDs": list(range(32)), "teamIDs": list(range(1, 101))},
        },
    },
    "the most allowed namespaces": {
        "kind": CLUSTER_TENANT,
        "spec": {
            "baseURL": BASE_URL,
            "credentialsSecretRef": {"name": "c" * 253},
            "allowedNamespaces": {"names": [f"{number:063}" for number in range(500)]},
        },
    },
}


def manifest(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """An object of one of the kinds, as a person writes it."""
    if kind == THROTTLE:
        return throttle(name, **spec)
    return tenancy.tenant(name, kind=kind, **{"baseURL": BASE_URL} | spec)


@pytest.fixture(scope="module")
def schema_namespace(plane: ControlPlane) -> Iterator[Namespace]:
    """One namespace for this file: no operator runs here, so nothing moves but what a test moves."""
    plane.kubectl("create", "namespace", "schema")
    yield Namespace("schema", plane)
    # All gone in one request each, so that the operator of the next test doesn't meet them.
    for place in ("namespaces/schema/campaignthrottles", "namespaces/schema/cxonetenants", "clustercxonetenants"):
        plane.kubectl("delete", "--raw", f"/apis/campaignthrottle.io/v1alpha1/{place}")
    plane.kubectl("delete", "namespace", "schema", "--wait=false")


@pytest.fixture(scope="module")
def refusals(schema_namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `kubectl apply` says of each bad manifest, all in one call."""
    folder = tmp_path_factory.mktemp("refused")
    return errors_by_file(
        schema_namespace,
        write_each(folder, {sentence: refused_manifest(sentence) for sentence in REFUSED}),
        *("apply", "--dry-run=server", "-f", str(folder)),
    )


@pytest.mark.parametrize("sentence", REFUSED)
def test_the_api_server_refuses(sentence: str, refusals: dict[str, str]) -> None:
    assert REFUSED[sentence]["says"] in refusals[sentence]


@pytest.mark.parametrize("sentence", REFUSED)
def test_the_operator_agrees_that_it_must_refuse(sentence: str) -> None:
    case = REFUSED[sentence]
    model = SPECS[case["kind"]]
    if case.get("operator") == "accepts":
        model.model_validate(case["spec"])
        return
    # A null is never stored: the API server puts the default in its place, or misses a required field.
    spec = without_nulls(case.get("spec"))
    with pytest.raises(ValidationError):
        model.model_validate(spec)


@pytest.fixture(scope="module")
def stored(schema_namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each good manifest as it is stored."""
    folder = tmp_path_factory.mktemp("accepted")
    names = {f"good-{number}": sentence for number, sentence in enumerate(ACCEPTED)}
    bodies = {name: manifest(ACCEPTED[sentence]["kind"], name) for name, sentence in names.items()}
    write_each(folder, {name: bodies[name] | {"spec": ACCEPTED[names[name]]["spec"]} for name in names})
    schema_namespace.plane.kubectl("apply", "-n", schema_namespace.name, "-f", str(folder))
    found = get(schema_namespace, "campaigns")["items"]
    return {names[item["metadata"]["name"]]: item for item in found if item["metadata"]["name"] in names}


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_the_api_server_and_the_operator_accept(sentence: str, stored: dict[str, dict[str, Any]]) -> None:
    case, kind = ACCEPTED[sentence], ACCEPTED[sentence]["kind"]
    spec = stored[sentence]["spec"]
    written = without_nulls(case["spec"])
    assert spec == merged(merged(DEFAULTS[kind], written), case.get("becomes", {}))
    assert SPECS[kind].model_validate(spec) == SPECS[kind].model_validate(written)


def test_a_new_object_counts_as_not_yet_observed(stored: dict[str, dict[str, Any]]) -> None:
    assert {item["kind"] for item in stored.values()} == set(KINDS)
    assert all(item["status"] == {"observedGeneration": -1} for item in stored.values())


# What exists already


def test_the_campaign_of_an_existing_throttle_can_not_be_changed(schema_namespace: Namespace) -> None:
    schema_namespace.apply("immutable", campaignID="cmp-1")
    changed = json.dumps(throttle("immutable", campaignID="cmp-2"))
    answer = kubectl(schema_namespace, "apply", "-f", "-", input=changed, check=False)
    assert answer.returncode != 0
    assert "campaignID is immutable" in answer.stderr
    assert "delete this CampaignThrottle and create one for the other campaign" in answer.stderr
    assert schema_namespace.get("immutable")["spec"]["campaignID"] == "cmp-1"


def test_all_else_of_an_existing_throttle_can_be_changed(schema_namespace: Namespace) -> None:
    schema_namespace.apply("mutable", campaignID="cmp-1", tenantRef={"name": "one"}, skillIDs=[1])
    changes = {"pauseThreshold": 9, "resumeThreshold": 10, "interval": "2s", "suspend": True, "mode": "Observe"}
    changes |= {"tenantRef": {"kind": CLUSTER_TENANT, "name": "other"}, "skillIDs": [2, 3]}
    schema_namespace.apply("mutable", campaignID="cmp-1", **changes)
    assert schema_namespace.get("mutable")["spec"] == THROTTLE_DEFAULTS | {"campaignID": "cmp-1"} | changes


@pytest.mark.parametrize("kind", TENANTS)
def test_all_of_an_existing_tenant_can_be_changed(schema_namespace: Namespace, kind: str) -> None:
    """A tenant that moves keeps its throttles; what the operator then owns is its business: status.tenantDigest."""
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(manifest(kind, "mutable")))
    acd = {"tenantID": "11e00000-0000-4000-8000-00000000acd0"}
    changed = manifest(kind, "mutable", api="ACD", acd=acd, timeout="5s", suspend=True)
    changed["spec"] |= {"credentialsSecretRef": {"name": "another"}, "caSecretRef": {"name": "ca"}}
    del changed["spec"]["baseURL"]
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(changed))
    found = get(schema_namespace, kind, "mutable")["spec"]
    added = {
        "acd": acd | {"apiVersion": "v33.0", "grant": "Password"},
        "caSecretRef": {"name": "ca", "key": "ca.crt"},
    }
    assert found == changed["spec"] | added


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        (THROTTLE, {"resumeThreshold": 5}, "resumeThreshold must be greater than pauseThreshold"),
        (THROTTLE, {"campaignID": None}, "spec.campaignID: Required value"),
        (THROTTLE, {"interval": "1d"}, "interval must be a duration from 1s to 1h"),
        (THROTTLE, {"tenantRef": {"kind": CLUSTER_TENANT}}, "spec.tenantRef.name: Required value"),
        (TENANT, {"api": "ACD"}, "acd is required for api ACD"),
        (TENANT, {"baseURL": None}, "baseURL is required for api Campaigns"),
        (CLUSTER_TENANT, {"allowedNamespaces": {"names": None, "selector": None}}, "set either names or selector"),
    ],
    ids=[
        "half of a pair of thresholds that must fit",
        "the campaignID taken away",
        "an interval in days",
        "half of a tenantRef",
        "half of a change of the API",
        "the baseURL taken away",
        "the allowed namespaces emptied",
    ],
)
def test_a_patch_is_held_to_the_same_rules(
    schema_namespace: Namespace, kind: str, spec: dict[str, Any], says: str
) -> None:
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(manifest(kind, "patched")))
    answer = kubectl(schema_namespace, *patch("patched", {"spec": spec}, kind), check=False)
    assert answer.returncode != 0
    assert says in answer.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_taken_away_gets_its_default_again(schema_namespace: Namespace, kind: str) -> None:
    other = {"interval": "7s", "pauseThreshold": 1} if kind == THROTTLE else {"timeout": "7s"}
    body = manifest(kind, "reset", suspend=True, **other)
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(body))
    kubectl(schema_namespace, *patch("reset", {"spec": dict.fromkeys(DEFAULTS[kind])}, kind))
    required = {key: value for key, value in body["spec"].items() if key not in DEFAULTS[kind]}
    assert get(schema_namespace, kind, "reset")["spec"] == DEFAULTS[kind] | required


# The status


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["create", "replace"])
def test_a_status_in_a_manifest_is_ignored(schema_namespace: Namespace, verb: str, kind: str) -> None:
    name = f"forged-{verb}"
    body = manifest(kind, name)
    if verb == "replace":
        kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(body))
    forged = body | {"status": {"observedGeneration": 7, "conditions": [READY]}}
    kubectl(schema_namespace, verb, "-f", "-", input=json.dumps(forged))
    assert get(schema_namespace, kind, name)["status"] == {"observedGeneration": -1}


#: Of every kind.
HOSTILE_ALL: dict[str, tuple[Any, str]] = {
    "an observedGeneration in quotes": (
        {"observedGeneration": "1"},
        'observedGeneration in body must be of type integer: "string"',
    ),
    "an observedGeneration below -1": (
        {"observedGeneration": -2},
        "observedGeneration in body should be greater than or equal to -1",
    ),
    "an observedGeneration that not every JSON reader can hold": (
        {"observedGeneration": 2**53},
        "observedGeneration in body should be less than or equal to",
    ),
    "a condition without a type": (
        {"conditions": [{key: value for key, value in READY.items() if key != "type"}]},
        "status.conditions[0].type: Required value",
    ),
    "a condition with an empty type": (
        {"conditions": [READY | {"type": ""}]},
        "conditions[0].type in body should",
    ),
    "a condition that is maybe true": (
        {"conditions": [READY | {"status": "Maybe"}]},
        'supported values: "True", "False", "Unknown"',
    ),
    "a condition whose status is a boolean": (
        {"conditions": [READY | {"status": True}]},
        'conditions[0].status in body must be of type string: "boolean"',
    ),
    "a condition with a reason in two words": (
        {"conditions": [READY | {"reason": "two words"}]},
        "conditions[0].reason in body should match",
    ),
    "a condition with an empty reason": (
        {"conditions": [READY | {"reason": ""}]},
        "should be at least 1 chars long",
    ),
    "a condition whose message is too long": (
        {"conditions": [READY | {"message": "x" * 32769}]},
        "Too long: may not be more than 32768",
    ),
    "a condition since yesterday": (
        {"conditions": [READY | {"lastTransitionTime": "yesterday"}]},
        "must be of type date-time",
    ),
    "a condition of a generation below zero": (
        {"conditions": [READY | {"observedGeneration": -1}]},
        "should be greater than or equal to 0",
    ),
    "a condition twice": ({"conditions": [READY, READY]}, 'Duplicate value: {"type":"Ready"}'),
    "17 conditions": (
        {"conditions": [READY | {"type": f"Type{number}"} for number in range(17)]},
        "Too many: 17: must have at most 16 items",
    ),
    "a field that isn't there": ({"password": "x"}, 'unknown field "status.password"'),
    "a status that is a list": ([1], 'must be of type object: "array"'),
    "a status that is a string": ("Ready", 'must be of type object: "string"'),
}
HOSTILE_THROTTLES: dict[str, tuple[Any, str]] = {
    "fewer than no agents": ({"availableAgents": -1}, "should be greater than or equal to 0"),
    "more agents than there can be": ({"availableAgents": 2**31}, "should be less than or equal to 2147483647"),
    "agents in quotes": ({"availableAgents": "4"}, 'must be of type integer: "string"'),
    "more failures than there can be": (
        {"consecutiveFailures": 2**31},
        "should be less than or equal to 2147483647",
    ),
    "a campaign state that is no word of ours": (
        {"campaignState": "RUNNING"},
        'supported values: "Running", "Paused", "Pausing", "Other", "Unknown"',
    ),
    "a campaign name of 257 characters": ({"campaignName": "x" * 257}, "Too long: may not be more than 256"),
    "a desired state that is no word of ours": (
        {"desiredState": "Pausing"},
        'supported values: "Running", "Paused"',
    ),
    "an owner that is no word of ours": ({"pausedBy": "Me"}, 'supported values: "Operator", "Other"'),
    "an intent that is no word of ours": (
        {"intent": {"action": "Delete", "time": NOW}},
        'supported values: "Pause", "Resume"',
    ),
    "an intent without a time": ({"intent": {"action": "Pause"}}, "status.intent.time: Required value"),
    "a manual resume without a time": ({"manualResume": {}}, "status.manualResume.time: Required value"),
    "a time in words": (
        {"lastPollTime": "yesterday"},
        'lastPollTime in body must be of type date-time: "yesterday"',
    ),
    "an interval of 17 characters": ({"effectiveInterval": "0" * 16 + "s"}, "Too long: may not be more than 16"),
    "an echo of 257 characters": ({"lastHandledReconcileAt": "x" * 257}, "Too long: may not be more than 256"),
    "a history of 11": ({"history": [TRANSITION] * 11}, "Too many: 11: must have at most 10 items"),
    "a transition to no state of ours": (
        {"lastTransition": TRANSITION | {"to": "Deleted"}},
        'supported values: "Paused", "Running"',
    ),
    "a transition with a reason of 65 characters": (
        {"lastTransition": TRANSITION | {"reason": "x" * 65}},
        "Too long: may not be more than 64",
    ),
    "51 skills": (
        {"skills": [{"id": number, "running": True} for number in range(51)]},
        "Too many: 51: must have at most 50 items",
    ),
    "a skill twice": ({"skills": [{"id": 1, "running": True}] * 2}, 'Duplicate value: {"id":1}'),
    "a skill without an ID": ({"skills": [{"running": True}]}, "status.skills[0].id: Required value"),
    "a skill with an ID below zero": (
        {"skills": [{"id": -1, "running": True}]},
        "should be greater than or equal to 0",
    ),
    "a digest of 65 characters": ({"tenantDigest": "x" * 65}, "Too long: may not be more than 64"),
}
HOSTILE_TENANTS: dict[str, tuple[Any, str]] = {
    "an endpoint of 513 characters": ({"apiEndpoint": "x" * 513}, "Too long: may not be more than 512"),
    "fewer than no throttles": ({"throttles": -1}, "should be greater than or equal to 0"),
    "more throttles than there can be": ({"throttles": 2**31}, "should be less than or equal to 2147483647"),
    "throttles in quotes": ({"throttles": "4"}, 'must be of type integer: "string"'),
    "65 scopes": ({"grantedScopes": [f"s{n}" for n in range(65)]}, "Too many: 65: must have at most 64 items"),
    "a scope twice": ({"grantedScopes": ["s", "s"]}, 'Duplicate value: "s"'),
    "a scope of 129 characters": ({"grantedScopes": ["s" * 129]}, "Too long: may not be more than 128"),
}
HOSTILE: dict[str, tuple[str, Any, str]] = {
    f"{kind}: {sentence}": (kind, status, says)
    for kind in KINDS
    for sentence, (status, says) in (
        HOSTILE_ALL | (HOSTILE_THROTTLES if kind == THROTTLE else HOSTILE_TENANTS)
    ).items()
}


@pytest.fixture(scope="module")
def status_refusals(schema_namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the status subresource says of each bad status, all in one call."""
    for kind in KINDS:
        kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(manifest(kind, "hostile")))
    folder = tmp_path_factory.mktemp("hostile")
    statuses = {
        sentence: manifest(kind, "hostile") | {"status": status} for sentence, (kind, status, _) in HOSTILE.items()
    }
    return errors_by_file(
        schema_namespace,
        write_each(folder, statuses),
        *("replace", "--subresource=status", "--dry-run=server", "-f", str(folder)),
    )


@pytest.mark.parametrize("sentence", HOSTILE)
def test_the_status_refuses(sentence: str, status_refusals: dict[str, str]) -> None:
    assert HOSTILE[sentence][2] in status_refusals[sentence]


#: Uniqueness is the list map's business, fields of a later version are passed over, and a number is a number.
ONLY_FOR_THE_API_SERVER = {
    "a skill twice",
    "a scope twice",
    "a condition twice",
    "a field that isn't there",
    "an observedGeneration in quotes",
    "agents in quotes",
    "throttles in quotes",
}


@pytest.mark.parametrize(
    "sentence", [each for each in HOSTILE if each.partition(": ")[2] not in ONLY_FOR_THE_API_SERVER]
)
def test_the_operator_agrees_that_the_status_must_be_refused(sentence: str) -> None:
    kind, status, _ = HOSTILE[sentence]
    with pytest.raises(ValidationError):
        STATUSES[kind].model_validate(status)


def largest_status(kind: str) -> dict[str, Any]:
    """256 characters are characters, not bytes: a name in any script that the operator cuts there fits."""
    condition = READY | {"message": "é" * 32768, "reason": "R" * 1024, "observedGeneration": 2**53 - 1}
    common = {
        "observedGeneration": 2**53 - 1,
        "conditions": [condition | {"type": f"campaignthrottle.io/Type{number}"} for number in range(16)],
    }
    if kind != THROTTLE:
        return common | {
            "apiEndpoint": "x" * 512,
            "throttles": 2**31 - 1,
            "grantedScopes": [f"{number:03}".ljust(128, "é") for number in range(64)],
        }
    transition = TRANSITION | {"reason": "R" * 64, "availableAgents": 2**31 - 1}
    return common | {
        "availableAgents": 2**31 - 1,
        "campaignState": "Unknown",
        "campaignName": "\N{TELEPHONE RECEIVER}" * 128 + "\N{GRINNING FACE}" * 128,
        "desiredState": "Running",
        "pausedBy": "Other",
        "intent": {"action": "Resume", "time": NOW},
        "skills": [
            {"id": 2**31 - 1 - number, "name": "é" * 256, "running": False, "stoppedBy": "Operator"}
            for number in range(50)
        ],
        "tenantDigest": "f" * 64,
        "lastTransition": transition,
        "history": [transition] * 10,
        "consecutiveFailures": 2**31 - 1,
        "manualResume": {"time": NOW},
        "effectiveInterval": "23h59m59.123456s",
        "lastPollTime": NOW,
        "lastHandledReconcileAt": "x" * 256,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_status_is_accepted(schema_namespace: Namespace, kind: str) -> None:
    body, status = manifest(kind, "full"), largest_status(kind)
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(body))
    full = json.dumps(body | {"status": status})
    kubectl(schema_namespace, "replace", "--subresource=status", "-f", "-", input=full)
    found = get(schema_namespace, kind, "full")["status"]
    assert found == status
    model = STATUSES[kind].model_validate(found)
    assert model.model_dump(mode="json", by_alias=True) == status


# How kubectl shows it


def test_the_columns_tell_the_story(schema_namespace: Namespace) -> None:
    schema_namespace.apply("shown", campaignID="cmp-7", tenantRef={"kind": CLUSTER_TENANT, "name": "platform"})
    status = {
        "availableAgents": 4,
        "campaignState": "Paused",
        "campaignName": "Sales",
        "pausedBy": "Operator",
        "lastTransition": TRANSITION,
        "conditions": [READY],
    }
    kubectl(schema_namespace, *patch("shown", {"status": status}), "--subresource=status")
    header, row = table(schema_namespace, "get", "cth", "shown")
    assert header == ["NAME", "CAMPAIGN", "STATE", "AGENTS", "PAUSE", "RESUME", "READY", "REASON", "AGE"]
    assert row[:-1] == ["shown", "cmp-7", "Paused", "4", "5", "8", "True", "Controlling"]
    header, row = table(schema_namespace, "get", "cth", "shown", "-o", "wide")
    wide = dict(zip(header[9:], row[9:], strict=True))
    assert list(wide) == (
        ["CAMPAIGN-NAME", "TENANT", "MODE", "INTERVAL", "SUSPENDED", "PAUSED-BY", "LAST-TRANSITION"]
    )
    assert (wide["CAMPAIGN-NAME"], wide["TENANT"]) == ("Sales", "platform")
    assert (wide["MODE"], wide["INTERVAL"], wide["SUSPENDED"]) == ("Enforce", "1s", "false")
    assert wide["PAUSED-BY"] == "Operator"
    assert re.fullmatch(r"\d+[dy]\S*", wide["LAST-TRANSITION"])


@pytest.mark.parametrize(("kind", "short"), [(TENANT, "cxt"), (CLUSTER_TENANT, "ccxt")])
def test_the_columns_of_a_tenant_tell_how_it_is(schema_namespace: Namespace, kind: str, short: str) -> None:
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(manifest(kind, "shown")))
    status = {"apiEndpoint": BASE_URL, "throttles": 3, "conditions": [READY | {"reason": "Connected"}]}
    kubectl(schema_namespace, *patch("shown", {"status": status}, kind), "--subresource=status")
    for how in ((), ("-o", "wide")):
        header, row = table(schema_namespace, "get", short, "shown", *how)
        assert header == ["NAME", "API", "ENDPOINT", "THROTTLES", "READY", "REASON", "AGE"]
        assert row[:-1] == ["shown", "Campaigns", BASE_URL, "3", "True", "Connected"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_called(schema_namespace: Namespace, kind: str) -> None:
    kubectl(schema_namespace, "apply", "-f", "-", input=json.dumps(manifest(kind, "called")))
    singular = kind.lower()
    for word in (SHORT_NAMES[kind], "campaigns", singular, f"{PLURALS[kind]}.campaignthrottle.io"):
        names = kubectl(schema_namespace, "get", word, "-o", "name").stdout.split()
        assert f"{singular}.campaignthrottle.io/called" in names, word


def test_it_can_be_selected_by_campaign_by_tenant_and_by_state(schema_namespace: Namespace) -> None:
    schema_namespace.apply("selected", campaignID="cmp-select", tenantRef={"name": "tenant-select"})
    schema_namespace.apply("not-selected", campaignID="cmp-other", tenantRef={"name": "tenant-other"})
    state = {"status": {"campaignState": "Pausing"}}
    kubectl(schema_namespace, *patch("selected", state), "--subresource=status")
    for selector in (
        "spec.campaignID=cmp-select",
        "spec.tenantRef.name=tenant-select",
        "status.campaignState=Pausing",
        "spec.campaignID=cmp-select,spec.tenantRef.name=tenant-select,status.campaignState=Pausing",
    ):
        answer = kubectl(schema_namespace, "get", "cth", "--field-selector", selector, "-o", "name")
        assert answer.stdout.split() == ["campaignthrottle.campaignthrottle.io/selected"], selector


@pytest.mark.parametrize(
    ("field", "type_", "says"),
    [
        ("campaignthrottle.spec.interval", "string", "How often CXone is polled"),
        ("cxonetenant.spec.credentialsSecretRef", "Object", "The Secret with the credentials"),
        ("clustercxonetenant.spec.allowedNamespaces.names", "[]string", "Names of namespaces"),
    ],
)
def test_kubectl_explains_a_field(plane: ControlPlane, field: str, type_: str, says: str) -> None:
    said = wait_for(lambda: plane.kubectl("explain", field, check=False).stdout, "the published schema")
    assert f"FIELD: {field.rpartition('.')[2]} <{type_}>" in said
    assert says in said


def test_the_published_schemas_describe_every_field(plane: ControlPlane) -> None:
    """What `kubectl explain`, editors and IDEs show."""

    def published() -> dict[str, Any] | None:
        answer = plane.kubectl("get", "--raw", "/openapi/v3/apis/campaignthrottle.io/v1alpha1", check=False)
        schemas = json.loads(answer.stdout or "{}").get("components", {}).get("schemas", {})
        found = {kind: schemas.get(f"io.campaignthrottle.v1alpha1.{kind}") for kind in KINDS}
        return found if all(found.values()) else None

    schemas = wait_for(published, "the published schemas")
    assert schemas is not None
    fields = {path: field for kind in KINDS for path, field in walk(schemas[kind], kind)}
    for kind in KINDS:
        assert f"{kind}.status.conditions.lastTransitionTime" in fields
    assert [path for path, field in fields.items() if not described(field)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_applying_twice_changes_nothing(schema_namespace: Namespace, kind: str) -> None:
    duration = "interval" if kind == THROTTLE else "timeout"
    body = json.dumps(manifest(kind, "twice", **{duration: "0.5m"}))
    kubectl(schema_namespace, "apply", "-f", "-", input=body)
    before = get(schema_namespace, kind, "twice")["metadata"]
    assert kubectl(schema_namespace, "apply", "-f", "-", input=body).stdout.endswith("unchanged\n")
    difference = kubectl(schema_namespace, "diff", "-f", "-", input=body, check=False)
    assert (difference.returncode, difference.stdout) == (0, ""), difference.stderr
    after = get(schema_namespace, kind, "twice")["metadata"]
    assert (after["resourceVersion"], after["generation"]) == (before["resourceVersion"], 1)
    changed = json.dumps(manifest(kind, "twice", **{duration: "30s"}))
    assert kubectl(schema_namespace, "diff", "-f", "-", input=changed, check=False).returncode == 1


@pytest.mark.parametrize("kind", KINDS)
def test_applying_on_the_server_works_and_leaves_the_status_to_the_operator(
    schema_namespace: Namespace, kind: str
) -> None:
    body = json.dumps(manifest(kind, "server-side", suspend=True))
    apply = ("apply", "--server-side", "-f", "-")
    kubectl(schema_namespace, *apply, input=body)
    status = {"status": {"observedGeneration": 1, "conditions": [READY]}}
    kubectl(
        schema_namespace,
        *patch("server-side", status, kind),
        *("--subresource=status", "--field-manager=operator"),
    )
    before = get(schema_namespace, kind, "server-side")
    kubectl(schema_namespace, *apply, input=body)
    after = get(schema_namespace, kind, "server-side")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert after["status"]["conditions"] == [READY | {"observedGeneration": 0}]
    other = json.dumps(manifest(kind, "server-side", suspend=False))
    conflict = kubectl(schema_namespace, *apply, "--field-manager=flux", input=other, check=False)
    assert 'conflict with "kubectl": .spec.suspend' in conflict.stderr


# Helpers


def refused_manifest(sentence: str) -> dict[str, Any]:
    case = REFUSED[sentence]
    body = manifest(case["kind"], "bad")
    del body["spec"]
    body.update({"spec": case["spec"]} if "spec" in case else {}, **case.get("manifest", {}))
    return body


def without_nulls(spec: Any) -> Any:
    return {key: value for key, value in spec.items() if value is not None} if isinstance(spec, dict) else spec


def merged(value: Any, changes: Any) -> Any:
    """A JSON merge patch that takes nothing away."""
    if not (isinstance(value, dict) and isinstance(changes, dict)):
        return changes
    return value | {key: merged(value.get(key), change) for key, change in changes.items()}


def write_each(folder: Path, bodies: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """One file for each, so that kubectl's error names it."""
    files = {sentence: folder / f"{number:03}.json" for number, sentence in enumerate(bodies)}
    for sentence, file in files.items():
        file.write_text(json.dumps(bodies[sentence]))
    return files


def errors_by_file(namespace: Namespace, files: dict[str, Path], *command: str) -> dict[str, str]:
    """kubectl's error for each file; empty for one that was accepted."""
    said = kubectl(namespace, *command, check=False).stderr
    errors = re.split(r"^(?=Error from server)", said, flags=re.MULTILINE)
    return {
        sentence: "".join(error for error in errors if f'"{file}"' in error) for sentence, file in files.items()
    }


def kubectl(namespace: Namespace, *arguments: str, input: str | None = None, check: bool = True) -> Any:
    return namespace.plane.kubectl("-n", namespace.name, *arguments, input=input, check=check)


def patch(name: str, body: dict[str, Any], kind: str = THROTTLE) -> tuple[str, ...]:
    return ("patch", kind, name, "--type=merge", "-p", json.dumps(body))


def get(namespace: Namespace, *what: str) -> Any:
    return json.loads(kubectl(namespace, "get", *what, "-o", "json").stdout)


def table(namespace: Namespace, *command: str) -> list[list[str]]:
    lines = kubectl(namespace, *command).stdout.splitlines()
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property below a schema, with its path as `kubectl explain` writes it."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from walk(field, f"{path}.{name}")
        yield from walk(field.get("items", {}), f"{path}.{name}")


def described(field: dict[str, Any]) -> bool:
    # ObjectMeta's is with the type that it refers to.
    return bool(field.get("description")) or "allOf" in field or "$ref" in field
