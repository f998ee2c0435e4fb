"""What people who know nothing of this operator make of its objects: kstatus, Flux's checks, the conventions.

Of throttles and of tenants alike.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from integration.namespaces import conditions
from integration.recorder import Version

#: What may pass by itself, and so must never be seen as Stalled: Helm and Flux give up on the first they see.
TRANSIENT = {
    "CXoneUnreachable",
    "CXoneError",
    "RateLimited",
    "InvalidResponse",
    "ActionFailed",
    "TenantNotReady",
    "ProgressingWithRetry",
}
#: What is Stalled only after a grace: Helm and Flux apply the Secret, the tenant and the throttle one after the other,
#: and so does who changes or replaces them.
AFTER_GRACE = {"TenantNotFound", "TenantNotAllowed", "CredentialsMissing"}
GRACE = timedelta(seconds=30)
#: Under these names the tests of the schema write statuses of their own: `kubectl patch`, `replace`, `apply`.
BY_HAND = {"kubectl", "kubectl-patch", "kubectl-replace", "kubectl-client-side-apply", "operator"}
SHOWN = 20
#: Kubernetes keeps times in whole seconds.
SECOND = timedelta(seconds=1)

#: Warnings of Flux's checker that don't apply, word for word so that nothing else slips through.
#: FallbackActive is abnormal when True, which is why the checker is told of it: it must never be True beside
#: Ready=True. But it is always there, as KEDA's Fallback is, so that somebody can wait for it to be False;
#: Flux would rather have it absent.
INAPPLICABLE = {"Negative polarity condition present when Ready condition is True: [FallbackActive]"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a version of an object."""

    rule: str
    version: Version

    def __str__(self) -> str:
        metadata, status = self.version.object["metadata"], self.version.object.get("status", {})
        shown = [
            f"{c['type']}={c['status']} {c.get('reason')} (generation {c.get('observedGeneration')})"
            for c in status.get("conditions", [])
        ]
        return (
            f"{self.rule}\n    {self.version.kind} {metadata.get('namespace', '')}/{metadata.get('name')} "
            f"at {self.version.revision}, "
            f"generation {metadata.get('generation')}, observed {status.get('observedGeneration')}: "
            f"{', '.join(shown) or 'no conditions'}"
        )


def judge(program: Path, everything: Sequence[Version], record: Path) -> str:
    """Ask the oracles about every version of a run.

    Args:
        program: the oracles' binary.
        everything: all versions in the order in which they came.
        record: where the versions judged are written, for another look.

    Returns:
        How many there were.

    Raises:
        AssertionError: something is wrong with one of them; the message counts and shows.
    """
    versions = of_the_operator(everything)
    record.write_text("".join(json.dumps(version.object) + "\n" for version in versions))
    found = findings(program, versions)
    assert not found, f"{report(found)}\nevery version: {record}; each with its verdict: {program} < {record}"
    objects = Counter({version.uid: version.kind for version in versions}.values())
    of = ", ".join(f"{count} {kind}s" for kind, count in sorted(objects.items()))
    return f"{len(versions)} versions of {of or 'no objects'}, 0 findings"


def report(found: Sequence[Finding]) -> str:
    """What was found: how often, and the first of each kind."""
    counted = Counter(finding.rule for finding in found)
    first = {finding.rule: finding for finding in reversed(found)}
    return "\n".join(
        [
            f"the oracles have {len(found)} findings",
            *(f"{count} x {rule}" for rule, count in counted.most_common()),
            "the first of each:",
            *map(str, list(first.values())[:SHOWN]),
        ]
    )


@dataclass(frozen=True)
class Verdict:
    """What the oracles say of one object; see deploy/local/oracles."""

    kstatus: str
    finished: dict[str, list[str]]
    in_progress: dict[str, list[str]]


def ask(program: Path, versions: Sequence[Version]) -> list[Verdict]:
    """The verdict on each version, in their order."""
    lines = "".join(json.dumps(version.object) + "\n" for version in versions)
    answer = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    verdicts = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(v["uid"], int(v["resourceVersion"])) for v in verdicts] == [(v.uid, v.revision) for v in versions]
    return [Verdict(v["kstatus"], v["flux"], v["fluxInProgress"]) for v in verdicts]


