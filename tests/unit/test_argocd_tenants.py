"""With the settings of deploy/argocd, Argo CD tells the health of tenants as it tells that of throttles."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from argo_cd import FOLDER, run
from campaign_throttle.cxone.errors import (
    CredentialsMissing,
    CredentialsRejected,
    CXoneError,
    CXoneUnreachable,
    EndpointNotAllowed,
)
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources import API_VERSION
from campaign_throttle.resources.tenant import TenantStatus
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants.status import FAILURES, Look, build

SETTINGS: dict[str, str] = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
KEY = "resource.customizations.{}.campaignthrottle.io_{}"
ENDPOINT = "https://api-na1.niceincontact.com"
AWAY = CXoneUnreachable("CXone can't be reached (connection refused)")
MISSING = CredentialsMissing("there is no Secret cxone with the credentials: create it")
REFUSED = [
    CredentialsRejected("the token endpoint refused the client (401): check it"),
    EndpointNotAllowed("evil.example is not a host of CXone: correct the URL"),
]


class Tenant:
    """An object as Argo CD sees it, whose status is the operator's own after each look."""

    def __init__(self, kind: TenantKind) -> None:
        self.kind = kind
        self.spec: dict[str, Any] = {"api": "Campaigns", "baseURL": ENDPOINT, "suspend": False}
        self.metadata: dict[str, Any] = {}
        self.generation = 1
        self.status = TenantStatus()
        self.look = Look(generation=1, now=datetime(2026, 11, 24, 12, tzinfo=UTC), throttles=1)

    def looked(self, error: CXoneError | None = None, *, failures: int = 1, settling: bool = False) -> "Tenant":
        now = self.look.now + timedelta(minutes=1)
        self.look = replace(self.look, now=now, error=error, failures=failures if error else 0, settling=settling)
        suspended = self.spec["suspend"] or error is not None
        self.look = replace(
            self.look, generation=self.generation, probe=None if suspended else Probe(ENDPOINT, ("scope",))
        )
        self.status = build(self.status, self.look)
        return self

    @property
    def health(self) -> tuple[str, str]:
        body: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": self.kind.value,
            "metadata": {"name": "cxone", "generation": self.generation} | self.metadata,
            "spec": self.spec,
            "status": self.status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        found = run(SETTINGS[KEY.format("health", self.kind.value)], body)
        return found["status"], found["message"]


@pytest.fixture(params=list(TenantKind))
def tenant(request: pytest.FixtureRequest) -> Tenant:
    return Tenant(request.param)


def test_a_new_tenant_is_progressing(tenant: Tenant) -> None:
    assert tenant.health == ("Progressing", "waiting for the operator to act on generation 1")


def test_a_connected_tenant_is_healthy(tenant: Tenant) -> None:
    assert tenant.looked().health == ("Healthy", "a token was granted, and the API answers")


def test_a_tenant_whose_secret_may_be_on_its_way_is_progressing_and_then_degraded(tenant: Tenant) -> None:
    assert tenant.looked(MISSING, settling=True).health == ("Progressing", str(MISSING))
    assert tenant.looked(MISSING).health == ("Degraded", str(MISSING))
    assert tenant.looked().health[0] == "Healthy"


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: error.reason)
def test_what_only_a_person_can_mend_is_degraded_at_once(tenant: Tenant, error: CXoneError) -> None:
    assert tenant.looked(error, settling=True).health == ("Degraded", str(error))


def test_a_passing_failure_is_degraded_once_it_lasts(tenant: Tenant) -> None:
    assert tenant.looked(AWAY).health == ("Progressing", str(AWAY))
    assert tenant.looked().looked(AWAY).health[0] == "Healthy"
    assert tenant.looked(AWAY, failures=FAILURES).health == ("Degraded", str(AWAY))


def test_a_suspended_tenant_is_suspended(tenant: Tenant) -> None:
    tenant.spec["suspend"] = True
    assert tenant.looked().health[0] == "Suspended"


@pytest.mark.parametrize(
    "before",
    [lambda tenant: tenant.looked(), lambda tenant: tenant.looked(REFUSED[0])],
    ids=["healthy", "degraded"],
)
def test_a_spec_that_was_not_yet_acted_on_is_progressing(
    tenant: Tenant, before: Callable[[Tenant], object]
) -> None:
    before(tenant)
    tenant.generation = 2
    assert tenant.health == ("Progressing", "waiting for the operator to act on generation 2")


def test_a_tenant_that_is_being_deleted_is_progressing(tenant: Tenant) -> None:
    tenant.looked().metadata = {"deletionTimestamp": "2026-11-24T12:00:00Z"}
    assert tenant.health == ("Progressing", "being deleted")


# The generated files


def test_the_settings_are_of_all_kinds_and_actions_of_throttles_alone() -> None:
    health = {KEY.format("health", kind) for kind in ("CampaignThrottle", *TenantKind)}
    assert set(SETTINGS) == health | {KEY.format("actions", "CampaignThrottle")}


@pytest.mark.parametrize("kind", list(TenantKind))
def test_the_settings_hold_the_script_word_by_word(kind: TenantKind) -> None:
    assert SETTINGS[KEY.format("health", kind.value)] == (FOLDER / "health.lua").read_text()
