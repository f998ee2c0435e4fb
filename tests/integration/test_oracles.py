"""The oracles can complain, and see everything. What they say of this run is asked at its end: conftest.recorder."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from control_plane import ControlPlane, binaries
from integration.namespaces import Namespace
from integration.oracles import findings
from integration.recorder import Recorder, Version
from integration.tenancy import apply, secret, tenant
from stack import Operator, Simulator

pytestmark = pytest.mark.timeout(600)  # the oracles may have to be built first

NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:05:00Z"


@pytest.fixture(scope="module")
def program() -> Path:
    return binaries.oracles()


def test_no_version_is_lost_when_the_api_server_goes_and_comes_back(
    operator: Operator, simulator: Simulator, namespace: Namespace, plane: ControlPlane, recorder: Recorder
) -> None:
    """Generations count each change of a spec: all must be there, also for one who looks again only later."""
    apply(plane, [secret("cxone"), tenant("cxone", simulator, timeout="10s")], namespace.name)
    namespace.apply("sales", resumeThreshold=10, tenantRef={"name": "cxone"})
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
        seen = {who: who.catch_up() for who in (recorder, late)}
    finally:
        late.stop()
    for kind in ("campaignthrottle/sales", "cxonetenant/cxone"):
        uid = plane.kubectl("get", kind, "-n", namespace.name, "-o", "jsonpath={.metadata.uid}").stdout
        for versions in seen.values():
            generations = [v.object["metadata"]["generation"] for v in versions if v.uid == uid]
            assert generations == sorted(generations), kind
            assert set(generations) == set(range(1, 8)), kind
    for versions in seen.values():
        revisions = [version.revision for version in versions]
        assert revisions == sorted(revisions)
    assert recorder.gaps == late.gaps == []


def change(namespace: Namespace, values: range) -> None:
    """A throttle and its tenant, once for each value."""
    for value in values:
        for kind, spec in (
            ("campaignthrottle/sales", {"resumeThreshold": value}),
            ("cxonetenant/cxone", {"timeout": f"{value}s"}),
        ):
            patch = json.dumps({"spec": spec})
            namespace.plane.kubectl("patch", kind, "-n", namespace.name, "--type=merge", "-p", patch)


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
    """A version of a throttle."""
    status = {"observedGeneration": observed, "lastPollTime": LATER} | (
        {"conditions": list(conditions)} if conditions else {}
    )
    spec = {"campaignID": "cmp-1", "tenantRef": {"kind": "CXoneTenant", "name": "cxone"}}
    return made("CampaignThrottle", spec, status, {"name": "sales", "resourceVersion": str(revision)} | metadata)


def tenant_version(*conditions: dict[str, Any], kind: str = "CXoneTenant", **metadata: Any) -> Version:
    """A version of a tenant, the one of that throttle if nothing else is said."""
    status = {"observedGeneration": 2, "throttles": 1, "conditions": list(conditions)}
    return made(kind, {}, status, {"name": "cxone", "uid": "2"} | metadata)


def made(kind: str, spec: dict[str, Any], status: dict[str, Any], metadata: dict[str, Any]) -> Version:
    common = {"uid": "1", "resourceVersion": "1", "generation": 2, "creationTimestamp": NOW}
    if kind != "ClusterCXoneTenant":
        common["namespace"] = "hand-made"
    return Version(
        "MODIFIED",
        {
            "apiVersion": "campaignthrottle.io/v1alpha1",
            "kind": kind,
            "metadata": common | metadata,
            "spec": spec,
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
    "a tenant that is ready": tenant_version(READY),
    "a tenant of the cluster that is ready": tenant_version(READY, kind="ClusterCXoneTenant"),
    "a tenant that is stalled": tenant_version(NOT_READY, STALLED),
    "a tenant that is retried": tenant_version(condition("Ready", "Unknown"), RECONCILING),
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
        "Stalled for TenantNotFound only 0 s after it, or its tenant, was created",
    ),
    "a tenant without a way on": (tenant_version(NOT_READY), "Ready is not True, but neither"),
    "a tenant of the cluster, Ready and Stalled": (
        tenant_version(READY, STALLED, kind="ClusterCXoneTenant"),
        "Flux: Ready condition must be False when Stalled",
    ),
    "a tenant without conditions": (tenant_version(), "kstatus takes it for Current, not InProgress"),
    "a tenant that is stalled for what may pass": (
        tenant_version(NOT_READY, condition("Stalled", "True", reason="RateLimited")),
        "Stalled for RateLimited, which may pass",
    ),
    "a tenant that is stalled before the grace is over": (
        tenant_version(NOT_READY, condition("Stalled", "True", reason="CredentialsMissing")),
        "Stalled for CredentialsMissing only 0 s after it, or its tenant, was created",
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


# The grace of what may be on its way


def at(seconds: int) -> str:
    """So long after the throttle was created; tenants come at 600."""
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"


def stalled(reason: str, since: int, *, by: int | None = None, **metadata: Any) -> Version:
    """The throttle, Stalled since then; the status was written at ``by``."""
    fields = [{"manager": "campaign-throttle", "subresource": "status", "time": at(since if by is None else by)}]
    found = condition("Stalled", "True", reason=reason, lastTransitionTime=at(since))
    return version(
        condition("Ready", "False", lastTransitionTime=at(since)),
        found,
        **{"managedFields": fields, "resourceVersion": "9"} | metadata,
    )


def came(**metadata: Any) -> Version:
    return tenant_version(condition("Ready", "True"), creationTimestamp=at(600), generation=2, **metadata)


def went(*, seen: bool = True) -> Version:
    gone = tenant_version(READY, resourceVersion="8")
    return replace(gone, type="DELETED", seen=datetime.fromisoformat(at(600)) if seen else None)


def edited(by: int) -> dict[str, Any]:
    """Metadata and status of generation 3 of the throttle, whose spec was changed at 600."""
    spec = {"manager": "kubectl-edit", "time": at(600)}
    status = {"manager": "campaign-throttle", "subresource": "status", "time": at(by)}
    return {"generation": 3, "observed": 3, "managedFields": [spec, status]}


TOO_SOON = "Stalled for {} only {} s after it, or its tenant, was created, changed or deleted"
IN_GRACE: dict[str, tuple[list[Version], str | None]] = {
    "its tenant came just now": (
        [came(), stalled("TenantNotAllowed", 610)],
        TOO_SOON.format("TenantNotAllowed", 10),
    ),
    "its tenant came long ago": ([came(), stalled("TenantNotAllowed", 630)], None),
    "another tenant came just now": ([came(name="other"), stalled("TenantNotFound", 610)], None),
    "a tenant of another namespace came just now": (
        [came(namespace="elsewhere"), stalled("TenantNotFound", 610)],
        None,
    ),
    "its tenant went just now": ([went(), stalled("TenantNotFound", 605)], TOO_SOON.format("TenantNotFound", 5)),
    "its tenant went long ago": ([went(), stalled("TenantNotFound", 631)], None),
    "its tenant went while nobody looked": ([went(seen=False), stalled("TenantNotFound", 605)], None),
    "it is stalled for something else": ([came(), stalled("InvalidSpec", 601)], None),
    "it is stalled for something new, long after": (
        [stalled("InvalidSpec", 5), stalled("CredentialsMissing", 5, by=600)],
        None,
    ),
    "it is stalled for something new, too soon": (
        [stalled("InvalidSpec", 5), stalled("CredentialsMissing", 5, by=20)],
        TOO_SOON.format("CredentialsMissing", 20),
    ),
    "it was edited just now": (
        [stalled("CredentialsMissing", 60), stalled("CredentialsMissing", 60, **edited(603))],
        TOO_SOON.format("CredentialsMissing", 3),
    ),
    "it was edited long ago": (
        [stalled("CredentialsMissing", 60), stalled("CredentialsMissing", 60, **edited(640))],
        None,
    ),
    "it goes on as it was": (
        [stalled("TenantNotFound", 60), came(), stalled("TenantNotFound", 60, by=601)],
        None,
    ),
}


@pytest.mark.parametrize(("history", "complaint"), IN_GRACE.values(), ids=IN_GRACE)
def test_what_may_be_on_its_way_is_waited_for(
    history: list[Version], complaint: str | None, program: Path
) -> None:
    rules = [finding.rule for finding in findings(program, history) if "was created" in finding.rule]
    assert rules == ([] if complaint is None else [complaint])