def findings(program: Path, versions: Sequence[Version]) -> list[Finding]:
    """All that is wrong with these versions, which come in the order in which they came to be."""
    before: dict[str, Version] = {}
    found: list[Finding] = []
    grace = Grace()
    for version, verdict in zip(versions, ask(program, versions), strict=True):
        rules = [*kstatus(version, verdict), *flux(version, verdict), *shape(version), *stalled_for_long(version)]
        rules += grace.findings(version, before.get(version.uid))
        if version.uid in before:
            rules += changes(before[version.uid], version)
        found += [Finding(rule, version) for rule in rules]
        before[version.uid] = version
    return found


def kstatus(version: Version, verdict: Verdict) -> Iterator[str]:
    """What Helm, Flux and cli-utils take the object for, against what it says of itself."""
    status = version.object.get("status", {})
    found = conditions(status)
    ready, reconciling, stalled = (
        found.get(type_, {}).get("status") for type_ in ("Ready", "Reconciling", "Stalled")
    )
    if "deletionTimestamp" in version.object["metadata"]:
        expected = "Terminating"
    elif status.get("observedGeneration") != version.object["metadata"]["generation"] or reconciling == "True":
        expected = "InProgress"
    elif stalled == "True":
        expected = "Failed"
    elif ready == "True":
        expected = "Current"
    else:
        expected = "InProgress"
        yield "Ready is not True, but neither Reconciling nor Stalled says what comes next"
    if verdict.kstatus != expected:
        yield f"kstatus takes it for {verdict.kstatus}, not {expected}"
    if reconciling and stalled:
        yield "both Reconciling and Stalled"


def flux(version: Version, verdict: Verdict) -> Iterator[str]:
    """Flux's own checks of its controllers' conditions."""
    status = version.object.get("status", {})
    observed = status.get("observedGeneration")
    if observed == -1 and not status.get("conditions"):
        return  # not seen by the operator yet, and it says so: the checks are about what a controller wrote
    # Flux has stricter checks for a status at the end of a reconciliation, and one more for those during it:
    # a spec that was just changed, whose status still is that of the one before, and a Ready that is not
    # known yet (which the checks for the end don't provide for at all).
    ready = conditions(status).get("Ready", {}).get("status")
    during = observed != version.object["metadata"]["generation"] or ready == "Unknown"
    said = verdict.in_progress if during else verdict.finished
    yield from (f"Flux: {complaint}" for complaint in said["fail"])
    yield from (f"Flux warns: {warning}" for warning in said["warn"] if warning not in INAPPLICABLE)


def shape(version: Version) -> Iterator[str]:
    """The Kubernetes API conventions and docs/status.md."""
    status, generation = version.object.get("status", {}), version.object["metadata"]["generation"]
    observed, listed = status.get("observedGeneration"), status.get("conditions", [])
    types = [condition["type"] for condition in listed]
    if observed == generation and not listed:
        yield "observedGeneration was written without conditions, so that it counts as Current"
    if listed and observed == -1:
        yield "conditions were written without observedGeneration"
    if listed and conditions(status).get("Ready", {}).get("observedGeneration") != observed:
        yield "Ready is not of status.observedGeneration"
    for condition in listed:
        if condition.get("observedGeneration", 0) > generation:
            yield f"{condition['type']} is of a generation to come"
        if condition["type"] in ("Reconciling", "Stalled") and condition["status"] != "True":
            yield f"{condition['type']} is present, but not True"
    ranks = [0 if t == "Ready" else 1 if t in ("Reconciling", "Stalled") else 2 for t in types]
    if ranks != sorted(ranks) or (types and types[0] != "Ready"):
        yield f"the order is not Ready, Reconciling or Stalled, the rest: {types}"


def stalled_for_long(version: Version) -> Iterator[str]:
    """Stalled is for what only a person can mend."""
    stalled = conditions(version.object.get("status", {})).get("Stalled")
    if stalled is None:
        return
    if stalled["reason"] in TRANSIENT:
        yield f"Stalled for {stalled['reason']}, which may pass"


