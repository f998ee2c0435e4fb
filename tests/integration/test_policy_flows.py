"""Each field of the spec changes what happens to a campaign: real API server, real HTTP, the operator's own rights."""

import itertools
import json
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from control_plane import ControlPlane
from integration.namespaces import Namespace, conditions, manifest
from integration.pace import wait_for
from integration.watching import (
    Operators,
    apply_all,
    event_reasons,
    patch,
    polls_again,
    reads_of,
    request_poll,
    state_of,
    wait_for_state,
    when,
    writes_to,
)
from stack import Operator, Simulator

CRD = Path(__file__).parents[2] / "crds/campaignthrottles.yaml"
EVERY_DAY = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def campaigns(simulator: Simulator, *names: str) -> None:
    """Running campaigns, each with the ID of the throttle that guards it."""
    for name in names:
        simulator.add_campaign(name)


def ready_reason(namespace: Namespace, name: str, reason: str) -> dict[str, Any]:
    """The condition Ready, once it has this reason."""
    status = namespace.wait_for_status(
        name, lambda status: conditions(status).get("Ready", {}).get("reason") == reason, f"Ready for {reason}"
    )
    return conditions(status)["Ready"]


# Which agents count


def test_agents_states_tell_who_counts(operator: Operator, simulator: Simulator, namespace: Namespace) -> None:
    simulator.set_agents(available=3, busy=2, **{"wrap-up": 4}, offline=6)
    states = {
        "available": ["available"],
        "wrap-up": ["available", "wrap-up"],
        "everybody": ["offline", "busy", "wrap-up", "available"],
    }
    campaigns(simulator, *states)
    apply_all(namespace, {name: {"campaignID": name, "agents": {"states": states[name]}} for name in states})
    paused = namespace.wait_for_status("available", lambda status: status.get("pausedBy"), "the pause")
    for name, count in {"wrap-up": 7, "everybody": 15}.items():
        status = namespace.wait_for_status(
            name, lambda status, count=count: status.get("availableAgents") == count, f"{count} agents"
        )
        assert status["campaignState"] == "Running"
    assert paused["availableAgents"] == 3

    patch(namespace, "available", agents={"states": ["available", "wrap-up", "busy"]})
    status = namespace.wait_for_status(
        "available", lambda status: status["campaignState"] == "Running", "the resume by the new count"
    )
    assert status["lastTransition"]["availableAgents"] == 9
    simulator.set_agents(**{"wrap-up": 1})  # 4 with those, of whom 3 are available
    namespace.wait_for_status("wrap-up", lambda status: status["campaignState"] == "Paused", "the pause")
    assert state_of(simulator, "everybody") == "RUNNING"


# When it waits


