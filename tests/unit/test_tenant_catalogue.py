"""A tenant reports what its catalogue lists, and nothing else: no reason that the docs don't explain."""

from datetime import UTC, datetime

import pytest

from campaign_throttle.cxone import errors
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources import tenant_catalogue
from campaign_throttle.resources.tenant import TenantStatus
from campaign_throttle.tenants.status import FAILURES, Look, build

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WELL = Look(generation=1, now=NOW, throttles=0, probe=Probe(endpoint="https://api.nicecxone.com"))
SUSPENDED = Look(generation=1, now=NOW, throttles=0)
INVALID = Look(generation=1, now=NOW, throttles=0, invalid="acd is required for api ACD, and only for it")
#: What a look at a tenant can't meet: it asks for no campaign, and asks as the tenant itself.
NOT_OF_A_TENANT = {"CampaignNotFound", "NothingToControl", "TenantNotFound", "TenantNotAllowed"}


def kinds():
    found = {errors.CXoneError}
    while new := {below for kind in found for below in kind.__subclasses__()} - found:
        found |= new
    return sorted((kind for kind in found if kind.reason not in NOT_OF_A_TENANT), key=lambda kind: kind.__name__)


def failed(kind, **fields):
    return Look(generation=1, now=NOW, throttles=0, error=kind("because"), **fields)


def histories():
    """What may have been before, and what is looked at then."""
    for before in (
        (),
        (WELL,),
        (SUSPENDED,),
        (INVALID,),
        *((failed(kind, failures=FAILURES),) for kind in kinds()),
    ):
        for look in (WELL, SUSPENDED, INVALID):
            yield (*before, look)
        for kind in kinds():
            for failures in (1, FAILURES):
                for settling in (False, True):
                    yield (*before, failed(kind, failures=failures, settling=settling))


@pytest.fixture(scope="module")
def seen():
    found = set()
    for looks in histories():
        status = TenantStatus()
        for look in looks:
            status = build(status, look)
            found |= {(condition.type, condition.status, condition.reason) for condition in status.conditions}
    return found


def test_each_condition_in_the_catalogue_can_be_brought_about_and_no_other_is(seen):
    catalogued = set(tenant_catalogue.reasons())
    assert seen - catalogued == set(), "not in the catalogue"
    assert catalogued - seen == set(), "in the catalogue, and never seen"


def test_every_error_that_a_tenant_may_meet_is_a_fault_in_the_catalogue():
    faults = {(fault.name, fault.lasting, fault.grace) for fault in tenant_catalogue.FAULTS}
    assert {(kind.reason, kind.permanent, kind.graced) for kind in kinds()} == faults


def test_everything_in_the_catalogue_is_explained_once():
    for names in (
        [condition.name for condition in tenant_catalogue.CONDITIONS],
        [fault.name for fault in tenant_catalogue.FAULTS],
    ):
        assert len(names) == len(set(names))
    texts = [text for fault in tenant_catalogue.FAULTS for text in (fault.meaning, fault.remedy)]
    assert [text for text in texts if not text.endswith(".")] == []