class Grace:
    """What may be on its way is waited for: after the object, or the tenant that it names, came, changed or went.

    Of Secrets and of the labels of namespaces it knows nothing, as the operator, which doesn't watch them.
    """

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str, str], datetime] = {}

    def findings(self, version: Version, before: Version | None) -> Iterator[str]:
        """What is wrong with the next version of an object; ``before`` is the last one."""
        generation = version.object["metadata"]["generation"]
        if version.type == "DELETED":
            # When nobody watched it isn't known; and whatever is still said of it was said before.
            self._note(version, version.seen)
            return
        if before is None:
            self._note(version, time_of(version.object["metadata"]["creationTimestamp"]))
        if generation > (1 if before is None else before.object["metadata"]["generation"]):
            self._note(version, written(version, subresource=None))
        status = version.object.get("status", {})
        stalled = conditions(status).get("Stalled")
        if (
            stalled is None
            or stalled["reason"] not in AFTER_GRACE
            or status.get("observedGeneration") != generation
        ):
            return
        was = {} if before is None else before.object.get("status", {})
        earlier = conditions(was).get("Stalled", {})
        if (earlier.get("reason"), was.get("observedGeneration")) == (stalled["reason"], generation):
            return  # that it goes on is no news
        since = written(version, subresource="status") if earlier else time_of(stalled["lastTransitionTime"])
        changed = [self._changed.get(key) for key in (_key(version), _tenant_key(version)) if key is not None]
        last = max((time for time in changed if time is not None), default=None)
        if last is not None and since - last < GRACE - SECOND:
            yield (
                f"Stalled for {stalled['reason']} only {(since - last).total_seconds():.0f} s after it, or its "
                "tenant, was created, changed or deleted"
            )

    def _note(self, version: Version, time: datetime | None) -> None:
        if time is not None:
            self._changed[_key(version)] = time


def _key(version: Version) -> tuple[str, str, str]:
    metadata = version.object["metadata"]
    return version.kind, metadata.get("namespace", ""), metadata["name"]


def _tenant_key(version: Version) -> tuple[str, str, str] | None:
    """The tenant that a throttle names."""
    reference = version.object["spec"].get("tenantRef")
    if reference is None:
        return None
    namespaced = reference["kind"] == "CXoneTenant"
    return reference["kind"], version.object["metadata"]["namespace"] if namespaced else "", reference["name"]


def written(version: Version, *, subresource: str | None) -> datetime:
    """When the status, or all else, was written last, as the API server keeps it."""
    metadata = version.object["metadata"]
    times = [
        time_of(entry["time"])
        for entry in metadata.get("managedFields", [])
        if entry.get("subresource") == subresource and "time" in entry
    ]
    return max(times, default=time_of(metadata["creationTimestamp"]))


def changes(before: Version, version: Version) -> Iterator[str]:
    """From one version of an object to the next."""
    old, new = before.object.get("status", {}), version.object.get("status", {})
    if new.get("observedGeneration", -1) < old.get("observedGeneration", -1):
        yield "observedGeneration went back"
    if version.object["metadata"]["generation"] - before.object["metadata"]["generation"] > 1:
        yield "a generation was not recorded"
    for type_, condition in conditions(new).items():
        if type_ not in conditions(old):
            continue
        was = conditions(old)[type_]
        since, until = time_of(was["lastTransitionTime"]), time_of(condition["lastTransitionTime"])
        if condition["status"] == was["status"]:
            if until != since:
                yield f"lastTransitionTime of {type_} changed without its status"
        elif until < since or (until == since and not in_one_second(version, until)):
            yield f"{type_} turned {condition['status']} without a new lastTransitionTime"


def in_one_second(version: Version, time: datetime) -> bool:
    """Whether this version is of that second too: a nudged poll may follow another that soon."""
    polled = version.object["status"].get("lastPollTime")  # which tenants have not
    written = [time_of(entry["time"]) for entry in status_entries(version) if "time" in entry]
    return (polled is not None and time_of(polled) == time) or any(w - time <= 2 * SECOND for w in written)


def of_the_operator(versions: Iterable[Version]) -> list[Version]:
    """Without the objects whose status a test wrote."""
    everything = list(versions)
    by_hand = {v.uid for v in everything if any(e["manager"] in BY_HAND for e in status_entries(v))}
    return [version for version in everything if version.uid not in by_hand]


def status_entries(version: Version) -> list[dict[str, Any]]:
    """Who wrote the status, as the API server keeps it."""
    entries = version.object["metadata"].get("managedFields", [])
    return [entry for entry in entries if entry.get("subresource") == "status"]


def time_of(text: str) -> datetime:
    """A Kubernetes time."""
    return datetime.fromisoformat(text)
