"""The pages of docs/reference are what their generator writes, and the tenants that they show are valid."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from campaign_throttle.resources.tenant import ClusterCXoneTenantSpec, CXoneTenantSpec, TenantStatus

REFERENCE = Path(__file__).parents[2] / "docs/reference"
VALUES = yaml.safe_load((REFERENCE / "examples.yaml").read_text())
#: A tenant needs more than what is shown of the cluster kind.
TENANT = VALUES["tenants"][0]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, REFERENCE / "generate.py", folder], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("page", ["campaignthrottle.md", "cxonetenant.md", "decisions.md"])
def test_a_page_is_up_to_date(page, fresh):
    assert (REFERENCE / page).read_text() == (fresh / page).read_text(), (
        f"docs/reference/{page} is not up to date: run `make generate`"
    )


def test_every_generated_page_is_looked_at(fresh):
    assert sorted(page.name for page in fresh.iterdir()) == [
        "campaignthrottle.md",
        "cxonetenant.md",
        "decisions.md",
    ]


@pytest.mark.parametrize("spec", VALUES["tenants"], ids=lambda spec: spec["api"])
def test_an_example_of_a_tenant_is_valid(spec):
    CXoneTenantSpec.model_validate(spec)


@pytest.mark.parametrize("spec", VALUES["clusterTenants"], ids=lambda spec: next(iter(spec["allowedNamespaces"])))
def test_an_example_of_a_cluster_tenant_is_valid(spec):
    ClusterCXoneTenantSpec.model_validate(TENANT | spec)


def test_the_examples_of_tenants_have_every_field():
    shown = {name for spec in VALUES["tenants"] + VALUES["clusterTenants"] for name in spec}
    fields = {field.alias or name for name, field in ClusterCXoneTenantSpec.model_fields.items()}
    assert shown == fields
    [status] = VALUES["tenantStatuses"]
    assert TenantStatus.model_validate(status).model_fields_set == set(TenantStatus.model_fields)
