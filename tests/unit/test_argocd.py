"""With the settings of deploy/argocd, Argo CD tells a throttle's health and offers the actions that make sense."""

import re
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from lupa import lua51

from argo_cd import FOLDER, KEY, ArgoCD, run
from campaign_throttle import policy, status
from campaign_throttle.cxone import errors
from campaign_throttle.outcome import Outcome, Refusal
from campaign_throttle.policy import Memory, Observation
from campaign_throttle.resources import API_VERSION, FINALIZER, RECONCILE_ANNOTATION
from campaign_throttle.resources.behaviour import Fallback
from campaign_throttle.resources.throttle import KIND, Action, CampaignState, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus

RUNNING, PAUSED, OTHER, UNKNOWN = (
    CampaignState.RUNNING,
    CampaignState.PAUSED,
    CampaignState.OTHER,
    CampaignState.UNKNOWN,
)
FAILURE_THRESHOLD = Fallback().failure_threshold
GONE = errors.CampaignNotFound("campaign cmp-1 was not found (404): check spec.campaignID")
AWAY = errors.CXoneUnreachable("CXone can't be reached (connection refused)")


class Throttle:
    """An object as Argo CD sees it, whose status is the operator's own after each poll."""

    def __init__(self, **spec):
        self.spec = CampaignThrottleSpec(campaign_id="cmp-1", **spec)
        self.status = CampaignThrottleStatus()
        self.memory = Memory()
        self.generation = 1
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)
        self.metadata = {}

    def edit(self, **spec):
        self.spec = self.spec.model_copy(update=spec)
        self.generation += 1

    def poll(self, agents=20, state=RUNNING, *, error=None, action_error=None, invalid=None):
        self.now += timedelta(seconds=30)
        seen = Observation(None, UNKNOWN) if error or self.spec.suspend else Observation(agents, state)
        decision = policy.decide(self.spec, self.memory, seen, self.now)
        if decision.action and action_error:
            memory = policy.failed(decision.memory, outcome_unknown=False)
            decision = replace(decision, memory=memory)
        elif decision.action:
            decision = replace(decision, memory=policy.accepted(decision.memory, decision.action, self.now))
            seen = replace(seen, state=PAUSED if decision.action is Action.PAUSE else RUNNING)
        outcome = Outcome(
            generation=self.generation,
            now=self.now,
            decision=decision,
            spec=None if invalid else self.spec,
            refusal=Refusal("InvalidSpec", invalid) if invalid else None,
            campaign_word="ARCHIVED",
            agents=seen.agents,
            agents_error=error,
            campaign_error=error,
            state=seen.state,
            action_error=action_error,
            suspended_by="spec.suspend is true" if self.spec.suspend else None,
        )
        self.memory = decision.memory
        self.status = status.build(self.status, outcome)
        return self

    @property
    def message(self):
        """Ready's."""
        return next(found.message for found in self.status.conditions if found.type == "Ready")

    @property
    def object(self):
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": "sales",
                "namespace": "default",
                "generation": self.generation,
                "finalizers": [FINALIZER],
            }
            | self.metadata,
            "spec": self.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "status": status.dump(self.status),
        }


@pytest.fixture
def argo_cd():
    return ArgoCD.as_shipped()


@pytest.fixture
def throttle():
    return Throttle()


# Health


@pytest.mark.parametrize("found", [{"observedGeneration": -1}, {}, None], ids=["default", "empty", "null"])
def test_a_new_throttle_is_progressing(argo_cd, throttle, found):
    new = throttle.object | {"status": found}
    assert argo_cd.health(new) == ("Progressing", "waiting for the operator to act on generation 1")


def test_a_throttle_without_a_status_is_progressing(argo_cd, throttle):
    new = throttle.object
    del new["status"]
    assert argo_cd.health(new) == ("Progressing", "waiting for the operator to act on generation 1")


def test_a_status_with_the_generation_and_no_conditions_is_progressing(argo_cd, throttle):
    early = throttle.object | {"status": {"observedGeneration": 1, "conditions": None}}
    assert argo_cd.health(early)[0] == "Progressing"


def test_a_throttle_that_controls_its_campaign_is_healthy(argo_cd, throttle):
    throttle.poll()
    assert argo_cd.health(throttle.object) == ("Healthy", throttle.message)
    assert "campaign cmp-1 is Running with 20 agents available" in throttle.message


def test_a_campaign_that_is_held_paused_is_healthy(argo_cd, throttle):
    throttle.poll(agents=1)
    assert throttle.status.paused_by == "Operator"
    assert argo_cd.health(throttle.object) == ("Healthy", throttle.message)


