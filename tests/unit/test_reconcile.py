"""One poll at a time against a simulated tenant: whose pause it is, whatever is lost, late, stale or cut off."""

import asyncio
import contextlib
import copy
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import kopf
import pytest

from campaign_throttle import acting, engine, reconcile, reporting
from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten
from campaign_throttle.engine import Engine
from campaign_throttle.events import Event
from campaign_throttle.observability.metrics import Metrics
from campaign_throttle.reconcile import Reconciler
from campaign_throttle.release import release
from campaign_throttle.reporting import Reporter
from campaign_throttle.resources import RECONCILE_ANNOTATION
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants import Default, FixedAccess, Tenant, TenantKey
from campaign_throttle.throttles import Throttle
from cxone_simulator.model import PERSON, AgentState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import SECRET, At, tenant, until
from unit.declared_tenants import (
    CREDENTIALS,
    OWN_NAMESPACE,
    Cluster,
    access_to,
    campaigns_manifest,
    connects_to,
    tenant_object,
    tenants_of,
)


@dataclass
class Wall:
    """The time of day, for the operator and the tenant alike; it moves only when told to."""

    seconds: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@dataclass
class Server:
    """One object on an API server, and the writer of its status.

    ``outcomes`` says how the next writes end: "ok"; "fail" (refused); "lost" (taken, but the answer is lost);
    "hang" (never taken, and the time is up); "gone". All others are "ok".
    """

    spec: dict
    uid: str = "uid-1"
    annotations: dict = field(default_factory=dict)
    generation: int = 1
    version: int = 1
    status: dict = field(default_factory=lambda: {"observedGeneration": -1})
    outcomes: list[str] = field(default_factory=list)
    writes: list[dict] = field(default_factory=list)
    on_write: object = None

    def body(self, **metadata) -> dict:
        """The object as a watch brings it."""
        return copy.deepcopy(
            {
                "metadata": {
                    "namespace": "default",
                    "name": "sales",
                    "uid": self.uid,
                    "generation": self.generation,
                    "resourceVersion": str(self.version),
                    "annotations": self.annotations,
                    **metadata,
                },
                "spec": self.spec,
                "status": self.status,
            }
        )

    def edit(self, **spec) -> None:
        self.spec = {**self.spec, **spec}
        self.generation, self.version = self.generation + 1, self.version + 1

    async def write(self, namespace, name, uid, status, *, timeout):
        if self.on_write is not None:
            await self.on_write(status)
        outcome = self.outcomes.pop(0) if self.outcomes else "gone" if uid != self.uid else "ok"
        if outcome == "gone":
            raise ObjectGone("default/sales is gone")
        if outcome == "hang":
            await asyncio.sleep(timeout.total_seconds())
            raise StatusNotWritten("the API server did not answer in time")
        if outcome == "fail":
            raise StatusNotWritten("the API server answered 500")
        self.status = copy.deepcopy(status)
        self.version += 1
        self.writes.append(copy.deepcopy(status))
        if outcome == "lost":
            raise StatusNotWritten("the API server did not answer in time")
        return self.body()


@dataclass
class Work:
    """An operator with one throttle at work."""

    at: At
    wall: Wall
    server: Server
    tenant: Tenant
    reconciler: Reconciler
    throttle: Throttle
    events: list[Event] = field(default_factory=list)

    async def poll(self, body=None) -> str:
        return await self.reconciler.poll(self.throttle, body or self.server.body(), None, self.events.append)

    async def polls(self, times: int, seconds: float = 30) -> None:
        for _ in range(times):
            self.wall.seconds += seconds
            await self.poll()

    def start_poll(self, body=None) -> asyncio.Task:
        return asyncio.create_task(self.poll(body))

    def restart(self) -> None:
        """Another process takes over: all that it knows is on the server."""
        self.throttle = Throttle("default", "sales", "uid-1", created=0.0)

    def agents(self, number: int) -> None:
        if self.tenant._connection is not None:
            self.tenant._connection.outcomes.clear()  # as time would have made the shared count too old
        self.at.sim.tenant.set_counts({AgentState.AVAILABLE: number})

    @property
    def campaign(self) -> str:
        return self.at.sim.tenant.campaign("cmp-1").status

    def person(self, status: str) -> None:
        self.at.sim.tenant.change_status(self.at.sim.tenant.campaign("cmp-1"), status, PERSON)

    def puts(self) -> list:
        return [entry for entry in self.at.requests(PathClass.CAMPAIGN_WRITE) if entry.method == "PUT"]

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]


