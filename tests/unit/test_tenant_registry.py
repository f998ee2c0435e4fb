"""Which tenant a throttle means, and whether it may use it; what becomes of one that is declared anew, or goes."""

import asyncio

import pytest

from campaign_throttle.cxone.errors import (
    CredentialsMissing,
    TenantNotAllowed,
    TenantNotFound,
    TenantNotReady,
)
from campaign_throttle.resources.throttle import TenantKind, TenantRef
from campaign_throttle.tenants import Default, FixedAccess, Tenant, TenantKey, offers, registry
from unit.cxone.tenant_at_work import INTERVAL, tenant, until
from unit.declared_tenants import (
    NAMESPACE,
    OWN_NAMESPACE,
    Cluster,
    access_to,
    campaigns_manifest,
    connects_to,
    tenant_object,
    tenants_of,
)

URL = "https://api.nicecxone.com"
NAMESPACED, CLUSTER = TenantKind.NAMESPACED, TenantKind.CLUSTER
ACME = TenantKey(NAMESPACED, NAMESPACE, "acme")
SHARED = TenantKey(CLUSTER, None, "acme")


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
async def tenants(cluster):
    found = tenants_of(cluster)
    yield found
    await found.close()


def declare(tenants, spec=None, *, kind=NAMESPACED, **metadata):
    return tenants.notice(
        kind, tenant_object(campaigns_manifest(URL) if spec is None else spec, kind=kind, **metadata)
    )


def offer(tenants, **allowed):
    declare(tenants, campaigns_manifest(URL, allowedNamespaces=allowed or None), kind=CLUSTER)


async def entry_of(tenants, key):
    return next(entry for entry in tenants if entry.key == key)


# Which


def test_a_reference_means_a_tenant_of_the_throttles_own_namespace_or_of_the_cluster():
    assert TenantKey.of_reference(TenantRef(name="acme"), NAMESPACE) == ACME
    assert TenantKey.of_reference(TenantRef(kind=CLUSTER, name="acme"), NAMESPACE) == SHARED


async def test_a_tenant_of_one_namespace_is_not_there_for_another(tenants):
    declare(tenants)
    assert await tenants.resolve(ACME, NAMESPACE)
    with pytest.raises(TenantNotFound, match="there is no CXoneTenant acme in namespace team-b"):
        await tenants.resolve(TenantKey(NAMESPACED, "team-b", "acme"), "team-b")
    with pytest.raises(TenantNotFound, match="there is no ClusterCXoneTenant acme"):
        await tenants.resolve(SHARED, NAMESPACE)


async def test_who_names_no_tenant_uses_the_default_one_if_there_is_one(tenants, cluster):
    with pytest.raises(CredentialsMissing, match="no default tenant is configured"):
        await tenants.resolve(None, NAMESPACE)
    access = access_to(URL)
    default = Tenant(FixedAccess(access), connects_to())
    with_default = tenants_of(cluster, default=Default(default, access.spec))
    assert await with_default.resolve(None, NAMESPACE) is default
    await with_default.close()


async def test_a_tenant_whose_spec_cannot_be_read_is_not_ready_and_the_field_is_named(tenants):
    declare(tenants, {"credentialsSecretRef": {"name": "cxone"}})
    with pytest.raises(TenantNotReady, match=r"InvalidSpec: .*baseURL"):
        await tenants.resolve(ACME, NAMESPACE)


# Who may


async def test_a_cluster_tenant_is_offered_to_nobody_unless_it_says_so(tenants):
    offer(tenants)
    with pytest.raises(TenantNotAllowed, match="not offered to namespace team-a"):
        await tenants.resolve(SHARED, NAMESPACE)
    assert not tenants.offers(SHARED, NAMESPACE)


async def test_a_cluster_tenant_is_offered_to_the_namespaces_that_it_names(tenants, cluster):
    offer(tenants, names=["team-a", "team-b"])
    assert await tenants.resolve(SHARED, "team-b")
    for other in ("team-c", "team-", "team-a1", ""):
        with pytest.raises(TenantNotAllowed):
            await tenants.resolve(SHARED, other)
    assert cluster.reads == []