def test_a_campaign_that_can_not_be_controlled_is_healthy_and_the_message_says_why(argo_cd, throttle):
    throttle.poll(state=OTHER)
    assert argo_cd.health(throttle.object) == ("Healthy", throttle.message)
    assert "ARCHIVED" in throttle.message


def test_a_suspended_throttle_is_suspended(argo_cd, throttle):
    throttle.poll()
    throttle.edit(suspend=True)
    assert argo_cd.health(throttle.object)[0] == "Progressing"
    throttle.poll()
    assert argo_cd.health(throttle.object) == ("Suspended", throttle.message)


def test_either_word_of_suspension_is_enough_to_be_suspended(argo_cd):
    """A tenant's suspension is in the status alone; another version of the operator might use another reason."""
    by_its_tenant = Throttle(suspend=True).poll().object
    by_its_tenant["spec"]["suspend"] = False
    assert argo_cd.health(by_its_tenant)[0] == "Suspended"
    by_its_spec = Throttle().poll().object
    by_its_spec["spec"]["suspend"] = True
    assert argo_cd.health(by_its_spec)[0] == "Suspended"


@pytest.mark.parametrize("failures", [1, FAILURE_THRESHOLD])
def test_what_only_a_person_can_mend_is_degraded_at_once(argo_cd, throttle, failures):
    throttle.poll()
    for _ in range(failures):
        throttle.poll(error=GONE)
    assert argo_cd.health(throttle.object) == ("Degraded", str(GONE))


def test_an_invalid_spec_is_degraded(argo_cd, throttle):
    throttle.poll(invalid="spec.interval: wrong")
    assert argo_cd.health(throttle.object) == ("Degraded", "spec.interval: wrong")


def test_a_few_passing_failures_leave_a_throttle_healthy(argo_cd, throttle):
    throttle.poll()
    for _ in range(FAILURE_THRESHOLD - 1):
        throttle.poll(error=AWAY)
        assert argo_cd.health(throttle.object) == ("Healthy", throttle.message)


def test_a_passing_failure_that_lasts_is_degraded_and_says_why(argo_cd, throttle):
    throttle.poll()
    for _ in range(FAILURE_THRESHOLD):
        throttle.poll(error=AWAY)
    assert argo_cd.health(throttle.object) == ("Degraded", str(AWAY))
    throttle.poll()
    assert argo_cd.health(throttle.object)[0] == "Healthy"


def test_a_throttle_that_never_had_a_good_poll_is_progressing(argo_cd, throttle):
    throttle.poll(error=AWAY)
    assert argo_cd.health(throttle.object) == ("Progressing", str(AWAY))


def test_an_action_that_keeps_failing_is_degraded(argo_cd, throttle):
    throttle.poll()
    for _ in range(FAILURE_THRESHOLD):
        throttle.poll(agents=0, action_error=AWAY)
    assert argo_cd.health(throttle.object) == ("Degraded", str(AWAY))


def test_either_word_of_trouble_is_enough_to_be_degraded(argo_cd, throttle):
    """As another version of the operator might write it."""
    found = throttle.poll(error=GONE).object
    ready, stalled, *others = found["status"]["conditions"]
    found["status"]["conditions"] = [ready, *others]
    assert argo_cd.health(found) == ("Degraded", str(GONE))
    found["status"]["conditions"] = [ready | {"status": "True"}, stalled, *others]
    assert argo_cd.health(found) == ("Degraded", str(GONE))


@pytest.mark.parametrize("before", [None, GONE], ids=["healthy", "degraded"])
def test_a_spec_that_was_not_yet_acted_on_is_progressing(argo_cd, throttle, before):
    throttle.poll(error=before)
    throttle.edit(pause_threshold=6)
    assert argo_cd.health(throttle.object) == (
        "Progressing",
        "waiting for the operator to act on generation 2",
    )
    throttle.poll()
    assert argo_cd.health(throttle.object)[0] == "Healthy"


@pytest.mark.parametrize("before", [None, GONE], ids=["healthy", "degraded"])
def test_a_throttle_that_is_being_deleted_is_progressing(argo_cd, throttle, before):
    throttle.poll(error=before)
    throttle.metadata = {"deletionTimestamp": "2026-11-24T12:00:00Z"}
    assert argo_cd.health(throttle.object) == ("Progressing", "being deleted")


# Actions


