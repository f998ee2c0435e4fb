"""The CRD on a real API server: what it takes, what it refuses and says, and how kubectl shows the rest."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from campaign_throttle.resources.throttle import CampaignThrottleSpec, CampaignThrottleStatus
from control_plane import ControlPlane
from integration.namespaces import Namespace, manifest
from integration.pace import wait_for

MANIFESTS = Path(__file__).parent / "manifests"
REFUSED: dict[str, dict[str, Any]] = yaml.safe_load((MANIFESTS / "refused.yaml").read_text())
ACCEPTED: dict[str, dict[str, Any]] = yaml.safe_load((MANIFESTS / "accepted.yaml").read_text())
STREAK = {"samples": 1, "window": "0s"}
DEFAULTS = {
    "pauseThreshold": 5,
    "resumeThreshold": 8,
    "interval": "30s",
    "suspend": False,
    "mode": "Enforce",
    "agents": {"states": ["available"]},
    "stabilization": {"pause": STREAK, "resume": STREAK},
    "minimumRunning": "0s",
    "minimumPaused": "0s",
    "manualOverride": "Respect",
    "fallback": {"failureThreshold": 3, "action": "Hold"},
    "deletionPolicy": "Retain",
}
NOW = "2026-01-01T00:00:00Z"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": NOW, "reason": "Controlling", "message": "fine"}
TRANSITION = {"time": NOW, "to": "Paused", "reason": "BelowPauseThreshold", "availableAgents": 4}


@pytest.fixture(scope="module")
def schema_namespace(plane: ControlPlane) -> Iterator[Namespace]:
    """One namespace for this file: no operator runs here, so nothing moves but what a test moves."""
    plane.kubectl("create", "namespace", "schema")
    yield Namespace("schema", plane)
    # All gone in one request, so that the operator of the next test doesn't meet them.
    plane.kubectl("delete", "--raw", "/apis/campaignthrottle.io/v1alpha1/namespaces/schema/campaignthrottles")
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
    if case.get("operator") == "accepts":
        CampaignThrottleSpec.model_validate(case["spec"])
        return
    # A null is never stored: the API server puts the default in its place, or misses a required field.
    spec = without_nulls(case.get("spec"))
    with pytest.raises(ValidationError):
        CampaignThrottleSpec.model_validate(spec)


@pytest.fixture(scope="module")
def stored(schema_namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each good manifest as it is stored."""
    folder = tmp_path_factory.mktemp("accepted")
    names = {f"good-{number}": sentence for number, sentence in enumerate(ACCEPTED)}
    write_each(folder, {name: manifest(name) | {"spec": ACCEPTED[names[name]]["spec"]} for name in names})
    schema_namespace.plane.kubectl("apply", "-n", schema_namespace.name, "-f", str(folder))
    found = get(schema_namespace, "campaignthrottles")["items"]
    return {names[item["metadata"]["name"]]: item for item in found if item["metadata"]["name"] in names}


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_the_api_server_and_the_operator_accept(sentence: str, stored: dict[str, dict[str, Any]]) -> None:
    case = ACCEPTED[sentence]
    spec = stored[sentence]["spec"]
    assert spec == DEFAULTS | without_nulls(case["spec"])
    assert case.get("becomes", {}).items() <= spec.items()
    assert CampaignThrottleSpec.model_validate(spec) == CampaignThrottleSpec.model_validate(
        without_nulls(case["spec"])
    )


def test_a_new_object_counts_as_not_yet_observed(stored: dict[str, dict[str, Any]]) -> None:
    assert stored["nothing but a campaignID"]["status"] == {"observedGeneration": -1}


# What exists already


def test_the_campaign_of_an_existing_throttle_can_not_be_changed(schema_namespace: Namespace) -> None:
    schema_namespace.apply("immutable", campaignID="cmp-1")
    changed = json.dumps(manifest("immutable", campaignID="cmp-2"))
    answer = kubectl(schema_namespace, "apply", "-f", "-", input=changed, check=False)
    assert answer.returncode != 0
    assert "campaignID is immutable" in answer.stderr
    assert "delete this CampaignThrottle and create one for the other campaign" in answer.stderr
    assert schema_namespace.get("immutable")["spec"]["campaignID"] == "cmp-1"


def test_all_else_of_an_existing_throttle_can_be_changed(schema_namespace: Namespace) -> None:
    schema_namespace.apply("mutable", campaignID="cmp-1")
    changes = {"pauseThreshold": 9, "resumeThreshold": 10, "interval": "2s", "suspend": True, "mode": "Observe"}
    schema_namespace.apply("mutable", campaignID="cmp-1", **changes)
    assert schema_namespace.get("mutable")["spec"] == DEFAULTS | {"campaignID": "cmp-1"} | changes


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"resumeThreshold": 5}, "resumeThreshold must be greater than pauseThreshold"),
        ({"campaignID": None}, "spec.campaignID: Required value"),
        ({"interval": "1d"}, "interval must be a duration from 1s to 1h"),
    ],
    ids=["half of a pair of thresholds that must fit", "the campaignID taken away", "an interval in days"],
)
def test_a_patch_is_held_to_the_same_rules(schema_namespace: Namespace, spec: dict[str, Any], says: str) -> None:
    schema_namespace.apply("patched")
    answer = kubectl(schema_namespace, *patch("patched", {"spec": spec}), check=False)
    assert answer.returncode != 0
    assert says in answer.stderr


