"""Flux, Argo CD and the operator share an object: each owns its part, and a synced throttle stays synced."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from argo_cd import FOLDER, ArgoCD, merge_patch, run
from campaign_throttle.resources import FINALIZER, RECONCILE_ANNOTATION
from control_plane import ControlPlane, binaries
from integration import tenancy
from integration.conftest import SYSTEM
from integration.namespaces import Namespace, conditions, manifest
from integration.oracles import findings
from integration.pace import wait_for
from integration.recorder import Recorder
from integration.tenancy import secret, tenant, wait_for_reason
from integration.watching import Operators, polls_again
from stack import Operator, Simulator

IN_GIT = manifest("sales", pauseThreshold=3, resumeThreshold=9)
FLUX = ("--server-side", "--field-manager=flux")


@pytest.fixture
def sales(operator: Operator, simulator: Simulator, namespace: Namespace) -> Namespace:
    """A throttle that Flux applied, and for which the operator has paused the campaign."""
    simulator.set_agents(available=2)
    apply(namespace, IN_GIT, *FLUX)
    namespace.wait_for_status("sales", lambda status: status.get("campaignState") == "Paused", "the pause")
    namespace.wait_ready("sales")
    return namespace


@pytest.fixture
def argo_cd() -> ArgoCD:
    return ArgoCD.as_shipped()


# No drift


def test_applying_the_same_again_writes_nothing_and_there_is_no_drift(sales: Namespace) -> None:
    before = sales.get("sales")["metadata"]
    for how in ((), ("--server-side",), FLUX):
        assert diff(sales, IN_GIT, *how) == (0, ""), how
    apply(sales, IN_GIT, *FLUX)
    after = sales.get("sales")["metadata"]
    assert (after["resourceVersion"], after["generation"]) == (before["resourceVersion"], 1)


def test_a_throttle_applied_on_the_client_shows_no_drift(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    apply(namespace, IN_GIT)
    namespace.wait_ready("sales")
    before = namespace.get("sales")["metadata"]["resourceVersion"]
    assert diff(namespace, IN_GIT) == (0, "")
    assert diff(namespace, IN_GIT, *FLUX) == (0, "")
    assert apply(namespace, IN_GIT).stdout.endswith("unchanged\n")
    assert namespace.get("sales")["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize("how", [(), ("--server-side",), FLUX], ids=["client", "server", "flux"])
def test_a_tenant_that_is_connected_shows_no_drift(
    operator: Operator, simulator: Simulator, namespace: Namespace, how: tuple[str, ...]
) -> None:
    in_git = tenant("cxone", simulator, timeout="10s")
    apply(namespace, secret("cxone"))
    apply(namespace, in_git, *how)
    wait_for_reason(namespace.plane, "cxonetenant", "cxone", "Connected", namespace.name)
    before = metadata_of(namespace, "cxonetenant/cxone")
    assert diff(namespace, in_git, *how) == (0, "")
    apply(namespace, in_git, *how)
    after = metadata_of(namespace, "cxonetenant/cxone")
    assert (after["resourceVersion"], after["generation"]) == (before["resourceVersion"], 1)
    # The operator owns its status and nothing else: no finalizer, no annotation.
    assert "finalizers" not in after
    operators = [entry for entry in after["managedFields"] if entry["manager"] == "campaign-throttle"]
    assert [(entry["subresource"], list(entry["fieldsV1"])) for entry in operators] == [("status", ["f:status"])]


# All in one apply


#: Flux and Helm sort by kind, and kinds that they don't know come last, by name; a person sorts as it comes.
ORDERS: dict[str, tuple[str, ...]] = {
    "the order of Flux and Helm": ("Secret", "CXoneTenant", "CampaignThrottle", "ClusterCXoneTenant"),
    "the wrong order": ("CampaignThrottle", "ClusterCXoneTenant", "CXoneTenant", "Secret"),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_what_is_applied_together_becomes_ready_and_is_never_stalled(
    operators: Operators,
    simulator: Simulator,
    namespace: Namespace,
    plane: ControlPlane,
    recorder: Recorder,
    order: tuple[str, ...],
) -> None:
    """Helm gives up for good on a Stalled that lasts for a moment, Flux on the first that it sees."""
    operators.start(POD_NAMESPACE=SYSTEM)
    simulator.add_campaign("cmp-2", status="RUNNING")
    shared = f"shared-{namespace.name}"
    offered = {"selector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}}
    cluster_tenant = {"kind": "ClusterCXoneTenant", "name": shared}
    objects = [
        placed(secret("cxone"), namespace.name),
        placed(secret(shared), SYSTEM),
        placed(tenant("cxone", simulator), namespace.name),
        placed(manifest("own", campaignID="cmp-1", tenantRef={"name": "cxone"}), namespace.name),
        placed(manifest("shared", campaignID="cmp-2", tenantRef=cluster_tenant), namespace.name),
        tenant(shared, simulator, kind="ClusterCXoneTenant", allowedNamespaces=offered),
    ]
    objects.sort(key=lambda body: order.index(body["kind"]))
    applied = {(body["kind"], body["metadata"]["name"]) for body in objects if body["kind"] != "Secret"}
    try:
        tenancy.apply(plane, objects)
        namespace.wait_ready("own", "shared")
        for kind, name in (("cxonetenant", "cxone"), ("clustercxonetenant", shared)):
            plane.kubectl("wait", "--for=condition=Ready", f"{kind}/{name}", "-n", namespace.name, "--timeout=60s")
        seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for version in recorder.catch_up():
            metadata = version.object["metadata"]
            if metadata.get("namespace", namespace.name) == namespace.name:
                seen.setdefault((version.kind, metadata["name"]), []).append(version.object["status"])
    finally:
        plane.kubectl("delete", "clustercxonetenant", shared, "--ignore-not-found")
        plane.kubectl("delete", "secret", shared, "-n", SYSTEM, "--ignore-not-found")
    assert applied <= seen.keys()
    for key in applied:
        assert [status for status in seen[key] if "Stalled" in conditions(status)] == [], key
        # Once it is ready it stays so.
        ready = [conditions(status).get("Ready", {}).get("status") for status in seen[key]]
        assert set(ready[ready.index("True") :]) == {"True"}, key


def test_an_operator_that_is_replaced_meanwhile_waits_on(
    operators: Operators, simulator: Simulator, namespace: Namespace, recorder: Recorder
) -> None:
    """As when the operator itself is part of the release: the oracles watch that nothing is Stalled too soon."""
    operator = operators.start(POD_NAMESPACE=SYSTEM)
    cases = {
        "no-tenant": ({"name": "to-come"}, "TenantNotFound"),
        "no-secret": ({"name": "no-secret"}, "CredentialsMissing"),
    }
    apply(namespace, tenant("no-secret", simulator))
    for name, (reference, _) in cases.items():
        namespace.apply(name, campaignID=name, tenantRef=reference)
    for name, (_, reason) in cases.items():
        wait_for(lambda: namespace.condition(name, "Ready").get("reason") == reason, reason)  # noqa: B023
    operator.stop()
    operator = operators.start(POD_NAMESPACE=SYSTEM)
    for name in cases:
        polls_again(operator, namespace, name)
    apply(namespace, secret("no-secret"))
    apply(namespace, secret("to-come"))
    apply(namespace, tenant("to-come", simulator))
    simulator.add_campaign("no-tenant", status="RUNNING")
    simulator.add_campaign("no-secret", status="RUNNING")
    namespace.wait_ready(*cases)
    mine = [
        version for version in recorder.catch_up() if version.object["metadata"].get("namespace") == namespace.name
    ]
    assert [str(found) for found in findings(binaries.oracles(), mine)] == []


# Who owns what


def test_the_operator_owns_the_status_and_its_finalizer_and_nothing_else(sales: Namespace) -> None:
    metadata = metadata_of(sales)
    assert metadata["finalizers"] == [FINALIZER]
    assert "annotations" not in metadata
    entries = metadata["managedFields"]
    flux = [entry for entry in entries if entry["manager"] == "flux"]
    assert [entry["operation"] for entry in flux] == ["Apply"]
    assert flux[0]["fieldsV1"] == {"f:spec": {f"f:{field}": {} for field in IN_GIT["spec"]}}

    operators = [entry for entry in entries if entry not in flux]
    of_status = [entry for entry in operators if entry.get("subresource") == "status"]
    assert [(entry["manager"], list(entry["fieldsV1"])) for entry in of_status] == [
        ("campaign-throttle", ["f:status"])
    ]
    others = [entry["fieldsV1"] for entry in operators if entry not in of_status]
    assert others == [{"f:metadata": {"f:finalizers": {".": {}, f'v:"{FINALIZER}"': {}}}}]


def test_all_that_the_operator_ever_writes_leaves_the_rest_to_others(
    sales: Namespace, simulator: Simulator
) -> None:
    """After a changed spec, a reconcile request and a resume by the operator."""
    apply(sales, changed(IN_GIT, pauseThreshold=4), *FLUX)
    sales.plane.kubectl("annotate", "cth", "sales", "-n", sales.name, f"{RECONCILE_ANNOTATION}=now")
    simulator.set_agents(available=30)
    sales.wait_for_status(
        "sales",
        lambda status: status["campaignState"] == "Running" and status.get("lastHandledReconcileAt") == "now",
        "the resume",
    )
    found = metadata_of(sales)
    assert found["annotations"] == {RECONCILE_ANNOTATION: "now"}
    owners = {
        field: {entry["manager"] for entry in found["managedFields"] if field in json.dumps(entry["fieldsV1"])}
        for field in ('"f:spec"', '"f:annotations"')
    }
    assert owners['"f:spec"'] == {"flux"}
    assert owners['"f:annotations"'] == {"kubectl-annotate"}


# Others change it


def test_an_edit_by_hand_is_a_conflict_until_flux_insists(sales: Namespace) -> None:
    sales.plane.kubectl(*edit({"pauseThreshold": 7}), "-n", sales.name)
    sales.wait_for_status("sales", lambda status: status["observedGeneration"] == 2, "the edit to be seen")
    code, difference = diff(sales, IN_GIT)
    assert code == 1
    assert "-  pauseThreshold: 7" in difference
    assert "+  pauseThreshold: 3" in difference

    refused = apply(sales, IN_GIT, *FLUX, check=False)
    assert refused.returncode != 0
    assert 'conflict with "kubectl-edit"' in refused.stderr
    assert ".spec.pauseThreshold" in refused.stderr
    assert ".status" not in refused.stderr
    assert sales.get("sales")["spec"]["pauseThreshold"] == 7

    apply(sales, IN_GIT, *FLUX, "--force-conflicts")
    status = sales.wait_for_status(
        "sales", lambda status: status["observedGeneration"] == 3, "Git's word to be seen"
    )
    assert sales.get("sales")["spec"]["pauseThreshold"] == 3
    assert conditions(status)["Ready"]["status"] == "True"
    assert diff(sales, IN_GIT, *FLUX) == (0, "")


def test_an_edit_by_hand_of_a_field_that_git_is_silent_about_stays(sales: Namespace) -> None:
    sales.plane.kubectl(*edit({"mode": "Observe"}), "-n", sales.name)
    apply(sales, IN_GIT, *FLUX)
    assert sales.get("sales")["spec"]["mode"] == "Observe"
    assert diff(sales, IN_GIT, *FLUX) == (0, "")


def test_apply_on_the_client_takes_an_edit_by_hand_back(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    apply(namespace, IN_GIT)
    namespace.wait_ready("sales")
    namespace.plane.kubectl(*edit({"pauseThreshold": 7}), "-n", namespace.name)
    apply(namespace, IN_GIT)
    assert namespace.get("sales")["spec"]["pauseThreshold"] == 3
    namespace.wait_for_status("sales", lambda status: status["observedGeneration"] == 3, "Git's word")


def test_another_campaign_is_refused_in_the_words_that_flux_recreates_on(sales: Namespace) -> None:
    for more in ((), ("--force-conflicts",), ("--dry-run=server",)):
        refused = apply(sales, changed(IN_GIT, campaignID="cmp-2"), *FLUX, *more, check=False)
        assert refused.returncode != 0, more
        assert "campaignID is immutable" in refused.stderr, more
    found = sales.get("sales")
    assert (found["spec"]["campaignID"], found["metadata"]["generation"]) == ("cmp-1", 1)


# Argo CD


def test_argo_cd_tells_the_health_of_what_is_there(
    namespace: Namespace, simulator: Simulator, operator: Operator, argo_cd: ArgoCD
) -> None:
    namespace.apply("healthy")
    namespace.apply("degraded", campaignID="there-is-none")
    namespace.wait_ready("healthy")
    namespace.wait_for_status("degraded", lambda status: "Stalled" in conditions(status), "Stalled")
    health, message = argo_cd.health(namespace.get("healthy"))
    assert (health, message) == ("Healthy", namespace.condition("healthy", "Ready")["message"])
    health, message = argo_cd.health(namespace.get("degraded"))
    assert health == "Degraded"
    assert "there-is-none" in message


def test_argo_cd_tells_the_health_of_tenants(
    namespace: Namespace, simulator: Simulator, operator: Operator, plane: ControlPlane
) -> None:
    script = SETTINGS["resource.customizations.health.campaignthrottle.io_CXoneTenant"]
    apply(namespace, secret("healthy"))
    apply(namespace, tenant("healthy", simulator))
    apply(namespace, tenant("progressing", simulator))
    apply(namespace, tenant("degraded", credentialsSecretRef={"name": "healthy"}, baseURL="https://evil.example"))
    apply(namespace, tenant("suspended", simulator, suspend=True))
    for name, reason, expected in (
        ("healthy", "Connected", "Healthy"),
        ("progressing", "CredentialsMissing", "Progressing"),
        ("degraded", "EndpointNotAllowed", "Degraded"),
        ("suspended", "Suspended", "Suspended"),
    ):
        wait_for_reason(plane, "cxonetenant", name, reason, namespace.name)
        answer = plane.kubectl("get", "cxonetenant", name, "-n", namespace.name, "-o", "json")
        live = json.loads(answer.stdout)
        told = run(script, live)
        # On a machine that is so slow the grace may be over.
        late = name == "progressing" and "Stalled" in conditions(live["status"])
        health = "Degraded" if late else expected
        assert told == {"status": health, "message": conditions(live["status"])["Ready"]["message"]}


def test_a_throttle_without_an_operator_is_progressing(namespace: Namespace, argo_cd: ArgoCD) -> None:
    namespace.apply("new")
    assert argo_cd.health(namespace.get("new"))[0] == "Progressing"


def test_suspend_and_resume_work_and_are_no_drift(sales: Namespace, simulator: Simulator, argo_cd: ArgoCD) -> None:
    live = sales.get("sales")
    assert argo_cd.enabled_actions(live) == {"suspend", "reconcile"}
    body = json.dumps(argo_cd.act("suspend", live))
    sales.plane.kubectl("replace", "-n", sales.name, "-f", "-", input=body)
    status = sales.wait_for_status(
        "sales", lambda status: conditions(status)["Ready"]["reason"] == "Suspended", "the suspension"
    )
    assert status["observedGeneration"] == 2
    suspended = sales.get("sales")
    assert argo_cd.health(suspended)[0] == "Suspended"
    assert argo_cd.enabled_actions(suspended) == {"resume"}
    assert diff(sales, IN_GIT, *FLUX) == (0, "")
    assert diff(sales, changed(IN_GIT, suspend=False))[0] == 1  # what Git should leave unsaid

    patch(sales, suspended, argo_cd.act("resume", suspended))
    simulator.set_agents(available=9)
    sales.wait_for_status("sales", lambda status: status["campaignState"] == "Running", "the resume")
    assert simulator.campaign()["status"] == "RUNNING"
    assert argo_cd.health(sales.get("sales"))[0] == "Healthy"
    assert diff(sales, IN_GIT, *FLUX) == (0, "")


def test_reconcile_is_answered_and_is_no_drift(sales: Namespace, argo_cd: ArgoCD) -> None:
    live = sales.get("sales")
    wanted = argo_cd.act("reconcile", live)
    patch(sales, live, wanted)
    value = wanted["metadata"]["annotations"][RECONCILE_ANNOTATION]
    sales.wait_for_status("sales", lambda status: status.get("lastHandledReconcileAt") == value, "the echo")
    assert diff(sales, IN_GIT, *FLUX) == (0, "")
    apply(sales, IN_GIT, *FLUX)
    after = sales.get("sales")
    assert after["metadata"]["annotations"] == {RECONCILE_ANNOTATION: value}
    assert after["metadata"]["generation"] == 1


# How its settings get into Argo CD


SETTINGS: dict[str, str] = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
THEIRS = {"url": "https://argocd.example.com"}


def config_map(**metadata: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"} | metadata, "data": THEIRS}


def test_the_settings_can_be_patched_into_the_config_map(namespace: Namespace) -> None:
    kubectl = namespace.plane.kubectl
    apply(namespace, config_map())
    patch_file = ("--type=merge", "--patch-file", str(FOLDER / "argocd-cm.yaml"))
    kubectl("patch", "configmap", "argocd-cm", "-n", namespace.name, *patch_file)
    found = json.loads(kubectl("get", "configmap", "argocd-cm", "-n", namespace.name, "-o", "json").stdout)
    assert found["data"] == THEIRS | SETTINGS


@pytest.mark.parametrize("metadata", [{}, {"namespace": "argocd"}], ids=["no namespace", "a namespace"])
def test_the_settings_are_a_component_for_kustomize(
    plane: ControlPlane, tmp_path: Path, metadata: dict[str, str]
) -> None:
    (tmp_path / "argo-cd").mkdir()
    (tmp_path / "argo-cd/install.yaml").write_text(json.dumps(config_map(**metadata)))
    component = tmp_path / "component"
    component.mkdir()
    for name in ("kustomization.yaml", "argocd-cm.yaml"):
        (component / name).write_bytes((FOLDER / name).read_bytes())
    kustomization = {"namespace": "argocd", "resources": ["install.yaml"], "components": ["../component"]}
    (tmp_path / "argo-cd/kustomization.yaml").write_text(json.dumps(kustomization))
    found = yaml.safe_load(plane.kubectl("kustomize", str(tmp_path / "argo-cd")).stdout)
    assert found["metadata"] == {"name": "argocd-cm", "namespace": "argocd"}
    assert found["data"] == THEIRS | SETTINGS


# Helpers


def apply(namespace: Namespace, body: dict[str, Any], *how: str, check: bool = True) -> Any:
    return namespace.plane.kubectl(
        *("apply", "-n", namespace.name, "-f", "-"), *how, input=json.dumps(body), check=check
    )


def diff(namespace: Namespace, body: dict[str, Any], *how: str) -> tuple[int, str]:
    """Exit code (1: there is drift) and what is different."""
    answer = namespace.plane.kubectl(
        *("diff", "-n", namespace.name, "-f", "-"), *how, input=json.dumps(body), check=False
    )
    assert answer.returncode in (0, 1), answer.stderr
    return answer.returncode, answer.stdout


def placed(body: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An object with the namespace that it goes to."""
    return body | {"metadata": body["metadata"] | {"namespace": namespace}}


def metadata_of(namespace: Namespace, what: str = "campaignthrottle/sales") -> dict[str, Any]:
    """The metadata of the throttle, or of something else, with who owns which field."""
    answer = namespace.plane.kubectl("get", what, "-n", namespace.name, "-o", "json", "--show-managed-fields")
    found: dict[str, Any] = json.loads(answer.stdout)["metadata"]
    return found


def changed(body: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return body | {"spec": body["spec"] | spec}


def edit(spec: dict[str, Any]) -> tuple[str, ...]:
    """What ``kubectl edit`` sends."""
    body = json.dumps({"spec": spec})
    return ("patch", "campaignthrottle", "sales", "--type=merge", "-p", body, "--field-manager=kubectl-edit")


def patch(namespace: Namespace, live: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Carry out an action as Argo CD does."""
    body = json.dumps(merge_patch(live, wanted))
    namespace.plane.kubectl(
        *("patch", "campaignthrottle", live["metadata"]["name"], "-n", namespace.name),
        *("--type=merge", "-p", body, "--field-manager=argocd-server"),
    )
