"""The manifests of docs/examples, as a real API server takes them, and as the operator's own models do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from campaign_throttle.resources.misfit import misfit
from campaign_throttle.resources.tenant import ClusterCXoneTenantSpec, CXoneTenantSpec
from campaign_throttle.resources.throttle import CampaignThrottleSpec
from control_plane import ControlPlane

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/examples"
MANIFESTS = sorted(FOLDER.rglob("*.yaml"))
SAMPLES = sorted((ROOT / "deploy/samples").rglob("*.yaml"))
SPECS: dict[str, type[BaseModel]] = {
    "CampaignThrottle": CampaignThrottleSpec,
    "CXoneTenant": CXoneTenantSpec,
    "ClusterCXoneTenant": ClusterCXoneTenantSpec,
}


def objects(manifest: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(manifest.read_text()))


@pytest.fixture(scope="module")
def examples_namespace(plane: ControlPlane) -> Iterator[str]:
    plane.kubectl("create", "namespace", "examples")
    yield "examples"
    plane.kubectl("delete", "namespace", "examples", "--wait=false")


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_the_api_server_takes_an_example(manifest: Path, plane: ControlPlane, examples_namespace: str) -> None:
    answer = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=placed(manifest))
    lines = answer.stdout.splitlines()
    assert len(lines) == len(objects(manifest))
    assert all(line.endswith("created (server dry run)") for line in lines)
    assert answer.stderr == ""


@pytest.mark.parametrize("manifest", [*MANIFESTS, *SAMPLES], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_operator_takes_what_is_in_a_manifest(manifest: Path) -> None:
    """And what it names is there: the Secret of a tenant, in the right namespace, and no credentials that are any."""
    assert manifest.read_text().startswith("# "), "a manifest says first what it is for"
    everything = objects(manifest)
    secrets = {
        (body["metadata"]["name"], body["metadata"].get("namespace")): body["stringData"]
        for body in everything
        if body["kind"] == "Secret"
    }
    for body in everything:
        if body["kind"] == "Secret":
            assert set(body["stringData"].values()) == {"replace-me"}
            continue
        spec = SPECS[body["kind"]].model_validate(body["spec"])
        if isinstance(spec, CXoneTenantSpec):
            where = "campaign-throttle-system" if body["kind"] == "ClusterCXoneTenant" else None
            assert (spec.credentials_secret_ref.name, where) in secrets


def test_every_throttle_of_the_examples_fits_its_tenant() -> None:
    everything = [body for manifest in [*MANIFESTS, *SAMPLES] for body in objects(manifest)]
    tenants = {
        (body["kind"], body["metadata"]["name"]): SPECS[body["kind"]].model_validate(body["spec"])
        for body in everything
        if body["kind"].endswith("Tenant")
    }
    throttles = [body for body in everything if body["kind"] == "CampaignThrottle"]
    on_tenants = 0
    for body in throttles:
        spec = CampaignThrottleSpec.model_validate(body["spec"])
        if spec.tenant_ref is None:
            continue
        tenant = tenants[spec.tenant_ref.kind.value, spec.tenant_ref.name]
        assert isinstance(tenant, CXoneTenantSpec)
        assert misfit(tenant.api, spec) is None, body["metadata"]["name"]
        on_tenants += 1
    assert on_tenants >= 4


def test_the_page_of_the_examples_names_each() -> None:
    page = (FOLDER / "README.md").read_text()
    assert [path for path in MANIFESTS if f"({path.relative_to(FOLDER)})" not in page] == []


def placed(manifest: Path) -> str:
    """The manifest, with the namespace of this test where it names none."""
    found = objects(manifest)
    for body in found:
        if body["kind"] != "ClusterCXoneTenant":
            body["metadata"].setdefault("namespace", "examples")
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
