"""What can be wrong with CXone: a clear condition for each, the process alive, and no campaign touched."""

from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest

from integration.namespaces import Namespace, conditions
from integration.pace import wait_for
from stack import Operator, Simulator

#: What the client of the simulator is granted where a test takes nothing away.
SCOPES = ["campaigns:read", "campaigns:write", "interactions:agents:read"]
MEBIBYTE = 1024**2


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble: how to bring it about, and what the throttle must say."""

    cause: Callable[[Simulator], object]
    reason: str
    says: str
    stalled: bool


def client(secret: str = "simulator-secret", scopes: list[str] = SCOPES) -> Callable[[Simulator], object]:
    """Change the tenant's client, and take away the tokens that it has."""

    def change(simulator: Simulator) -> None:
        simulator.control("PUT", "clients/simulator", {"secret": secret, "scopes": scopes})
        simulator.control("POST", "tokens/revoke", {})

    return change


TROUBLES = {
    "wrong credentials": Trouble(client(secret="another"), "CredentialsRejected", "check the client", True),
    "missing scope for the agents": Trouble(
        client(scopes=["campaigns:read", "campaigns:write"]), "Forbidden", "interactions:agents:read", True
    ),
    "missing scope for the campaign": Trouble(
        client(scopes=["interactions:agents:read", "campaigns:write"]), "Forbidden", "campaigns:read", True
    ),
    "unknown campaign": Trouble(
        lambda simulator: simulator.control("DELETE", "campaigns/cmp-1"),
        "CampaignNotFound",
        "spec.campaignID",
        True,
    ),
    "connections reset": Trouble(
        lambda simulator: simulator.add_fault("reset"), "CXoneUnreachable", "check that CXone is up", False
    ),
    "HTML instead of JSON": Trouble(
        lambda simulator: simulator.add_fault("html"), "InvalidResponse", "not JSON by its Content-Type", False
    ),
    "broken JSON": Trouble(
        lambda simulator: simulator.add_fault("truncated"), "InvalidResponse", "broken JSON", False
    ),
    "a redirect": Trouble(
        lambda simulator: simulator.add_fault("redirect", location="http://127.0.0.1:1/"),
        "InvalidResponse",
        "redirects are not followed",
        False,
    ),
    "a body of 200 MB": Trouble(
        lambda simulator: simulator.add_fault("enormous", bytes=200_000_000),
        "InvalidResponse",
        "longer than 4 MiB",
        False,
    ),
    "nothing where agents were expected": Trouble(
        lambda simulator: simulator.add_fault("empty-204", "agents"), "InvalidResponse", "no agents", False
    ),
    "rate limit": Trouble(
        lambda simulator: simulator.add_fault("status", code=429, retryAfter=60),
        "RateLimited",
        "longer interval",
        False,
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_told_and_no_campaign_is_touched(
    operator: Operator, simulator: Simulator, namespace: Namespace, name: str
) -> None:
    trouble = TROUBLES[name]
    namespace.apply("sales")
    namespace.wait_ready("sales")
    memory = psutil.Process(operator.pid).memory_info().rss
    seen = simulator.last_request()
    trouble.cause(simulator)
    status = namespace.wait_for_status(
        "sales",
        lambda status: conditions(status)["Ready"]["status"] == "False",
        "Ready to turn False",
    )
    found = conditions(status)
    assert found["Ready"]["reason"] == trouble.reason
    assert trouble.says in found["Ready"]["message"]
    assert ("Stalled" in found, "Reconciling" in found) == (trouble.stalled, not trouble.stalled)
    assert status["availableAgents"] == 20
    assert not simulator.requests("campaign-write", since=seen)
    grown = (psutil.Process(operator.pid).memory_info().rss - memory) / MEBIBYTE
    print(f"memory {memory / MEBIBYTE:.0f} MiB, grown by {grown:.1f} MiB")
    assert grown < 64
    assert operator.probe("healthz") == (200, "ok")
    for secret in ("simulator-secret", "another", "Bearer"):
        assert secret not in operator.text()


def test_cxone_down_and_up_again(operator: Operator, simulator: Simulator, namespace: Namespace) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    simulator.stop()
    status = namespace.wait_for_status(
        "sales", lambda status: conditions(status)["Ready"]["status"] == "False", "Ready to turn False"
    )
    assert conditions(status)["Ready"]["reason"] == "CXoneUnreachable"
    assert "refused" in conditions(status)["Ready"]["message"]
    assert (status["campaignState"], status["availableAgents"]) == ("Unknown", 20)
    assert conditions(status)["FallbackActive"]["status"] == "True"

    again = Simulator(simulator.log.parent, port=int(simulator.host.rpartition(":")[2]))
    try:
        again.set_agents(available=20)
        namespace.wait_ready("sales")
        for reason in ("PollFailed", "FallbackActivated", "PollRecovered", "FallbackEnded"):
            namespace.wait_for_event("sales", reason)
    finally:
        again.stop()


def test_a_pause_that_cxone_refuses_is_told_at_once_and_tried_again(
    operator: Operator, simulator: Simulator, namespace: Namespace
) -> None:
    namespace.apply("sales")
    namespace.wait_ready("sales")
    fault = simulator.add_fault("status", "campaign-write", code=409)
    simulator.set_agents(available=2)
    status = namespace.wait_for_status(
        "sales", lambda status: conditions(status)["CampaignSynced"]["status"] == "False", "the failure to be told"
    )
    assert conditions(status)["CampaignSynced"]["reason"] == "ActionFailed"
    namespace.wait_for_status(
        "sales", lambda status: conditions(status)["Ready"]["reason"] == "ActionFailed", "Ready to turn False"
    )
    namespace.wait_for_event("sales", "ActionFailed")
    simulator.control("DELETE", f"faults/{fault}")
    wait_for(lambda: simulator.campaign()["status"] == "PAUSED", "the pause")
    namespace.wait_ready("sales")


def test_without_a_default_tenant_a_throttle_says_what_to_set(
    tmp_path, operator_kubeconfig, namespace: Namespace
) -> None:
    operator = Operator(tmp_path, operator_kubeconfig, None)
    try:
        namespace.apply("sales")
        # Stalled only after 30 s: a GitOps tool may be about to bring what is missing.
        status = namespace.wait_for_status(
            "sales", lambda status: conditions(status).get("Reconciling"), "the throttle to wait for credentials"
        )
        assert "Stalled" not in conditions(status)
        assert conditions(status)["Ready"]["reason"] == "CredentialsMissing"
        assert "CXONE_BASE_URL" in conditions(status)["Ready"]["message"]
    finally:
        operator.stop()
