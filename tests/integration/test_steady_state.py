"""A steady state costs nothing at the API server."""

import time
from collections import Counter
from typing import Any

import pytest

from control_plane import ControlPlane
from integration.namespaces import Namespace, conditions
from integration.pace import wait_for
from integration.watching import POLLS, Operators, a_second_later, polls_again
from stack import Simulator

SECONDS = 60
ACCOUNT = "system:serviceaccount:campaign-throttle-system:campaign-throttle"


@pytest.mark.timeout(600)
def test_in_sixty_seconds_of_steady_state_the_operator_writes_nothing(
    operators: Operators, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    """With every kind of state there is to be steady in, by the API server's own audit log."""
    operator = operators.start(CAMPAIGN_THROTTLE_HEARTBEAT="1h")
    specs: dict[str, dict[str, Any]] = {
        "Controlling": {"campaignID": "runs"},
        "Throttling": {"campaignID": "paused", "pauseThreshold": 30, "resumeThreshold": 50},
        "Observing": {"campaignID": "runs", "mode": "Observe", "pauseThreshold": 30, "resumeThreshold": 50},
        "Suspended": {"suspend": True},
        "CampaignNotFound": {"campaignID": "there-is-none"},
        "CampaignConflict": {"campaignID": "runs"},
    }
    for campaign in ("runs", "paused"):
        simulator.add_campaign(campaign)
    for reason, spec in specs.items():
        if reason == "CampaignConflict":
            a_second_later(namespace, "controlling")
        namespace.apply(reason.lower(), **spec)
    for reason in specs.keys() - {"Throttling"}:
        namespace.wait_for_status(
            reason.lower(),
            lambda status, reason=reason: conditions(status).get("Ready", {}).get("reason") == reason,
            f"Ready for {reason}",
        )
    namespace.wait_for_status("throttling", lambda status: status.get("pausedBy") == "Operator", "the pause")
    namespace.wait_for_status(
        "campaignnotfound", lambda status: status.get("consecutiveFailures", 0) >= 3, "three failures"
    )
    for reason in specs:
        polls_again(operator, namespace, reason.lower())

    polls = operator.metric(POLLS)
    before = len(writes(plane))
    until = time.monotonic() + SECONDS
    wait_for(lambda: time.monotonic() > until, "the time to pass", seconds=10 * SECONDS, pause=1)
    made = operator.metric(POLLS) - polls
    written = writes(plane)[before:]
    print(f"{made:.0f} polls in {SECONDS} s, {len(written)} writes")
    assert made > SECONDS
    assert written == [], Counter(written)


def writes(plane: ControlPlane) -> list[str]:
    """What the operator wrote so far: verb and object."""
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in plane.audit_events()
        if event["user"]["username"] == ACCOUNT and event["verb"] not in ("get", "list", "watch")
    ]