@contextlib.asynccontextmanager
async def working(**spec) -> AsyncIterator[Work]:
    wall = Wall()
    async with tenant(now=wall, agents=20) as at:
        access = access_to(at.sim.url)
        shared = Tenant(FixedAccess(access), connects_to(at.sim.url))
        server = Server({"campaignID": "cmp-1", "interval": "30s", **spec})
        reconciler = Reconciler(
            tenants=tenants_of(Cluster(), at.sim.url, default=Default(shared, access.spec)),
            reporter=Reporter(server, timedelta(minutes=5)),
            minimum_interval=timedelta(seconds=1),
            now=wall.now,
        )
        yield Work(at, wall, server, shared, reconciler, Throttle("default", "sales", "uid-1", created=0.0))
        await shared.close()


@pytest.fixture
async def work():
    async with working() as work:
        yield work


async def until_waiting(fault):
    await until(lambda: fault.waiting, seconds=60)


async def killed(poll: asyncio.Task) -> None:
    poll.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await poll


# The plain way


async def test_an_intent_is_on_the_server_before_the_put_and_ownership_after_it(work):
    at_write = []

    async def note(status):
        at_write.append((work.campaign, status))

    work.agents(2)
    work.server.on_write = note
    await work.poll()
    (before, intent), (after, _) = at_write
    assert (before, after) == ("RUNNING", "PAUSED")
    assert intent["intent"]["action"] == "Pause"
    assert (intent["observedGeneration"], "conditions" in intent) == (-1, False)
    assert work.server.status["pausedBy"] == "Operator"
    assert "intent" not in work.server.status


async def test_a_steady_state_writes_nothing_until_the_heartbeat(work):
    await work.poll()
    written = len(work.server.writes)
    await work.polls(9)
    assert len(work.server.writes) == written
    await work.polls(2)
    [heartbeat] = work.server.writes[written:]
    before = work.server.writes[written - 1]
    assert {key for key in heartbeat if heartbeat[key] != before.get(key)} == {"lastPollTime"}


async def test_an_unknown_number_of_agents_neither_pauses_nor_resumes(work):
    work.at.fault(kind="html", path="agents")
    await work.polls(4)
    work.at.sim.faults.clear()
    work.agents(2)
    await work.poll()
    work.at.fault(kind="html", path="agents")
    work.agents(20)
    await work.polls(4)
    assert work.campaign == "PAUSED"
    assert len(work.puts()) == 1


# Writes that fail, or whose answer is lost


@pytest.mark.parametrize("intent", ["ok", "fail", "lost"])
@pytest.mark.parametrize("report", ["ok", "fail", "lost"])
async def test_a_pause_is_owned_whatever_became_of_its_writes(work, intent, report):
    await work.poll()
    work.agents(2)
    work.server.outcomes = [intent, report]
    await work.polls(2)
    assert work.server.status["pausedBy"] == "Operator"
    work.agents(20)
    await work.polls(1)
    assert work.campaign == "RUNNING"
    assert "pausedBy" not in work.server.status
    assert "intent" not in work.server.status
    assert work.reasons().count("CampaignPaused") == work.reasons().count("CampaignResumed") == 1


@pytest.mark.parametrize("intent", ["fail", "lost"])
async def test_a_resume_waits_until_it_can_be_announced(work, intent):
    work.agents(2)
    await work.poll()
    work.agents(20)
    work.server.outcomes = [intent, "fail"]
    await work.polls(1)
    assert work.campaign == "PAUSED"
    await work.polls(1)
    assert work.campaign == "RUNNING"
    assert "intent" not in work.server.status