async def test_a_cluster_tenant_is_offered_to_the_namespaces_that_it_selects(tenants, cluster):
    cluster.labels_of = {"team-a": {"dialer": "yes"}, "team-b": {"dialer": "no"}}
    offer(tenants, selector={"matchLabels": {"dialer": "yes"}})
    assert await tenants.resolve(SHARED, "team-a")
    for other in ("team-b", "gone"):
        with pytest.raises(TenantNotAllowed):
            await tenants.resolve(SHARED, other)
    assert [tenants.offers(SHARED, name) for name in ("team-a", "team-b", "never-seen")] == [True, False, False]


async def test_the_labels_of_a_namespace_are_read_once_for_all_its_throttles(tenants, cluster):
    offer(tenants, selector={})
    await asyncio.gather(*(tenants.resolve(SHARED, NAMESPACE) for _ in range(500)))
    assert cluster.reads == [NAMESPACE]


async def test_new_labels_count_within_seconds(tenants, cluster, monkeypatch):
    monkeypatch.setattr(offers, "LABELS_AGE", offers.LABELS_AGE / 1e6)
    offer(tenants, selector={"matchLabels": {"dialer": "yes"}})
    with pytest.raises(TenantNotAllowed):
        await tenants.resolve(SHARED, NAMESPACE)
    cluster.labels_of[NAMESPACE] = {"dialer": "yes"}
    assert await tenants.resolve(SHARED, NAMESPACE)
    cluster.labels_of[NAMESPACE] = {}
    with pytest.raises(TenantNotAllowed):
        await tenants.resolve(SHARED, NAMESPACE)


async def test_while_labels_cannot_be_read_those_that_are_known_count_and_unknown_ones_allow_nobody(
    tenants, cluster, monkeypatch
):
    monkeypatch.setattr(offers, "LABELS_AGE", offers.LABELS_AGE / 1e6)
    offer(tenants, selector={})
    await tenants.resolve(SHARED, NAMESPACE)
    cluster.down = True
    assert await tenants.resolve(SHARED, NAMESPACE)
    with pytest.raises(TenantNotReady, match="labels can't be read"):
        await tenants.resolve(SHARED, "team-b")
    assert not tenants.offers(SHARED, "team-b")


async def test_an_api_server_that_is_away_is_not_asked_by_each_throttle_anew(tenants, cluster):
    offer(tenants, selector={})
    cluster.down = True
    for _ in range(10):
        with pytest.raises(TenantNotReady):
            await tenants.resolve(SHARED, NAMESPACE)
    assert cluster.reads == [NAMESPACE]


# Secrets


async def test_the_secrets_of_the_cluster_kind_are_read_in_the_operators_namespace_alone():
    async with tenant() as at:
        cluster = Cluster(secrets={})
        tenants = tenants_of(cluster, at.sim.url)
        spec = campaigns_manifest(at.sim.url, allowedNamespaces={"names": [NAMESPACE]})
        declare(tenants, spec, kind=CLUSTER)
        found = await tenants.resolve(SHARED, NAMESPACE)
        with pytest.raises(CredentialsMissing):
            await found.probe(max_age=INTERVAL, deadline=at.deadline())
        assert cluster.reads == [(OWN_NAMESPACE, "cxone")]
        assert at.requests() == []
        await tenants.close()


# Declared anew


async def test_an_event_that_brings_no_new_spec_is_no_news(tenants):
    assert declare(tenants)
    assert not declare(tenants)
    assert not declare(tenants, status={"observedGeneration": 1, "throttles": 3})
    assert declare(tenants, generation=2)


async def test_a_new_spec_keeps_the_tenant_and_another_object_of_the_name_is_another_tenant(tenants):
    declare(tenants)
    first = await tenants.resolve(ACME, NAMESPACE)
    declare(tenants, generation=2)
    assert await tenants.resolve(ACME, NAMESPACE) is first
    declare(tenants, uid="tenant-2")
    assert await tenants.resolve(ACME, NAMESPACE) is not first


async def test_the_end_of_a_former_object_of_the_name_is_not_the_end_of_the_present_one(tenants):
    declare(tenants)
    declare(tenants, uid="tenant-2")
    assert tenants.forget(NAMESPACED, tenant_object({}, uid="tenant-1")) is None
    assert await tenants.resolve(ACME, NAMESPACE)
    assert tenants.forget(NAMESPACED, tenant_object({}, uid="tenant-2")) is not None
    with pytest.raises(TenantNotFound):
        await tenants.resolve(ACME, NAMESPACE)