def test_stabilization_waits_for_so_many_readings_and_for_so_long(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    endless = {"samples": {"samples": 100}, "window": {"window": "1h"}}
    short = {"samples": {"samples": 4}, "window": {"window": "5s"}}
    campaigns(simulator, "at-once", *endless)
    apply_all(
        namespace,
        {"at-once": {"campaignID": "at-once"}}
        | {
            name: {"campaignID": name, "stabilization": {"pause": streak, "resume": streak}}
            for name, streak in endless.items()
        },
    )
    namespace.wait_ready("at-once", *endless)

    for side, far, near, before, after in (
        ("pause", 4, 5, "RUNNING", "PAUSED"),
        ("resume", 8, 7, "PAUSED", "RUNNING"),
    ):
        # As many readings and as much time as will be enough below, but the streak ends.
        simulator.set_agents(available=far)
        wait_for_state(simulator, "at-once", after)
        for name in endless:
            stabilizing = namespace.wait_for_status(
                name, lambda status: conditions(status)["CampaignSynced"]["reason"] == "Stabilizing", "the wait"
            )
            assert "(stabilization)" in conditions(stabilizing)["Ready"]["message"]
            assert stabilizing["desiredState"] == after.capitalize()
        seen = simulator.last_request()
        for name in endless:
            polls_again(operator, namespace, name, times=6)
        simulator.set_agents(available=near)
        for name, streak in short.items():
            namespace.wait_for_status(
                name, lambda status, near=near: status["availableAgents"] == near, f"{near} agents"
            )
            patch(namespace, name, stabilization={side: streak})
            namespace.wait_ready(name)
            polls_again(operator, namespace, name)
            assert state_of(simulator, name) == before
            assert not writes_to(simulator, name, since=seen)

        # Four readings; and five seconds, by a clock of whole seconds and from the begin of a poll.
        began, changed = simulator.last_request(), time.time()
        simulator.set_agents(available=far)
        set_at = simulator.last_request()
        for name in short:
            wait_for_state(simulator, name, after)
            if side == "pause":
                namespace.wait_for_status(name, lambda status: status.get("pausedBy") == "Operator", "the pause")
        [written] = writes_to(simulator, "samples", since=began)
        at_least, at_most = (
            [read for read in reads_of(simulator, "samples", since=since) if read["seq"] < written["seq"]]
            for since in (began, set_at)
        )
        [of_window] = writes_to(simulator, "window", since=began)
        waited = of_window["time"] - changed
        print(f"{side} after {len(at_most)} to {len(at_least)} readings, and after {waited:.2f} s")
        # The count of a poll may have been taken just before or just after the campaign was read.
        assert len(at_least) >= 3
        assert len(at_most) <= 6
        assert waited > 3


def test_minimum_times_keep_changes_apart_and_flapping_without_them_is_told(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    # Polled when asked, so that four changes are within ten intervals however long they take.
    campaigns(simulator, "calm", "nervous")
    apply_all(
        namespace,
        {
            "calm": {"campaignID": "calm", "minimumPaused": "1h", "minimumRunning": "1h"},
            "nervous": {"campaignID": "nervous", "interval": "10m"},
        },
    )
    namespace.wait_ready("calm", "nervous")
    # A campaign that was just made is one that was just changed.
    changed = when(simulator.campaign("calm")["updatedTimestamp"]).timestamp()
    for agents, word, field in (
        (4, "PAUSED", "minimumRunning"),
        (8, "RUNNING", "minimumPaused"),
        (4, "PAUSED", "minimumRunning"),
    ):
        simulator.set_agents(available=agents)
        request_poll(namespace, "nervous")
        wait_for_state(simulator, "nervous", word)
        reason = f"M{field[1:]}"
        waiting = namespace.wait_for_status(
            "calm",
            lambda status, reason=reason: conditions(status)["CampaignSynced"]["reason"] == reason,
            f"the wait for {reason}",
        )
        assert field in conditions(waiting)["Ready"]["message"]
        assert conditions(waiting)["Ready"]["status"] == "True"
        assert state_of(simulator, "calm") != word
        # A time that is not over yet, whatever it took to come here.
        least = math.ceil(time.time() - changed) + 3
        patch(namespace, "calm", **{field: f"{least}s"})
        wait_for_state(simulator, "calm", word)
        written = writes_to(simulator, "calm")[-1]["time"]
        print(f"{word} after {written - changed:.2f} s, at least {least} s")
        assert written - changed > least - 1  # Kubernetes keeps times in whole seconds
        changed = written
        patch(namespace, "calm", **{field: "1h"})

    simulator.set_agents(available=8)
    request_poll(namespace, "nervous")
    told = namespace.wait_for_event("nervous", "Flapping")
    assert "4 times in 10 intervals" in told["message"]
    assert len(writes_to(simulator, "calm")) == 3
    assert "Flapping" not in event_reasons(namespace, "calm")


def test_a_count_that_moves_within_the_thresholds_or_not_at_all_gives_no_events(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    campaigns(simulator, "running", "paused")
    simulator.set_agents(available=4)
    namespace.apply("paused", campaignID="paused")
    namespace.wait_for_event("paused", "CampaignPaused")
    simulator.set_agents(available=6)
    namespace.wait_for_status("paused", lambda status: status["availableAgents"] == 6, "6 agents")
    namespace.apply("running", campaignID="running")
    namespace.wait_ready("running")
    before = namespace.events()
    for agents in (5, 7, 5, 6):
        simulator.set_agents(available=agents)
        for name in ("running", "paused"):
            namespace.wait_for_status(
                name, lambda status, agents=agents: status["availableAgents"] == agents, f"{agents} agents"
            )
    for name in ("running", "paused"):
        polls_again(operator, namespace, name, times=1)  # so that the write of the last count is over
    written = operator.metric("campaignthrottle_status_writes_total")
    polls_again(operator, namespace, "running", times=5)
    assert namespace.events() == before
    assert operator.metric("campaignthrottle_status_writes_total") == written
    assert (state_of(simulator, "running"), state_of(simulator, "paused")) == ("RUNNING", "PAUSED")


# Whom it respects


def test_a_persons_pause_and_resume_as_manual_override_says(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    """With agents enough and in a shortage, in both modes; the slow ones run on in a shortage."""
    slow = {"stabilization": {"pause": {"window": "1h"}}}
    specs = {
        "respect": {"manualOverride": "Respect"},
        "enforce": {"manualOverride": "Enforce"},
        "slow-respect": slow | {"manualOverride": "Respect"},
        "slow-enforce": slow | {"manualOverride": "Enforce"},
    }
    campaigns(simulator, *specs)
    apply_all(namespace, {name: spec | {"campaignID": name} for name, spec in specs.items()})
    namespace.wait_ready(*specs)

    # A person's pause though agents are enough.
    for name in ("respect", "enforce"):
        simulator.set_status_as_person("PAUSED", name)
    status = namespace.wait_for_status("respect", lambda status: status.get("pausedBy") == "Other", "the pause")
    assert "desiredState" not in status
    assert conditions(status)["CampaignSynced"]["status"] == "True"
    assert conditions(status)["Throttled"]["status"] == "False"
    wait_for_state(simulator, "enforce", "RUNNING")
    for name, consequence in {"respect": "does not resume", "enforce": "(manualOverride Enforce)"}.items():
        told = namespace.wait_for_event(name, "OverrideDetected")
        assert "Running → Paused by somebody else, with 20 agents" in told["message"]
        assert consequence in told["message"]
    assert state_of(simulator, "respect") == "PAUSED"
    simulator.set_status_as_person("RUNNING", "respect")
    namespace.wait_for_status("respect", lambda status: status["campaignState"] == "Running", "the resume")

    # A person's pause, and a person's resume, in a shortage.
    simulator.set_agents(available=4)
    for name in ("respect", "enforce"):
        namespace.wait_for_status(name, lambda status: status.get("pausedBy") == "Operator", "the pause")
    for name in ("slow-respect", "slow-enforce"):
        assert state_of(simulator, name) == "RUNNING"
        simulator.set_status_as_person("PAUSED", name)
    seen = simulator.last_request()
    for name in ("respect", "enforce"):
        simulator.set_status_as_person("RUNNING", name)
    for name in ("slow-respect", "slow-enforce"):
        status = namespace.wait_for_status(name, lambda status: status.get("pausedBy") == "Other", "the pause")
        namespace.wait_for_event(name, "OverrideDetected", "by somebody else, with 4 agents")
    wait_for_state(simulator, "enforce", "PAUSED")
    assert [request["wantedStatus"] for request in writes_to(simulator, "enforce", since=seen)] == ["PAUSED"]
    status = namespace.wait_for_status("respect", lambda status: "manualResume" in status, "the resume")
    assert "desiredState" not in status
    assert conditions(status)["CampaignSynced"]["status"] == "True"
    for name, consequence in {"respect": "respected until 8", "enforce": "(manualOverride Enforce)"}.items():
        told = namespace.wait_for_event(
            name, "OverrideDetected", "Paused → Running by somebody else, with 4 agents"
        )
        assert consequence in told["message"]
    polls_again(operator, namespace, "respect")
    assert state_of(simulator, "respect") == "RUNNING"

    # Agents are back: what a person paused stays paused under Respect alone.
    simulator.set_agents(available=8)
    for name in ("enforce", "slow-enforce"):
        wait_for_state(simulator, name, "RUNNING")
    namespace.wait_for_status("respect", lambda status: "manualResume" not in status, "the throttle to be armed")
    polls_again(operator, namespace, "slow-respect")
    assert state_of(simulator, "slow-respect") == "PAUSED"
    assert not writes_to(simulator, "slow-respect")
    # And the one that was armed again is paused again; Enforce takes the person's pause over.
    simulator.set_agents(available=4)
    wait_for_state(simulator, "respect", "PAUSED")
    patch(namespace, "slow-respect", manualOverride="Enforce")
    simulator.set_agents(available=8)
    wait_for_state(simulator, "slow-respect", "RUNNING")


# When it is blind


def test_the_fallback_pauses_or_holds_and_ends(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    blind_pause = {"failureThreshold": 2, "action": "Pause"}
    specs: dict[str, dict[str, Any]] = {
        "pauses": {"fallback": blind_pause, "minimumRunning": "1h"},  # which doesn't bind it
        "holds": {"fallback": {"failureThreshold": 1, "action": "Hold"}},
        "patient": {"fallback": {"failureThreshold": 100, "action": "Pause"}, "interval": "5s"},
    }
    campaigns(simulator, "respected", *specs)
    simulator.set_agents(available=4)
    namespace.apply("respected", campaignID="respected", fallback=blind_pause)
    wait_for_state(simulator, "respected", "PAUSED")
    namespace.wait_for_status("respected", lambda status: status.get("pausedBy") == "Operator", "the pause")
    simulator.set_status_as_person("RUNNING", "respected")
    namespace.wait_for_status("respected", lambda status: "manualResume" in status, "the resume to be seen")
    simulator.set_agents(available=6)
    namespace.wait_for_status("respected", lambda status: status["availableAgents"] == 6, "6 agents")
    apply_all(namespace, {name: spec | {"campaignID": name} for name, spec in specs.items()})
    namespace.wait_ready(*specs)

    # The campaign can't be read either (and not for a moment while the agents can't): nothing is sent.
    campaign_down, _ = [simulator.add_fault("status", path, code=400) for path in ("campaign-read", "agents")]
    seen = simulator.last_request()
    for name in ("pauses", "holds", "respected"):
        assert "CXone" in ready_reason(namespace, name, "CXoneError")["message"]
        status = namespace.wait_for_status(
            name, lambda status: conditions(status)["FallbackActive"]["status"] == "True", "the fallback"
        )
        assert (status["campaignState"], status["availableAgents"]) == ("Unknown", 6)
        assert conditions(status)["Reconciling"]["reason"] == "ProgressingWithRetry"
        told = namespace.wait_for_event(name, "FallbackActivated")
        assert f"under fallback {'Hold' if name == 'holds' else 'Pause'}" in told["message"]
    polls_again(operator, namespace, "pauses")
    assert not simulator.requests("campaign-write", since=seen)
    assert conditions(namespace.status("patient"))["FallbackActive"]["status"] == "False"
    assert conditions(namespace.status("patient"))["Ready"]["status"] == "True"

    # Now it can: the one is paused, and only that.
    simulator.control("DELETE", f"faults/{campaign_down}")
    status = namespace.wait_for_status("pauses", lambda status: status.get("pausedBy") == "Operator", "the pause")
    assert status["lastTransition"]["reason"] == "Fallback"
    assert "availableAgents" not in status["lastTransition"]
    namespace.wait_for_event("pauses", "CampaignPaused", "unknown for 2 polls in a row")
    polls_again(operator, namespace, "respected")
    for name in ("holds", "patient", "respected"):
        assert state_of(simulator, name) == "RUNNING", f"{name}: {json.dumps(namespace.status(name), indent=1)}"
    assert {request["campaign"] for request in simulator.requests("campaign-write", since=seen)} == {"pauses"}

    # It sees again: the normal rules decide, so between the thresholds the pause stays.
    simulator.clear_faults()
    for name in ("pauses", "holds", "respected"):
        namespace.wait_for_event(name, "FallbackEnded")
        status = namespace.wait_for_status(name, lambda status: status["consecutiveFailures"] == 0, "the end")
        assert conditions(status)["FallbackActive"]["status"] == "False"
    assert "FallbackActivated" not in event_reasons(namespace, "patient")
    polls_again(operator, namespace, "pauses")
    assert state_of(simulator, "pauses") == "PAUSED"
    simulator.set_agents(available=8)
    wait_for_state(simulator, "pauses", "RUNNING")


# When it calls


def around(now: datetime, zone: str = "UTC", days: list[str] = EVERY_DAY) -> dict[str, Any]:
    """Calling hours that began two hours ago and end in two, by a clock that shows what UTC's does."""
    start, end = now - timedelta(hours=2), now + timedelta(hours=2)
    return {"timeZone": zone, "windows": [{"days": days, "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}]}


def test_outside_its_calling_hours_a_campaign_is_held_or_paused(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    now = datetime.now(UTC)
    inside, far = around(now), around(now + timedelta(hours=12))
    in_tokyo = around(now, "Asia/Tokyo")  # where it is nine hours later
    other_days = [EVERY_DAY[(now.weekday() + days) % 7] for days in (2, 3, 4, 5)]
    whole_days = {"timeZone": "UTC", "windows": [{"days": other_days, "start": "00:00", "end": "24:00"}]}
    specs = {
        "held": {"schedule": far | {"outside": "Hold"}},
        "paused": {"schedule": in_tokyo | {"outside": "Pause"}, "minimumRunning": "1h", "minimumPaused": "0s"},
        "other-days": {"schedule": whole_days | {"outside": "Pause"}, "mode": "Observe"},
        "inside": {"schedule": inside | {"outside": "Pause"}},
    }
    campaigns(simulator, *specs)
    apply_all(namespace, {name: spec | {"campaignID": name} for name, spec in specs.items()})

    assert "held paused" in ready_reason(namespace, "paused", "OutsideSchedule")["message"]
    status = namespace.status("paused")
    assert (status["desiredState"], status["pausedBy"]) == ("Paused", "Operator")
    assert status["lastTransition"]["reason"] == "OutsideSchedule"
    namespace.wait_for_event("paused", "CampaignPaused", "(schedule)")
    assert "outside its calling hours" in ready_reason(namespace, "other-days", "Observing")["message"]
    namespace.wait_for_event("other-days", "WouldPause")
    assert ready_reason(namespace, "held", "OutsideSchedule")["status"] == "True"
    assert ready_reason(namespace, "inside", "Controlling")["status"] == "True"

    # Unguarded outside, and a person's resume is not respected against calling hours.
    simulator.set_agents(available=4)
    wait_for_state(simulator, "inside", "PAUSED")
    status = namespace.wait_for_status("held", lambda status: status["availableAgents"] == 4, "4 agents")
    assert "desiredState" not in status
    assert conditions(status)["CampaignSynced"]["status"] == "True"
    seen = simulator.last_request()
    simulator.set_status_as_person("RUNNING", "paused")
    wait_for(lambda: writes_to(simulator, "paused", since=seen), "the next pause")
    polls_again(operator, namespace, "held")
    for name in ("held", "other-days"):
        assert state_of(simulator, name) == "RUNNING"
        assert not writes_to(simulator, name)

    # Inside again, by nothing but the spec.
    patch(namespace, "held", schedule=inside)
    wait_for_state(simulator, "held", "PAUSED")
    simulator.set_agents(available=8)
    wait_for_state(simulator, "held", "RUNNING")
    assert state_of(simulator, "paused") == "PAUSED"
    patch(namespace, "paused", schedule={"timeZone": "UTC"})
    wait_for_state(simulator, "paused", "RUNNING")
    assert ready_reason(namespace, "paused", "Controlling")["status"] == "True"
    patch(namespace, "paused", schedule=far)
    wait_for_state(simulator, "paused", "PAUSED")
    patch(namespace, "paused", schedule=None)
    wait_for_state(simulator, "paused", "RUNNING")


# Whether and how often


def test_suspend_and_mode_change_what_is_done_to_a_campaign_at_once(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    campaigns(simulator, "sales", "watched")
    simulator.set_agents(available=4)
    apply_all(
        namespace, {"sales": {"campaignID": "sales"}, "watched": {"campaignID": "watched", "mode": "Observe"}}
    )
    namespace.wait_for_status("sales", lambda status: status.get("pausedBy") == "Operator", "the pause")
    assert ready_reason(namespace, "watched", "Observing")["status"] == "True"
    namespace.wait_for_event("watched", "WouldPause")
    namespace.wait_for_status(
        "watched", lambda status: conditions(status)["CampaignSynced"]["status"] == "False", "what it would do"
    )

    patch(namespace, "sales", suspend=True)
    assert ready_reason(namespace, "sales", "Suspended")["status"] == "True"
    seen = simulator.last_request()
    simulator.set_agents(available=8)
    namespace.wait_for_event("watched", "WouldResume")
    polls_again(operator, namespace, "sales")
    assert not reads_of(simulator, "sales", since=seen)
    assert state_of(simulator, "sales") == "PAUSED"
    assert namespace.status("sales")["pausedBy"] == "Operator"
    patch(namespace, "sales", suspend=False, interval="1h")
    wait_for_state(simulator, "sales", "RUNNING")

    simulator.set_agents(available=4)
    namespace.wait_for_status("watched", lambda status: status["availableAgents"] == 4, "4 agents")
    assert not writes_to(simulator, "watched")
    patch(namespace, "watched", mode="Enforce")
    wait_for_state(simulator, "watched", "PAUSED")


def test_the_interval_is_kept_down_to_the_operators_floor(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operator = operators.start(CAMPAIGN_THROTTLE_MINIMUM_INTERVAL="2s")
    intervals = {"too-often": "1s", "as-told": "2s", "rarely": "1h"}
    campaigns(simulator, *intervals)
    apply_all(namespace, {name: {"campaignID": name, "interval": each} for name, each in intervals.items()})
    namespace.wait_ready(*intervals)
    assert namespace.status("too-often")["effectiveInterval"] == "2s"
    assert "effectiveInterval" not in namespace.status("as-told")
    assert "effectiveInterval" not in namespace.status("rarely")

    for name in ("too-often", "as-told"):
        polls_again(operator, namespace, name, times=5)
        times = [request["time"] for request in reads_of(simulator, name)][1:]  # the first is out of turn
        apart = [later - earlier for earlier, later in itertools.pairwise(times)]
        print(f"{name}: {', '.join(f'{seconds:.2f}' for seconds in apart)} s apart")
        # Two polls are as near as the first was late; further on, what one was late doesn't add up.
        for (one, earlier), (other, later) in itertools.combinations(enumerate(times), 2):
            assert later - earlier > 2 * (other - one - 1)
        assert min(apart) < 4, "every second time was left out"
    assert len(reads_of(simulator, "rarely")) == 1
    patch(namespace, "too-often", interval="3s")
    namespace.wait_for_status("too-often", lambda status: "effectiveInterval" not in status, "no interval of ours")


# What only a person can mend


def test_a_time_zone_that_does_not_exist_is_told_and_controls_nothing(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    simulator.set_agents(available=4)
    zone = {"timeZone": "Mars/Olympus", "outside": "Pause", "windows": around(datetime.now(UTC))["windows"]}
    namespace.apply("older", schedule=zone)
    ready = ready_reason(namespace, "older", "InvalidSpec")
    assert ready["status"] == "False"
    assert "there is no time zone Mars/Olympus: use an IANA name" in ready["message"]
    assert "schedule.timeZone" in ready["message"]
    assert conditions(namespace.status("older"))["Stalled"]["reason"] == "InvalidSpec"
    assert "Mars/Olympus" in namespace.wait_for_event("older", "InvalidSpec")["message"]
    polls_again(operator, namespace, "older", times=1)  # every five seconds: its interval can't be relied upon
    assert not simulator.requests()
    assert event_reasons(namespace, "older").count("InvalidSpec") == 1

    # What is invalid stands in nobody's way; put right, the older controls the campaign again.
    namespace.apply("younger")
    namespace.wait_for_status("younger", lambda status: status.get("pausedBy") == "Operator", "the pause")
    patch(namespace, "older", schedule={"timeZone": "UTC"})
    namespace.wait_for_status("older", lambda status: status.get("pausedBy") == "Operator", "the takeover")
    assert ready_reason(namespace, "older", "Controlling")["status"] == "True"
    ready_reason(namespace, "younger", "CampaignConflict")


def test_an_object_older_than_the_rules_of_the_crd_is_told_what_is_wrong_with_it(
    operator: Operator, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    """Stored while the CRD had no rules: the operator can report on it though it can't be stored anew."""
    loose = next(yaml.safe_load_all(CRD.read_text()))
    for version in loose["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec.pop("x-kubernetes-validations")
        spec["properties"]["interval"].pop("x-kubernetes-validations")
    specs = {
        "no-gap": {"pauseThreshold": 9, "resumeThreshold": 9},
        "no-interval": {"interval": "soon"},
    }
    told = {
        "no-gap": "resumeThreshold (9) must be greater than pauseThreshold (9)",
        "no-interval": "spec.interval",
    }
    plane.kubectl("apply", "-f", "-", input=json.dumps(loose))
    try:
        for name, spec in specs.items():
            wait_for(lambda name=name, spec=spec: taken(namespace, name, spec), "the CRD to be loose")
    finally:
        plane.kubectl("apply", "-f", str(CRD))
    wait_for(lambda: not taken(namespace, "late", specs["no-gap"], "--dry-run=server"), "the CRD's rules")
    for name, what in told.items():
        ready = ready_reason(namespace, name, "InvalidSpec")
        assert what in ready["message"]
        assert conditions(namespace.status(name))["Stalled"]["status"] == "True"
        namespace.wait_for_event(name, "InvalidSpec")
    assert not simulator.requests()
    patch(namespace, "no-gap", resumeThreshold=10)
    namespace.wait_ready("no-gap")
    namespace.plane.kubectl("delete", "campaignthrottle", "no-interval", "-n", namespace.name)


def taken(namespace: Namespace, name: str, spec: dict[str, Any], *options: str) -> bool:
    """Whether the API server takes such a throttle."""
    written = json.dumps(manifest(name, **spec))
    answer = namespace.plane.kubectl(
        "apply", "-n", namespace.name, "-f", "-", *options, input=written, check=False
    )
    return answer.returncode == 0