async def test_an_object_that_is_gone_is_not_acted_for(work):
    work.agents(2)
    work.server.outcomes = ["gone", "gone"]
    await work.poll()
    assert work.puts() == []


async def test_what_a_lost_answer_left_on_the_server_is_cleared_though_the_watch_lags(work):
    await work.poll()
    stale = work.server.body()
    work.agents(2)
    work.server.outcomes = ["lost", "lost"]  # taken by the server: pausedBy Operator
    work.wall.seconds += 30
    await work.poll(stale)
    assert work.server.status["pausedBy"] == "Operator"
    work.person("RUNNING")
    work.agents(20)
    work.wall.seconds += 30
    await work.poll(stale)  # the watch has not caught up
    assert work.campaign == "RUNNING"
    # A crash now must not find a pause of ours that is none: the next pause would be taken for undone by hand.
    assert "pausedBy" not in work.server.status


async def test_a_new_object_of_the_same_name_is_not_taken_for_the_old_one(work):
    """A write goes by name: its answer tells whose status was written."""
    work.agents(2)
    old = work.server.body()
    work.server.uid = "uid-2"
    await work.poll(old)
    assert work.puts() == []


# Killed in the middle


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("seconds", [0, 90])
async def test_a_pause_is_ours_though_the_process_was_killed_after_a_read_that_took_long(work, moment, seconds):
    """A read may take as long as an interval; the intent's time must be that of the intent."""
    await work.poll()
    work.agents(2)
    slow = work.at.fault(kind="hang", path="agents", count=1)
    poll = work.start_poll()
    await until_waiting(slow)
    work.wall.seconds += seconds
    cut = work.at.fault(kind="hang", path="campaign-write", when=moment, count=1)
    work.at.sim.faults.remove(slow.id)
    await until_waiting(cut)
    await killed(poll)
    work.at.sim.faults.clear()
    work.restart()
    work.wall.seconds += 5
    work.agents(2)
    await work.poll()
    assert work.campaign == "PAUSED"
    assert work.server.status["pausedBy"] == "Operator"


async def test_a_transition_has_the_time_of_the_transition(work):
    await work.poll()
    work.agents(2)
    slow = work.at.fault(kind="hang", path="agents", count=1)
    poll = work.start_poll()
    await until_waiting(slow)
    work.wall.seconds += 20
    work.at.sim.faults.clear()
    await poll
    found = datetime.fromisoformat(work.server.status["lastTransition"]["time"])
    assert found >= work.at.sim.tenant.campaign("cmp-1").updated - timedelta(seconds=1)


async def test_a_pause_found_settled_and_resumed_in_the_same_poll_is_in_the_history(work):
    await work.poll()
    work.agents(2)
    cut = work.at.fault(kind="hang", path="campaign-write", when="after", count=1)
    poll = work.start_poll()
    await until_waiting(cut)
    await killed(poll)
    work.at.sim.faults.clear()
    work.restart()
    work.agents(20)
    await work.poll()
    assert work.campaign == "RUNNING"
    assert [transition["to"] for transition in work.server.status["history"]] == ["Running", "Paused"]


async def test_ownership_that_only_memory_has_is_written_before_a_stop_ends_the_poll(work, monkeypatch):
    """The API server was slow to take the intent, and is back: the report is on its way when SIGTERM comes."""
    monkeypatch.setattr(engine, "post", lambda body, event: work.events.append(event))
    await work.poll()
    work.agents(2)
    work.server.outcomes = ["fail"]
    reporting, stopped = asyncio.Event(), asyncio.Event()

    async def slowly(status):
        if "intent" not in status:
            reporting.set()
            await stopped.wait()
            await asyncio.sleep(0.05)  # until long after the engine has noticed

    work.server.on_write = slowly
    running = Engine(work.reconciler, Metrics(), {})
    monkeypatch.setattr(Engine, "ACTION_GRACE", timedelta(seconds=30))
    body = kopf.Body(work.server.body())
    running.register(body)
    run = asyncio.create_task(running.poll_when_due(body, stopped))
    await reporting.wait()
    stopped.set()
    await run
    assert work.campaign == "PAUSED"
    assert work.server.status.get("pausedBy") == "Operator"


