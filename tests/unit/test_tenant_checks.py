"""Each tenant resource is looked at from time to time; its status is written when that says anything new."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten
from campaign_throttle.resources.behaviour import Agents
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants import Checks, TenantKey, Tenants, checks
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import SECRET, At, tenant, until
from unit.declared_tenants import NAMESPACE, Cluster, campaigns_manifest, tenant_object, tenants_of

NAMESPACED = TenantKind.NAMESPACED
ACME = TenantKey(NAMESPACED, NAMESPACE, "acme")


@dataclass
class Writer:
    """Of the status of tenants. ``outcomes`` says how the next writes end; all others are taken."""

    written: list[dict] = field(default_factory=list)
    outcomes: list[Exception] = field(default_factory=list)

    async def write(self, namespace, name, uid, status, *, timeout):
        await asyncio.sleep(0)
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.written.append(status)


@dataclass
class Work:
    """One tenant that is looked at."""

    at: At
    cluster: Cluster
    tenants: Tenants
    writer: Writer
    checks: Checks
    woken: list[TenantKey]
    looks: int = 0

    def declare(self, **spec):
        self.generation = getattr(self, "generation", 0) + 1
        body = tenant_object(campaigns_manifest(self.at.sim.url, **spec), generation=self.generation)
        self.tenants.notice(NAMESPACED, body)
        self.checks.follow()

    @property
    def entry(self):
        [entry] = self.tenants
        return entry

    def ready(self):
        """Status and reason of Ready, as last written."""
        conditions = self.writer.written[-1]["conditions"] if self.writer.written else []
        return next(((found["status"], found["reason"]) for found in conditions if found["type"] == "Ready"), None)

    async def looked(self):
        """Have the tenant looked at once more."""
        before = self.looks
        self.entry.nudged.set()
        await until(lambda: self.looks > before, seconds=60)

    async def polled(self):
        """A throttle reads the agents."""
        found = await self.tenants.resolve(ACME, NAMESPACE)
        return await found.read_agents(Agents(), max_age=timedelta(0), deadline=self.at.deadline())


@pytest.fixture
async def work(monkeypatch):
    monkeypatch.setattr(checks, "SETTLE", timedelta(0))
    async with tenant() as at:
        cluster, writer, woken = Cluster(), Writer(), []
        tenants = tenants_of(cluster, at.sim.url)
        found = Work(at, cluster, tenants, writer, Checks(tenants, {NAMESPACED: writer}, woken.append), woken)
        look = Checks._look

        async def counted(self, entry):
            try:
                return await look(self, entry)
            finally:
                found.looks += 1

        monkeypatch.setattr(Checks, "_look", counted)
        yield found
        await found.checks.close()
        await tenants.close()


async def test_a_tenant_that_works_is_ready_and_its_throttles_are_woken_once(work):
    work.declare()
    await until(lambda: work.writer.written)
    assert work.ready() == ("True", "Connected")
    assert work.writer.written[0]["observedGeneration"] == 1
    assert work.writer.written[0]["apiEndpoint"] == work.at.sim.url
    await until(lambda: work.woken)
    await work.looked()
    assert work.woken == [ACME]


async def test_a_steady_state_writes_nothing_and_asks_cxone_nothing(work):
    work.declare()
    await until(lambda: work.writer.written)
    asked = len(work.at.requests())
    for _ in range(20):
        await work.looked()
    assert len(work.writer.written) == 1
    assert len(work.at.requests()) == asked


async def test_the_poll_of_a_throttle_tells_as_much_as_a_look(work):
    work.declare(suspend=True)
    await until(lambda: work.writer.written)
    await work.checks.close()
    work.checks = Checks(work.tenants, {NAMESPACED: work.writer}, work.woken.append)
    work.generation += 1
    work.tenants.notice(NAMESPACED, tenant_object(campaigns_manifest(work.at.sim.url), generation=work.generation))
    await work.polled()
    asked = len(work.at.requests())
    work.checks.follow()
    await until(lambda: work.ready() == ("True", "Connected"))
    assert len(work.at.requests()) == asked


async def test_a_poll_that_finds_the_tenant_unwell_has_it_looked_at_at_once(work):
    work.declare()
    await until(lambda: work.ready() == ("True", "Connected"))
    work.at.fault(kind="status", path="agents", code=403)
    with contextlib.suppress(Exception):
        await work.polled()
    await until(lambda: work.ready() == ("False", "Forbidden"))
    work.at.sim.faults.clear()
    await work.polled()
    await until(lambda: work.ready() == ("True", "Connected"))
    assert work.woken == [ACME, ACME]


async def test_one_kind_of_reading_that_works_is_enough_and_the_other_flaps_nothing(work):
    """As where an ACD user may see the skills' activity and not the agents' states."""
    work.declare()
    await until(lambda: work.ready() == ("True", "Connected"))
    await work.polled()
    await work.looked()
    written = len(work.writer.written)
    found = await work.tenants.resolve(ACME, NAMESPACE)
    for _ in range(3):
        await work.polled()
        work.at.fault(kind="status", path="agents", code=403, count=1)
        with contextlib.suppress(Exception):
            await found.read_agents(Agents(states=["busy"]), max_age=timedelta(0), deadline=work.at.deadline())
        await work.looked()
    assert work.writer.written[written:] == []


async def test_a_missing_secret_is_in_progress_at_first_and_recovers_when_it_comes(work, monkeypatch):
    monkeypatch.setattr(checks, "INTERVAL_WHILE_MISSING", timedelta(seconds=0.05))
    secret = work.cluster.secrets.pop((NAMESPACE, "cxone"))
    work.declare()
    await until(lambda: work.ready() == ("Unknown", "CredentialsMissing"))
    assert [found["type"] for found in work.writer.written[-1]["conditions"]] == ["Ready", "Reconciling"]
    monkeypatch.setattr(checks, "GRACE", timedelta(0))
    await until(lambda: work.ready() == ("False", "CredentialsMissing"))
    assert [found["type"] for found in work.writer.written[-1]["conditions"]] == ["Ready", "Stalled"]
    work.cluster.secrets[NAMESPACE, "cxone"] = secret
    await until(lambda: work.ready() == ("True", "Connected"))
    assert work.woken == [ACME]


async def test_a_secret_that_goes_is_told_when_a_poll_meets_it(work, monkeypatch):
    monkeypatch.setattr(checks, "GRACE", timedelta(0))
    work.declare()
    await until(lambda: work.ready() == ("True", "Connected"))
    await work.polled()
    del work.cluster.secrets[NAMESPACE, "cxone"]
    with contextlib.suppress(Exception):
        await work.polled()
    await until(lambda: work.ready() == ("False", "CredentialsMissing"))


async def test_refused_credentials_are_told_without_showing_them(work, caplog):
    caplog.set_level(logging.DEBUG)
    work.cluster.secrets[NAMESPACE, "cxone"]["clientSecret"] = "wr0ng-s3cret"
    work.declare()
    await until(lambda: work.ready() == ("False", "CredentialsRejected"))
    for secret in (SECRET, "wr0ng-s3cret"):
        assert secret not in str(work.writer.written) + caplog.text + repr(work.entry)


async def test_a_suspended_tenant_is_not_asked(work):
    work.declare(suspend=True)
    await until(lambda: work.writer.written)
    assert work.ready() == ("True", "Suspended")
    assert work.at.requests() == []
    assert work.cluster.reads == []


async def test_an_address_that_is_not_allowed_is_refused_before_anything_is_sent(work):
    work.declare(baseURL="https://nicecxone.com.evil.example")
    await until(lambda: work.writer.written)
    assert work.ready() == ("False", "EndpointNotAllowed")
    assert work.at.requests() == []


async def test_a_new_spec_is_looked_at_at_once_and_told_with_its_generation(work):
    work.declare()
    await until(lambda: work.ready() == ("True", "Connected"))
    work.declare(suspend=True)
    await until(lambda: work.ready() == ("True", "Suspended"))
    assert work.writer.written[-1]["observedGeneration"] == 2


async def test_a_spec_that_changes_during_a_look_is_never_told_of_what_was_found_before(work):
    fault = work.at.fault(kind="hang", path="agents")
    work.declare()
    await until(lambda: fault.waiting, seconds=60)
    work.declare(suspend=True)
    work.at.sim.faults.clear()
    await until(lambda: work.writer.written)
    assert [status["observedGeneration"] for status in work.writer.written] == [2]
    assert work.ready() == ("True", "Suspended")


async def test_the_number_of_throttles_is_written_when_it_changes(work):
    work.declare()
    await until(lambda: work.writer.written)
    for uid in "abc":
        work.tenants.use(ACME, uid)
    await until(lambda: work.writer.written[-1]["throttles"] == 3)
    work.tenants.leave(ACME, "a")
    await until(lambda: work.writer.written[-1]["throttles"] == 2)
    assert len(work.at.requests(PathClass.AGENTS)) == 1


async def test_a_write_that_failed_is_tried_again_soon(work, monkeypatch):
    monkeypatch.setattr(checks, "INTERVAL_WHILE_MISSING", timedelta(seconds=0.01))
    work.writer.outcomes = [StatusNotWritten("the API server answered 500")] * 3
    work.declare()
    await until(lambda: work.writer.written)
    assert work.ready() == ("True", "Connected")


async def test_a_tenant_that_is_gone_is_not_written_to_again(work):
    work.writer.outcomes = [ObjectGone("acme is gone")]
    work.declare()
    await until(lambda: work.looks)
    assert work.writer.written == []
    work.tenants.forget(NAMESPACED, tenant_object({}))
    work.checks.follow()
    await asyncio.sleep(0)
    assert work.checks._tasks == {}


async def test_a_bug_in_one_look_is_logged_and_does_not_end_the_looks(work, monkeypatch, caplog):
    monkeypatch.setattr(checks, "INTERVAL", timedelta(seconds=0.01))
    broken = [RuntimeError("a bug")]
    build = checks.build

    def fragile(previous, look):
        if broken:
            raise broken.pop()
        return build(previous, look)

    monkeypatch.setattr(checks, "build", fragile)
    work.declare()
    await until(lambda: work.writer.written)
    assert "failed by a bug" in caplog.text


async def test_closing_ends_a_look_under_way(work):
    fault = work.at.fault(kind="hang", path="agents")
    work.declare()
    await until(lambda: fault.waiting, seconds=60)
    async with asyncio.timeout(1):
        await work.checks.close()


async def test_another_object_of_the_name_is_looked_at_instead(work):
    work.declare()
    await until(lambda: work.ready() == ("True", "Connected"))
    again = tenant_object(campaigns_manifest(work.at.sim.url, suspend=True), uid="tenant-2")
    work.tenants.notice(NAMESPACED, again)
    work.checks.follow()
    await until(lambda: work.ready() == ("True", "Suspended"))
    assert list(work.checks._tasks) == ["tenant-2"]
    assert work.entry.stored.api_endpoint is None, "what was known of the other is not this one's"
