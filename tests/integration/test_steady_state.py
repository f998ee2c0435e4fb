"""A steady state costs nothing at the API server."""

import time
from collections import Counter

import pytest

from control_plane import ControlPlane
from integration.namespaces import Namespace
from stack import Operator, Simulator, wait_for

SECONDS = 60
ACCOUNT = "system:serviceaccount:campaign-throttle-system:campaign-throttle"


@pytest.mark.timeout(300)
def test_in_sixty_seconds_of_steady_state_the_operator_writes_nothing(
    operator: Operator, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    """With every kind of state there is to be steady in, by the API server's own audit log."""
    for number, agents in enumerate([20, 20, 3]):
        simulator.add_campaign(f"cmp-{number}")
        simulator.set_agents(available=agents)
        namespace.apply(f"steady-{number}", campaignID=f"cmp-{number}", pauseThreshold=5, resumeThreshold=50)
        namespace.wait_ready(f"steady-{number}")
    namespace.apply("suspended", suspend=True)
    namespace.apply("observing", campaignID="cmp-1", mode="Observe")
    namespace.apply("rival", campaignID="cmp-0")
    namespace.apply("unknown", campaignID="there-is-none")
    for name in ("suspended", "observing", "unknown", "rival"):
        namespace.wait_for_status(name, lambda status: status.get("conditions"), "a first report")
    namespace.wait_for_status(
        "unknown", lambda status: status.get("consecutiveFailures", 0) >= 3, "three failures"
    )
    settled = len(writes(plane))
    wait_for(lambda: len(writes(plane)) == settled, "the last writes to be logged")

    polls = operator.metric("campaignthrottle_polls_total")
    before = len(writes(plane))
    until = time.monotonic() + SECONDS
    wait_for(lambda: time.monotonic() > until, "the time to pass", seconds=SECONDS + 5, pause=1)
    made = operator.metric("campaignthrottle_polls_total") - polls
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