# Slow polls and stale decisions


async def test_a_throttle_that_is_suspended_during_a_poll_does_not_act(work):
    await work.poll()
    work.agents(2)
    slow = work.at.fault(kind="hang", path="agents", count=1)
    body = work.server.body()  # kopf's live view of the object
    poll = work.start_poll(body)
    await until_waiting(slow)
    work.server.edit(suspend=True)
    body.update(work.server.body())
    work.throttle.notice(body)
    work.at.sim.faults.clear()
    await poll
    assert work.puts() == []
    assert work.campaign == "RUNNING"


async def test_a_pause_has_time_enough_though_reading_and_announcing_were_slow(work, monkeypatch):
    """Together they take longer than a poll may."""
    monkeypatch.setattr(reconcile, "POLL_TIMEOUT", timedelta(seconds=3))
    monkeypatch.setattr(reporting, "INTENT_TIMEOUT", timedelta(seconds=3))
    work.server.spec["interval"] = "1s"
    work.agents(2)
    work.at.fault(kind="latency", path="agents", seconds=0.1, count=1)
    work.server.outcomes = ["hang"]
    await work.poll()
    assert work.campaign == "PAUSED"


# People


async def test_a_pause_that_a_person_made_while_the_throttle_was_suspended_is_not_undone(work):
    work.agents(2)
    await work.poll()
    work.server.edit(suspend=True)
    await work.polls(1)
    work.wall.seconds += 3600
    work.person("RUNNING")
    work.wall.seconds += 3600
    work.person("PAUSED")
    work.wall.seconds += 3600
    work.server.edit(suspend=False)
    work.agents(20)
    await work.polls(2)
    assert work.campaign == "PAUSED"
    assert work.server.status["pausedBy"] == "Other"


async def test_a_persons_pause_while_cxone_refuses_the_operators_is_a_persons(work):
    """An answer 500 and a campaign that is read back as running: the pause had no effect."""
    await work.poll()
    work.agents(2)
    work.at.fault(kind="status", path="campaign-write", code=500)
    await work.polls(3)
    assert work.campaign == "RUNNING"
    work.wall.seconds += 10
    work.person("PAUSED")
    work.at.sim.faults.clear()
    work.agents(20)
    await work.polls(2, seconds=20)
    assert work.campaign == "PAUSED"


# Events


async def test_each_row_of_failed_actions_has_its_event(work):
    await work.poll()
    for _ in range(2):
        fault = work.at.fault(kind="status", path="campaign-write", code=409)
        work.agents(2)
        await work.polls(1)
        work.at.sim.faults.remove(fault.id)
        work.agents(20)
        await work.polls(5)  # the agents are back before the next try
    assert work.reasons().count("ActionFailed") == 2


# Requests to poll now


async def test_an_empty_reconcile_annotation_is_one_request_and_is_echoed(work):
    await work.poll()
    work.server.annotations[RECONCILE_ANNOTATION] = ""
    work.server.version += 1
    await work.poll()
    counted = len(work.at.requests(PathClass.AGENTS))
    await work.poll()
    assert len(work.at.requests(PathClass.AGENTS)) == counted  # the count of a moment ago serves


# The watchdog


@pytest.fixture
def running(work):
    return Engine(work.reconciler, Metrics(), {})


async def test_an_object_that_waits_for_somebody_elses_finalizer_is_not_stuck(work, running):
    """kopf runs no timer of an object that is being deleted; its throttle must not fail the liveness probe."""
    terminating = work.server.body(deletionTimestamp="2026-11-24T12:00:00Z", finalizers=["example.com/hold"])
    running.register(terminating)
    await running.notice(None, terminating)
    for throttle in running.throttles:
        throttle.created -= 3600
    assert running.alive() is None