async def test_a_status_that_cannot_be_read_is_none(tenants):
    for status in ("broken", {"conditions": "none"}, {"throttles": -1}, {"conditions": [None]}):
        declare(tenants, uid=str(status), status=status)
        entry = await entry_of(tenants, ACME)
        assert entry.stored.throttles is None


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"api": "ACD"},
        {"baseURL": 5, "credentialsSecretRef": {"name": "x"}},
        {"baseURL": "https://a]", "credentialsSecretRef": []},
        {"baseURL": "x" * 100_000, "credentialsSecretRef": {"name": "x"}},
        campaigns_manifest(URL, timeout="1e999h"),
        campaigns_manifest(URL, rateLimit={"requestsPerSecond": 0}),
        campaigns_manifest(URL, caSecretRef={"name": "../../etc"}),
    ],
)
async def test_whatever_an_editor_writes_is_an_invalid_spec_and_no_crash(tenants, spec):
    declare(tenants, spec)
    entry = await entry_of(tenants, ACME)
    assert entry.invalid
    assert len(entry.invalid) < 1000
    assert tenants.spec_of(ACME) is None


# The end


async def test_a_deleted_tenant_is_reached_for_a_while_by_what_is_deleted_with_it_and_no_longer(monkeypatch):
    monkeypatch.setattr(registry, "LEAVING_TIME", registry.LEAVING_TIME / 100)
    async with tenant() as at:
        tenants = tenants_of(Cluster(), at.sim.url)
        body = tenant_object(campaigns_manifest(at.sim.url))
        tenants.notice(NAMESPACED, body)
        found = await tenants.resolve(ACME, NAMESPACE)
        await found.probe(max_age=INTERVAL, deadline=at.deadline())
        tenants.forget(NAMESPACED, body)
        await found.probe(max_age=INTERVAL, deadline=at.deadline())
        await until(lambda: not tenants._leaving)
        await until(lambda: not tenants._closing)
        with pytest.raises(TenantNotFound, match="not there any more"):
            await found.probe(max_age=INTERVAL, deadline=at.deadline())
        await tenants.close()


async def test_closing_lets_go_of_all_connections_also_of_those_that_are_leaving():
    async with tenant() as at:
        tenants = tenants_of(Cluster(), at.sim.url)
        for uid in ("tenant-1", "tenant-2"):
            tenants.notice(NAMESPACED, tenant_object(campaigns_manifest(at.sim.url), uid=uid))
            found = await tenants.resolve(ACME, NAMESPACE)
            await found.probe(max_age=INTERVAL, deadline=at.deadline())
        await tenants.close()
        assert not [
            task
            for task in asyncio.all_tasks()
            if task is not asyncio.current_task() and "campaign_throttle" in repr(task)
        ]


# Users


async def test_the_throttles_of_a_tenant_are_counted_whether_it_is_there_or_not(tenants):
    tenants.use(ACME, "a")
    tenants.use(ACME, "b")
    tenants.use(None, "c")
    declare(tenants)
    assert tenants.users(ACME) == {"a", "b"}
    tenants.leave(ACME, "a")
    tenants.leave(ACME, "a")
    assert tenants.users(ACME) == {"b"}
    tenants.leave(ACME, "b")
    tenants.leave(TenantKey(NAMESPACED, NAMESPACE, "other"), "b")
    assert tenants.users(ACME) == frozenset()


async def test_a_throttle_that_only_changes_does_not_have_its_tenant_looked_at(tenants):
    """Each write of a throttle's status comes by here."""
    declare(tenants)
    entry = await entry_of(tenants, ACME)
    tenants.use(ACME, "a")
    assert entry.nudged.is_set()
    entry.nudged.clear()
    tenants.use(ACME, "a")
    assert not entry.nudged.is_set()
    tenants.leave(ACME, "a")
    assert entry.nudged.is_set()


async def test_nothing_is_left_of_tenants_and_throttles_that_came_and_went(tenants):
    for number in range(100):
        key = TenantKey(NAMESPACED, NAMESPACE, f"t{number}")
        body = tenant_object(campaigns_manifest(URL), name=key.name, uid=key.name)
        tenants.use(key, "throttle")
        tenants.notice(NAMESPACED, body)
        tenants.forget(NAMESPACED, body)
        tenants.leave(key, "throttle")
    assert (tenants._entries, tenants._users, tenants._deleted) == ({}, {}, {})
