"""The oracles can complain, and see everything. What they say of this run is asked at its end: conftest.recorder."""

import json
from pathlib import Path
from typing import Any

import pytest

from control_plane import ControlPlane, binaries
from integration.namespaces import Namespace
from integration.oracles import findings
from integration.recorder import Recorder, Version
from stack import Operator, Simulator

pytestmark = pytest.mark.timeout(600)  # the oracles may have to be built first

SHOWN = 20
NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:05:00Z"


@pytest.fixture(scope="module")
def program() -> Path:
    return binaries.oracles()


def test_no_version_is_lost_when_the_api_server_goes_and_comes_back(
    operator: Operator, simulator: Simulator, namespace: Namespace, plane: ControlPlane, recorder: Recorder
) -> None:
    """Generations count each change of a spec: all must be there, also for one who looks again only later."""
    namespace.apply("sales", resumeThreshold=10)
    namespace.wait_ready("sales")
    late = Recorder(plane)
    late.look()
    change(namespace, range(11, 14))
    plane.stop_api_server()
    plane.start_api_server()
    change(namespace, range(14, 17))
    namespace.wait_ready("sales")
    late.follow()
    try:
        uid = namespace.get("sales")["metadata"]["uid"]
        seen = {
            who: [v.object["metadata"]["generation"] for v in who.catch_up() if v.uid == uid]
            for who in (recorder, late)
        }
    finally:
        late.stop()
    for generations in seen.values():
        assert generations == sorted(generations)
        assert set(generations) == set(range(1, 8))
    assert recorder.gaps == late.gaps == []


def change(namespace: Namespace, thresholds: range) -> None:
    for threshold in thresholds:
        patch = json.dumps({"spec": {"resumeThreshold": threshold}})
        namespace.plane.kubectl(
            *("patch", "campaignthrottle", "sales", "-n", namespace.name, "--type=merge", "-p", patch)
        )


# The oracles can complain


def condition(type_: str, status: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": "SomeReason",
        "message": "",
        "observedGeneration": 2,
        "lastTransitionTime": NOW,
    } | fields


READY, NOT_READY = condition("Ready", "True"), condition("Ready", "False")
RECONCILING, STALLED = condition("Reconciling", "True"), condition("Stalled", "True", reason="InvalidSpec")
SYNCED = condition("CampaignSynced", "True")


def version(*conditions: dict[str, Any], observed: int = 2, revision: int = 1, **metadata: Any) -> Version:
    status = {"observedGeneration": observed, "lastPollTime": LATER} | (
        {"conditions": list(conditions)} if conditions else {}
    )
    return Version(
        "MODIFIED",
        {
            "apiVersion": "campaignthrottle.io/v1alpha1",
            "kind": "CampaignThrottle",
            "metadata": {
                "name": "sales",
                "namespace": "hand-made",
                "uid": "1",
                "resourceVersion": str(revision),
                "generation": 2,
                "creationTimestamp": NOW,
            }
            | metadata,
            "spec": {"campaignID": "cmp-1"},
            "status": status,
        },
    )


GOOD = {
    "new": version(observed=-1),
    "ready": version(READY, SYNCED),
    "ready, in fallback no more": version(READY, condition("FallbackActive", "False")),
    "stalled": version(NOT_READY, STALLED, SYNCED),
    "retrying": version(NOT_READY, RECONCILING, SYNCED),
    "not known yet": version(condition("Ready", "Unknown"), RECONCILING),
    "its spec just changed": version(
        condition("Ready", "True", observedGeneration=1),
        condition("Throttled", "True", observedGeneration=1),
        observed=1,
    ),
    "being deleted": version(READY, deletionTimestamp=LATER, generation=3),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_the_oracles_accept_an_object_that_is(good: Version, program: Path) -> None:
    assert findings(program, [good]) == []


BAD: dict[str, tuple[Version, str]] = {
    "Ready and Stalled": (version(READY, STALLED), "Flux: Ready condition must be False when Stalled"),
    "Ready and Reconciling": (version(READY, RECONCILING), "Flux: Ready condition must be False when Reconciling"),
    "Reconciling and Stalled": (version(NOT_READY, RECONCILING, STALLED), "both Reconciling and Stalled"),
    "Ready in a fallback": (
        version(READY, condition("FallbackActive", "True")),
        "Flux: Negative polarity condition cannot be True when Ready",
    ),
    "without conditions": (version(), "kstatus takes it for Current, not InProgress"),
    "without conditions, to Flux": (version(), "Flux: Ready condition must always be present"),
    "without Ready": (version(SYNCED), "Flux: Ready condition must always be present"),
    "a FallbackActive without Ready": (version(condition("FallbackActive", "True")), "Flux: the checker panicked"),
    "without a way on": (version(NOT_READY), "Ready is not True, but neither"),
    "not known, without Reconciling": (
        version(condition("Ready", "Unknown")),
        "Flux: A mid-reconciliation patched status must have Reconciling=True",
    ),
    "with a stale Ready": (
        version(condition("Ready", "True", observedGeneration=1)),
        "Ready is not of status.observedGeneration",
    ),
    "with a stale condition": (
        version(READY, condition("CampaignSynced", "True", observedGeneration=1)),
        "Flux: Ready condition must be False when any of the status condition's ObservedGeneration is less",
    ),
    "ahead of its spec": (version(READY, generation=1), "Flux: The ObservedGeneration must be less than or equal"),
    "of no generation": (
        version(condition("Ready", "True", observedGeneration=0)),
        "Flux warns: Missing Observed",
    ),
    "with conditions before it was seen": (version(READY, observed=-1), "conditions were written without"),
    "with a Stalled that isn't": (
        version(READY, condition("Stalled", "False")),
        "Flux warns: Stalled condition can be removed",
    ),
    "in another order": (version(SYNCED, READY), "the order is not Ready"),
    "stalled for what may pass": (
        version(NOT_READY, condition("Stalled", "True", reason="CXoneUnreachable")),
        "Stalled for CXoneUnreachable, which may pass",
    ),
    "stalled before the grace is over": (
        version(NOT_READY, condition("Stalled", "True", reason="TenantNotFound")),
        "Stalled for TenantNotFound only 0 s after it was created",
    ),
}


@pytest.mark.parametrize(("bad", "complaint"), BAD.values(), ids=BAD)
def test_the_oracles_complain_about_an_object(bad: Version, complaint: str, program: Path) -> None:
    rules = [finding.rule for finding in findings(program, [bad])]
    assert any(rule.startswith(complaint) for rule in rules), rules


WORSE: dict[str, tuple[Version, str]] = {
    "another time for the same status": (
        version(condition("Ready", "True", lastTransitionTime=LATER), revision=2),
        "lastTransitionTime of Ready changed without its status",
    ),
    "another status at the same time": (
        version(NOT_READY, STALLED, revision=2),
        "Ready turned False without a new lastTransitionTime",
    ),
    "a generation back": (
        version(condition("Ready", "True", observedGeneration=1), observed=1, revision=2),
        "observedGeneration went back",
    ),
    "two generations on": (version(READY, generation=4, revision=2), "a generation was not recorded"),
}


@pytest.mark.parametrize(("after", "complaint"), WORSE.values(), ids=WORSE)
def test_the_oracles_complain_about_a_change_to(after: Version, complaint: str, program: Path) -> None:
    assert complaint in [finding.rule for finding in findings(program, [version(READY), after])]