async def test_a_throttle_whose_timer_died_is_stuck(work, running):
    running.register(work.server.body())
    for throttle in running.throttles:
        throttle.created -= 3600
    assert "default/sales" in running.alive()


async def test_a_deleted_object_leaves_nothing_behind(work, running):
    running.register(work.server.body())
    await running.notice("DELETED", work.server.body())
    assert len(running.throttles) == 0


async def test_a_timer_that_outlives_its_object_polls_nothing(work, running, monkeypatch):
    """kopf doesn't stop the timer of an object that is gone before it had the finalizer."""
    monkeypatch.setattr(engine, "post", lambda body, event: None)
    body = kopf.Body(work.server.body())
    running.register(body)
    await running.notice("DELETED", body)
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(1):
            await running.poll_when_due(body, asyncio.Event())
    assert work.at.requests() == []
    assert len(running.throttles) == 0


# How old what is decided upon may be


async def test_a_state_that_is_a_while_old_is_read_again_right_before_an_action(work, monkeypatch):
    monkeypatch.setattr(acting, "AGE_BEFORE_ACTION", timedelta(0))
    work.agents(2)
    await work.poll()
    assert [entry.method for entry in work.at.requests() if "campaigns" in entry.path] == ["GET", "GET", "PUT"]
    assert work.server.status["pausedBy"] == "Operator"


async def test_what_a_person_did_between_the_decision_and_the_action_is_not_overruled(work, monkeypatch):
    monkeypatch.setattr(acting, "AGE_BEFORE_ACTION", timedelta(0))
    await work.poll()
    work.agents(2)

    async def pause(status):
        if "intent" in status:
            work.person("PAUSED")

    work.server.on_write = pause
    await work.polls(1)
    assert work.puts() == []
    assert "intent" not in work.server.status
    assert work.throttle.nudged.is_set()
    await work.polls(1)
    assert work.server.status["pausedBy"] == "Other"
    work.agents(20)
    await work.polls(2)
    assert work.campaign == "PAUSED"


async def test_a_read_that_fails_before_an_action_leaves_no_doubt_whose_pause_a_later_one_is(work, monkeypatch):
    """Nothing was sent: a person's pause right after it is a person's."""
    monkeypatch.setattr(acting, "AGE_BEFORE_ACTION", timedelta(0))
    await work.poll()
    work.agents(2)

    async def fail(status):
        if "intent" in status:
            work.at.fault(kind="html", path="campaign-read")

    work.server.on_write = fail
    await work.polls(1)
    assert work.puts() == []
    assert "intent" not in work.server.status
    work.at.sim.faults.clear()
    work.server.on_write = None
    work.person("PAUSED")
    work.agents(20)
    await work.polls(2, seconds=5)
    assert work.campaign == "PAUSED"
    assert work.server.status["pausedBy"] == "Other"


@pytest.mark.parametrize(("latency", "counted"), [(0.0, 1), (0.7, 2)])
async def test_a_count_that_became_too_old_while_the_campaign_was_read_is_made_again(work, latency, counted):
    """Older than half of an interval of a second."""
    work.server.spec["interval"] = "1s"
    await work.poll()
    before = len(work.at.requests(PathClass.AGENTS))
    work.agents(20)
    if latency:
        work.at.fault(kind="latency", path="campaign-read", seconds=latency, count=1)
    await work.poll()
    assert len(work.at.requests(PathClass.AGENTS)) == before + counted


# Tenants

ACME = TenantKey(TenantKind.NAMESPACED, "default", "acme")
SHARED = TenantKey(TenantKind.CLUSTER, None, "acme")


