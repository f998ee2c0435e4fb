"""Two throttles on one campaign: the oldest controls it, and what it owned goes to the one that takes over."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration.namespaces import Namespace, conditions, fresh_namespace
from integration.pace import wait_for
from integration.watching import (
    Operators,
    a_second_later,
    apply_all,
    event_reasons,
    patch,
    polls_again,
    reads_of,
    state_of,
    wait_for_state,
)
from stack import Operator, Simulator


@pytest.fixture
def elsewhere(namespace: Namespace) -> Iterator[Namespace]:
    """A second namespace."""
    with fresh_namespace(namespace.plane, f"{namespace.name}-elsewhere") as other:
        yield other


def ready(namespace: Namespace, name: str, reason: str) -> dict[str, Any]:
    """All conditions of a throttle, once it is Ready, or not, for this reason."""
    status = namespace.wait_for_status(
        name,
        lambda status: conditions(status).get("Ready", {}).get("reason") == reason,
        f"{name} to be {reason}",
    )
    return conditions(status)


def test_the_oldest_controls_the_campaign_and_the_next_takes_over_at_once(
    operator: Operator, simulator: Simulator, namespace: Namespace, elsewhere: Namespace
) -> None:
    namespace.apply("first", interval="1h")
    ready(namespace, "first", "Controlling")
    a_second_later(namespace, "first")
    namespace.apply("second")
    a_second_later(namespace, "second")
    elsewhere.apply("third", interval="1h")

    # The others say why they don't, and name nobody of another namespace.
    second, third = ready(namespace, "second", "CampaignConflict"), ready(elsewhere, "third", "CampaignConflict")
    for found in (second, third):
        assert found["Ready"]["status"] == "False"
        assert (found["Stalled"]["status"], found["Stalled"]["reason"]) == ("True", "CampaignConflict")
        assert "Reconciling" not in found
    assert "controlled by CampaignThrottle first:" in second["Ready"]["message"]
    assert "an older CampaignThrottle of another namespace" in third["Ready"]["message"]
    assert not any(word in third["Ready"]["message"] for word in ("first", "second", namespace.name))
    for where, name in ((namespace, "second"), (elsewhere, "third")):
        assert where.wait_for_event(name, "CampaignConflict")["type"] == "Warning"
    # They poll nothing.
    seen = simulator.last_request()
    polls_again(operator, namespace, "second")
    assert not simulator.requests(since=seen)
    assert event_reasons(namespace, "second") == ["CampaignConflict"]

    # A suspended one and one that only observes are in nobody's way, nor anybody in theirs.
    namespace.apply("watching", mode="Observe", interval="1h")
    namespace.apply("asleep", suspend=True)
    assert ready(namespace, "watching", "Observing")["Ready"]["status"] == "True"
    assert ready(namespace, "asleep", "Suspended")["Ready"]["status"] == "True"
    namespace.wait_ready("first")

    # The next takes over from one that is suspended or only observes, and hands back.
    patch(namespace, "second", interval="1h")
    for without, back, reason in (
        ({"suspend": True}, {"suspend": False}, "Suspended"),
        ({"mode": "Observe"}, {"mode": "Enforce"}, "Observing"),
    ):
        takes_over(lambda change=without: patch(namespace, "first", **change), namespace, "second")
        ready(namespace, "first", reason)
        assert conditions(elsewhere.status("third"))["Ready"]["reason"] == "CampaignConflict"
        takes_over(lambda change=back: patch(namespace, "first", **change), namespace, "first")
        ready(namespace, "second", "CampaignConflict")
    # And from one that is deleted; over the border of a namespace too.
    takes_over(lambda: delete(namespace, "first"), namespace, "second")
    takes_over(lambda: delete(namespace, "second"), elsewhere, "third")
    assert "Stalled" not in conditions(elsewhere.status("third"))


def delete(namespace: Namespace, name: str) -> None:
    namespace.plane.kubectl("delete", "campaignthrottle", name, "-n", namespace.name)


def takes_over(change: Callable[[], None], namespace: Namespace, name: str) -> None:
    """After the change this throttle controls the campaign, well before its interval of an hour."""
    change()
    began = time.monotonic()
    ready(namespace, name, "Controlling")
    print(f"{name} took over {time.monotonic() - began:.2f} s later")


HANDOVERS: dict[str, dict[str, Any]] = {
    "deleted": {},
    "deleted-resume": {"deletionPolicy": "Resume"},
    "suspended": {"suspend": True},
    "observing": {"mode": "Observe"},
    "elsewhere": {},
}


def test_a_pause_that_the_first_owns_is_resumed_by_the_one_that_takes_over(
    operators: Operators, simulator: Simulator, namespace: Namespace, elsewhere: Namespace
) -> None:
    operators.start()
    simulator.set_agents(available=4)
    for campaign in HANDOVERS:
        simulator.add_campaign(campaign)
    apply_all(namespace, {f"{campaign}-1": {"campaignID": campaign} for campaign in HANDOVERS})
    for campaign in HANDOVERS:
        namespace.wait_for_status(
            f"{campaign}-1", lambda status: status.get("pausedBy") == "Operator", "the pause"
        )
    a_second_later(namespace, "elsewhere-1")
    heirs = {campaign: elsewhere if campaign == "elsewhere" else namespace for campaign in HANDOVERS}
    for where in (namespace, elsewhere):
        apply_all(where, {f"{c}-2": {"campaignID": c} for c in HANDOVERS if heirs[c] is where})
    for campaign, where in heirs.items():
        assert ready(where, f"{campaign}-2", "CampaignConflict")["Throttled"]["status"] == "False"

    # Agents are still few, so there is nothing to resume, not even for deletionPolicy Resume: an heir is there.
    seen = simulator.last_request()
    for campaign, change in HANDOVERS.items():
        if change:
            patch(namespace, f"{campaign}-1", **change)
        if campaign not in ("suspended", "observing"):
            delete(namespace, f"{campaign}-1")
    for campaign, where in heirs.items():
        status = where.wait_for_status(
            f"{campaign}-2",
            lambda status: (
                status.get("pausedBy") == "Operator" and conditions(status)["Ready"]["reason"] == "Controlling"
            ),
            f"{campaign}-2 to own the pause",
        )
        assert conditions(status)["Throttled"]["status"] == "True"
    assert not simulator.requests("campaign-write", since=seen)

    # It is theirs for good: also after a restart.
    operators.stop()
    operators.start()
    simulator.set_agents(available=8)
    for campaign, where in heirs.items():
        wait_for_state(simulator, campaign, "RUNNING")
        where.wait_for_event(f"{campaign}-2", "CampaignResumed")
    for name in ("suspended-1", "observing-1"):
        namespace.wait_for_status(name, lambda status: "pausedBy" not in status, "the end of its ownership")


def test_of_equally_old_throttles_the_smaller_uid_controls_and_a_restart_changes_no_role(
    operators: Operators, simulator: Simulator, namespace: Namespace
) -> None:
    operators.start()
    pairs: list[str] = []
    roles: dict[str, str] = {}
    same_second = 0
    for number in itertools.count():
        campaign = f"pair-{number}"
        simulator.add_campaign(campaign)
        apply_all(namespace, {f"{campaign}-{side}": {"campaignID": campaign, "interval": "1h"} for side in "ab"})
        both = [namespace.get(f"{campaign}-{side}")["metadata"] for side in "ab"]
        same_second += both[0]["creationTimestamp"] == both[1]["creationTimestamp"]
        oldest, other = sorted(both, key=lambda metadata: (metadata["creationTimestamp"], metadata["uid"]))
        roles |= {oldest["name"]: "Controlling", other["name"]: "CampaignConflict"}
        pairs.append(campaign)
        if same_second == 3:  # as many more as that takes
            break
    print(f"{same_second} of {len(pairs)} pairs were created in the same second")
    for name, role in roles.items():
        ready(namespace, name, role)

    # Who doesn't control, doesn't poll: not even at the start of another operator, whatever comes first.
    operators.stop()
    seen = simulator.last_request()
    operator = operators.start()
    for name, role in roles.items():
        result = "success" if role == "Controlling" else role
        wait_for(
            lambda name=name, result=result: operator.metric(
                "campaignthrottle_polls_total", namespace=namespace.name, name=name, result=result
            ),
            f"{name} to be polled by the new operator",
        )
        ready(namespace, name, role)
    for campaign in pairs:
        assert len(reads_of(simulator, campaign, since=seen)) == 1
        assert state_of(simulator, campaign) == "RUNNING"