def test_a_field_that_is_taken_away_gets_its_default_again(schema_namespace: Namespace) -> None:
    schema_namespace.apply("reset", interval="7s", pauseThreshold=1, mode="Observe")
    removed = dict.fromkeys(DEFAULTS)
    kubectl(schema_namespace, *patch("reset", {"spec": removed}))
    assert schema_namespace.get("reset")["spec"] == DEFAULTS | {"campaignID": "cmp-1"}


# The status


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_a_status_in_a_manifest_is_ignored(schema_namespace: Namespace, verb: str) -> None:
    name = f"forged-{verb}"
    forged = manifest(name) | {"status": {"observedGeneration": 7, "pausedBy": "Operator", "conditions": [READY]}}
    if verb == "replace":
        schema_namespace.apply(name)
    kubectl(schema_namespace, verb, "-f", "-", input=json.dumps(forged))
    assert schema_namespace.status(name) == {"observedGeneration": -1}


HOSTILE: dict[str, tuple[Any, str]] = {
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


@pytest.fixture(scope="module")
def status_refusals(schema_namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the status subresource says of each bad status, all in one call."""
    schema_namespace.apply("hostile")
    folder = tmp_path_factory.mktemp("hostile")
    statuses = {sentence: manifest("hostile") | {"status": status} for sentence, (status, _) in HOSTILE.items()}
    return errors_by_file(
        schema_namespace,
        write_each(folder, statuses),
        *("replace", "--subresource=status", "--dry-run=server", "-f", str(folder)),
    )


@pytest.mark.parametrize("sentence", HOSTILE)
def test_the_status_refuses(sentence: str, status_refusals: dict[str, str]) -> None:
    assert HOSTILE[sentence][1] in status_refusals[sentence]


#: Uniqueness is the list map's business, fields of a later version are passed over, and a number is a number.
ONLY_FOR_THE_API_SERVER = {
    "a skill twice",
    "a condition twice",
    "a field that isn't there",
    "an observedGeneration in quotes",
    "agents in quotes",
}


@pytest.mark.parametrize("sentence", [sentence for sentence in HOSTILE if sentence not in ONLY_FOR_THE_API_SERVER])
def test_the_operator_agrees_that_the_status_must_be_refused(sentence: str) -> None:
    with pytest.raises(ValidationError):
        CampaignThrottleStatus.model_validate(HOSTILE[sentence][0])


def test_the_largest_status_is_accepted(schema_namespace: Namespace) -> None:
    """256 characters are characters, not bytes: a name in any script that the operator cuts there fits."""
    transition = TRANSITION | {"reason": "R" * 64, "availableAgents": 2**31 - 1}
    condition = READY | {"message": "é" * 32768, "reason": "R" * 1024, "observedGeneration": 2**53 - 1}
    status = {
        "observedGeneration": 2**53 - 1,
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
        "lastTransition": transition,
        "history": [transition] * 10,
        "consecutiveFailures": 2**31 - 1,
        "manualResume": {"time": NOW},
        "effectiveInterval": "23h59m59.123456s",
        "lastPollTime": NOW,
        "lastHandledReconcileAt": "x" * 256,
        "conditions": [condition | {"type": f"campaignthrottle.io/Type{number}"} for number in range(16)],
    }
    schema_namespace.apply("full")
    body = json.dumps(manifest("full") | {"status": status})
    kubectl(schema_namespace, "replace", "--subresource=status", "-f", "-", input=body)
    found = schema_namespace.status("full")
    assert found == status
    model = CampaignThrottleStatus.model_validate(found)
    assert model.model_dump(mode="json", by_alias=True) == status


# How kubectl shows it


def test_the_columns_tell_the_story(schema_namespace: Namespace) -> None:
    schema_namespace.apply("shown", campaignID="cmp-7")
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
    assert next(iter(wide)) == "CAMPAIGN-NAME"
    # TENANT comes with tenantRef.
    assert [name for name in wide if name != "TENANT"] == (
        ["CAMPAIGN-NAME", "MODE", "INTERVAL", "SUSPENDED", "PAUSED-BY", "LAST-TRANSITION"]
    )
    assert wide["CAMPAIGN-NAME"] == "Sales"
    assert (wide["MODE"], wide["INTERVAL"], wide["SUSPENDED"]) == ("Enforce", "1s", "false")
    assert wide["PAUSED-BY"] == "Operator"
    assert re.fullmatch(r"\d+[dy]\S*", wide["LAST-TRANSITION"])


@pytest.mark.parametrize("word", ["cth", "campaigns", "campaignthrottle", "campaignthrottles.campaignthrottle.io"])
def test_it_can_be_called(schema_namespace: Namespace, word: str) -> None:
    schema_namespace.apply("called")
    assert "/called\n" in kubectl(schema_namespace, "get", word, "-o", "name").stdout


def test_it_can_be_selected_by_campaign_and_by_state(schema_namespace: Namespace) -> None:
    schema_namespace.apply("selected", campaignID="cmp-select")
    schema_namespace.apply("not-selected", campaignID="cmp-other")
    state = {"status": {"campaignState": "Pausing"}}
    kubectl(schema_namespace, *patch("selected", state), "--subresource=status")
    for selector in (
        "spec.campaignID=cmp-select",
        "status.campaignState=Pausing",
        "spec.campaignID=cmp-select,status.campaignState=Pausing",
    ):
        answer = kubectl(schema_namespace, "get", "cth", "--field-selector", selector, "-o", "name")
        assert answer.stdout.split() == ["campaignthrottle.campaignthrottle.io/selected"], selector


def test_kubectl_explains_a_field(plane: ControlPlane) -> None:
    explain = ("explain", "campaignthrottle.spec.interval")
    said = wait_for(lambda: plane.kubectl(*explain, check=False).stdout, "the published schema")
    assert "FIELD: interval <string>" in said
    assert "How often CXone is polled" in said


def test_the_published_schema_describes_every_field(plane: ControlPlane) -> None:
    """What `kubectl explain`, editors and IDEs show."""

    def published() -> dict[str, Any] | None:
        answer = plane.kubectl("get", "--raw", "/openapi/v3/apis/campaignthrottle.io/v1alpha1", check=False)
        schemas = json.loads(answer.stdout or "{}").get("components", {}).get("schemas", {})
        found: dict[str, Any] | None = schemas.get("io.campaignthrottle.v1alpha1.CampaignThrottle")
        return found

    schema = wait_for(published, "the published schema")
    assert schema is not None
    fields = dict(walk(schema, "campaignthrottle"))
    assert "campaignthrottle.status.conditions.lastTransitionTime" in fields
    assert [path for path, field in fields.items() if not described(field)] == []


def test_applying_twice_changes_nothing(schema_namespace: Namespace) -> None:
    body = json.dumps(manifest("twice", pauseThreshold=3, interval="1m30s"))
    kubectl(schema_namespace, "apply", "-f", "-", input=body)
    before = schema_namespace.get("twice")["metadata"]
    assert kubectl(schema_namespace, "apply", "-f", "-", input=body).stdout.endswith("unchanged\n")
    difference = kubectl(schema_namespace, "diff", "-f", "-", input=body, check=False)
    assert (difference.returncode, difference.stdout) == (0, ""), difference.stderr
    after = schema_namespace.get("twice")["metadata"]
    assert (after["resourceVersion"], after["generation"]) == (before["resourceVersion"], 1)
    changed = json.dumps(manifest("twice", pauseThreshold=4, interval="1m30s"))
    assert kubectl(schema_namespace, "diff", "-f", "-", input=changed, check=False).returncode == 1


def test_applying_on_the_server_works_and_leaves_the_status_to_the_operator(schema_namespace: Namespace) -> None:
    body = json.dumps(manifest("server-side", pauseThreshold=3))
    apply = ("apply", "--server-side", "-f", "-")
    kubectl(schema_namespace, *apply, input=body)
    status = {"status": {"observedGeneration": 1, "conditions": [READY]}}
    kubectl(schema_namespace, *patch("server-side", status), "--subresource=status", "--field-manager=operator")
    before = schema_namespace.get("server-side")
    kubectl(schema_namespace, *apply, input=body)
    after = schema_namespace.get("server-side")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert after["status"]["conditions"] == [READY | {"observedGeneration": 0}]
    other = json.dumps(manifest("server-side", pauseThreshold=4))
    conflict = kubectl(schema_namespace, *apply, "--field-manager=flux", input=other, check=False)
    assert 'conflict with "kubectl": .spec.pauseThreshold' in conflict.stderr


# Helpers


def refused_manifest(sentence: str) -> dict[str, Any]:
    case = REFUSED[sentence]
    body = manifest("bad")
    del body["spec"]
    body.update({"spec": case["spec"]} if "spec" in case else {}, **case.get("manifest", {}))
    return body


def without_nulls(spec: Any) -> Any:
    return {key: value for key, value in spec.items() if value is not None} if isinstance(spec, dict) else spec


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


def patch(name: str, body: dict[str, Any]) -> tuple[str, ...]:
    return ("patch", "campaignthrottle", name, "--type=merge", "-p", json.dumps(body))


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