def declare(work, url, *, kind=TenantKind.NAMESPACED, **options):
    fields = {name: options.pop(name) for name in ("allowedNamespaces", "suspend", "rateLimit") if name in options}
    body = tenant_object(campaigns_manifest(url, **fields), kind=kind, **options)
    if kind is TenantKind.NAMESPACED:
        body["metadata"]["namespace"] = "default"
    work.reconciler.tenants.notice(kind, body)


@pytest.fixture
async def two():
    """A throttle whose tenant is a resource, and a second tenant."""
    async with working() as work, tenant(agents=20, client={"secret": SECRET}) as other:
        cluster = Cluster(secrets={("default", "cxone"): dict(CREDENTIALS), (OWN_NAMESPACE, "cxone"): CREDENTIALS})
        tenants = tenants_of(cluster, work.at.sim.url, other.sim.url)
        work.reconciler = replace(work.reconciler, tenants=tenants)
        work.throttle.tenant_key = ACME
        declare(work, work.at.sim.url)
        yield work, other
        await tenants.close()


async def test_with_another_tenant_nothing_is_owned_and_what_stays_behind_is_told(two):
    work, other = two
    work.at.sim.tenant.set_counts({AgentState.AVAILABLE: 2})
    await work.poll()
    assert work.server.status["pausedBy"] == "Operator"
    other.sim.tenant.change_status(other.sim.tenant.campaign("cmp-1"), "PAUSED", PERSON)
    declare(work, other.sim.url, generation=2)
    await work.polls(3)
    assert work.server.status["pausedBy"] == "Other"
    assert other.methods().count("PUT") == 0
    assert work.reasons().count("ResumeAbandoned") == 1
    assert work.campaign == "PAUSED"


async def test_a_tenant_that_was_changed_while_the_operator_was_away_is_another_tenant_too(two):
    work, other = two
    work.at.sim.tenant.set_counts({AgentState.AVAILABLE: 2})
    await work.poll()
    other.sim.tenant.change_status(other.sim.tenant.campaign("cmp-1"), "PAUSED", PERSON)
    work.restart()
    work.throttle.tenant_key = ACME
    declare(work, other.sim.url, generation=2)
    await work.polls(2)
    assert work.server.status["pausedBy"] == "Other"
    assert "ResumeAbandoned" in work.reasons()


async def test_another_secret_of_the_same_tenant_changes_nothing_that_is_owned(two):
    work, _ = two
    work.at.sim.tenant.set_counts({AgentState.AVAILABLE: 2})
    await work.poll()
    declare(work, work.at.sim.url + "/", generation=2)
    await work.polls(1)
    assert work.server.status["pausedBy"] == "Operator"
    assert "ResumeAbandoned" not in work.reasons()


async def test_nothing_of_a_tenant_that_is_not_offered_is_told(two):
    """Neither that it is suspended nor which API it speaks."""
    work, _ = two
    work.throttle.tenant_key = SHARED
    work.server.spec["skillIDs"] = [101]
    for allowed in (None, {"names": ["team-b"]}, {"selector": {"matchLabels": {"dialer": "yes"}}}):
        declare(
            work,
            work.at.sim.url,
            kind=TenantKind.CLUSTER,
            uid=str(allowed),
            suspend=True,
            allowedNamespaces=allowed,
        )
        await work.poll()
        [ready] = [found for found in work.server.status["conditions"] if found["type"] == "Ready"]
        assert ready["reason"] == "TenantNotAllowed"
        assert "tenantDigest" not in work.server.status


async def test_a_suspended_tenant_suspends_its_throttles_and_the_message_says_so(two):
    work, _ = two
    declare(work, work.at.sim.url, generation=2, suspend=True)
    assert await work.poll() == "suspended"
    [ready] = [found for found in work.server.status["conditions"] if found["type"] == "Ready"]
    assert (ready["status"], ready["reason"]) == ("True", "Suspended")
    assert "its tenant, CXoneTenant acme, is suspended" in ready["message"]
    assert work.at.requests() == []


