"""Flux, Argo CD and the operator share an object: each owns its part, and a synced throttle stays synced."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from argo_cd import FOLDER, ArgoCD, merge_patch
from campaign_throttle.resources import FINALIZER, RECONCILE_ANNOTATION
from control_plane import ControlPlane
from integration.namespaces import Namespace, conditions, manifest
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


def metadata_of(namespace: Namespace) -> dict[str, Any]:
    """The metadata of the throttle, with who owns which field."""
    answer = namespace.plane.kubectl(
        *("get", "campaignthrottle", "sales", "-n", namespace.name, "-o", "json", "--show-managed-fields")
    )
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