def test_a_throttle_at_work_can_be_suspended_and_reconciled(argo_cd, throttle):
    assert argo_cd.enabled_actions(throttle.poll().object) == {"suspend", "reconcile"}


def test_a_suspended_throttle_can_only_be_resumed(argo_cd):
    assert argo_cd.enabled_actions(Throttle(suspend=True).object) == {"resume"}


def test_a_manifest_older_than_the_defaults_can_be_suspended(argo_cd, throttle):
    old = throttle.object
    del old["spec"]["suspend"]
    del old["status"]
    assert argo_cd.enabled_actions(old) == {"suspend", "reconcile"}
    old["spec"]["suspend"] = None
    assert argo_cd.enabled_actions(old) == {"suspend", "reconcile"}


@pytest.mark.parametrize(("action", "before", "after"), [("suspend", False, True), ("resume", True, False)])
def test_suspend_and_resume_change_that_one_field(argo_cd, action, before, after):
    live = Throttle(suspend=before).poll().poll(agents=1).object
    live["metadata"] |= {
        "annotations": {},
        "labels": {"team": "sales"},
        "managedFields": [{"fieldsV1": {"f:a": {}}}],
    }
    wanted = deepcopy(live)
    wanted["spec"]["suspend"] = after
    assert argo_cd.act(action, live) == wanted


@pytest.mark.parametrize("annotations", [None, {}, {"a": "b"}, {"a": "b", RECONCILE_ANNOTATION: "yesterday"}])
def test_reconcile_changes_that_one_annotation(argo_cd, throttle, annotations):
    throttle.poll()
    if annotations is not None:
        throttle.metadata = {"annotations": annotations}
    before = datetime.now(UTC).replace(microsecond=0)
    wanted = argo_cd.act("reconcile", throttle.object)
    after = datetime.now(UTC)
    value = wanted["metadata"]["annotations"][RECONCILE_ANNOTATION]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
    assert before <= datetime.fromisoformat(value) <= after
    throttle.metadata = {"annotations": (annotations or {}) | {RECONCILE_ANNOTATION: value}}
    assert wanted == throttle.object


def test_what_an_action_makes_is_a_valid_spec(argo_cd, throttle):
    suspended = argo_cd.act("suspend", throttle.object)
    assert CampaignThrottleSpec.model_validate(suspended["spec"]).suspend
    assert argo_cd.enabled_actions(suspended) == {"resume"}
    resumed = argo_cd.act("resume", suspended)
    assert CampaignThrottleSpec.model_validate(resumed["spec"]) == throttle.spec


# The sandbox


@pytest.mark.parametrize(
    "code",
    [
        *("io.open('/etc/passwd')", "os.execute('true')", "os.date()", "math.random()", "debug.getinfo(1)"),
        *("string.upper('x')", "('x'):upper()", "dofile('/etc/passwd')", "loadstring('return 1')()"),
        *("require('io')", "require('os').execute('true')", "require('os').getenv('HOME')", "python.eval('1')"),
    ],
)
def test_the_sandbox_gives_no_more_than_argo_cd_does(code):
    with pytest.raises(lua51.LuaError):
        run(f"return {{found = {code}}}", {})


# The generated files


def test_the_generated_files_are_what_the_scripts_say(tmp_path):
    for source in [FOLDER / "generate.py", *FOLDER.rglob("*.lua")]:
        copy = tmp_path / source.relative_to(FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    subprocess.run([sys.executable, tmp_path / "generate.py"], check=True)
    for name in ("argocd-cm.yaml", "helm-values.yaml"):
        fresh, committed = (tmp_path / name).read_text(), (FOLDER / name).read_text()
        assert committed == fresh, f"{name} is out of date: run python deploy/argocd/generate.py"


def test_the_config_map_holds_every_script_word_by_word(argo_cd):
    config_map = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())
    assert (config_map["kind"], config_map["metadata"]["name"]) == ("ConfigMap", "argocd-cm")
    assert set(config_map["data"]) >= {KEY.format("health"), KEY.format("actions")}
    shipped = {
        "health.lua": argo_cd.health_lua,
        "actions/discovery.lua": argo_cd.discovery_lua,
        **{f"actions/{name}/action.lua": text for name, text in argo_cd.action_lua.items()},
    }
    assert shipped == {str(file.relative_to(FOLDER)): file.read_text() for file in FOLDER.rglob("*.lua")}


def test_the_helm_values_say_the_same_as_the_config_map():
    config_map = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())
    assert yaml.safe_load((FOLDER / "helm-values.yaml").read_text()) == {"configs": {"cm": config_map["data"]}}