async def test_a_throttle_that_rests_leaves_its_share_of_the_budget_to_the_others(two):
    work, _ = two
    declare(work, work.at.sim.url, generation=2, rateLimit={"requestsPerSecond": 5})
    await work.poll()
    shared = await work.reconciler.tenants.resolve(ACME, "default")
    assert list(shared._demands) == ["uid-1"]
    work.server.edit(suspend=True)
    await work.poll()
    assert list(shared._demands) == []


async def test_a_missing_tenant_is_in_progress_for_half_a_minute_and_stalled_then(two, monkeypatch):
    work, _ = two
    work.throttle.tenant_key = TenantKey(TenantKind.NAMESPACED, "default", "none")
    await work.poll()
    assert [found["type"] for found in work.server.status["conditions"]][1] == "Reconciling"
    monkeypatch.setattr(reconcile, "GRACE", timedelta(0))
    await work.poll()
    assert [found["type"] for found in work.server.status["conditions"]][1] == "Stalled"


async def test_an_object_whose_end_a_write_found_out_leaves_no_user_of_its_tenant(two, monkeypatch):
    """The watch tells of it later, when nobody knows the object any more."""
    work, _ = two
    monkeypatch.setattr(engine, "post", lambda body, event: None)
    work.server.spec["tenantRef"] = {"name": "acme"}
    found = Engine(work.reconciler, Metrics(), {})
    body = kopf.Body(work.server.body())
    found.register(body)
    assert found.tenants.users(ACME) == {"uid-1"}
    work.server.outcomes = ["gone"]
    await found.poll_when_due(body, asyncio.Event())
    await found.notice("DELETED", body)
    assert found.tenants.users(ACME) == frozenset()
    assert len(found.throttles) == 0


# Who may act


async def test_who_loses_the_right_to_the_campaign_while_the_intent_is_written_sends_nothing(work):
    """As when its tenant is declared anew, or suspended, or not offered any more."""
    body = work.server.body(creationTimestamp="2026-01-01T00:00:00Z")
    work.throttle.body = body

    async def lose(status):
        if "intent" in status:
            work.throttle.lapsed = True

    work.throttle.claim = work.throttle.claim_to(work.reconciler.tenants.default.spec)
    work.agents(2)
    work.server.on_write = lose
    await work.poll(body)
    assert work.campaign == "RUNNING"
    assert work.server.status.get("pausedBy") is None
    assert "intent" not in work.server.status


async def test_who_is_denied_a_change_keeps_nobody_else_from_it_until_it_is_allowed(work):
    work.throttle.body = work.server.body(creationTimestamp="2026-01-01T00:00:00Z")
    spec = work.reconciler.tenants.default.spec
    work.agents(2)
    fault = work.at.fault(kind="status", code=403, path="campaign-write")
    await work.poll()
    assert not work.throttle.claim_to(spec).counts
    work.at.sim.faults.remove(fault.id)
    await work.poll()
    assert work.campaign == "PAUSED"
    assert work.throttle.claim_to(spec).counts


@pytest.mark.parametrize(("path", "proven"), [("campaign-read", False), ("agents", False), (None, True)])
async def test_only_who_can_read_all_that_a_decision_needs_has_a_claim(work, path, proven):
    told = []

    async def prove(throttle):
        told.append(throttle)

    if path is not None:
        work.at.fault(kind="status", code=403, path=path)
    await work.reconciler.poll(work.throttle, work.server.body(), None, work.events.append, prove)
    assert bool(told) is proven


async def test_a_release_is_given_up_where_nothing_may_be_done_at_the_tenant(work):
    work.server.spec["deletionPolicy"] = "Resume"
    work.agents(2)
    await work.poll()
    memory, event = await release(
        work.server.body(),
        work.throttle.recall(),
        work.tenant,
        work.wall.now(),
        hindrance="its tenant is suspended",
    )
    assert event.reason == "ResumeAbandoned"
    assert "its tenant is suspended" in event.message
    assert memory.holds
    assert work.campaign == "PAUSED"
