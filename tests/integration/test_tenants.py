"""Tenants as resources: two teams and a platform, each with a tenant of its own, on one operator."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import ControlPlane
from integration.conftest import SYSTEM
from integration.namespaces import Namespace, conditions, fresh_namespace
from integration.pace import wait_for
from integration.tenancy import apply, operating, reaching, secret, tenant, tenant_status, wait_for_reason
from integration.watching import polls_again, stop, wait_for_state
from stack import Operator, Simulator

CREDENTIALS = {
    "first": ("client-of-first", "secret-of-first"),
    "second": ("client-of-second", "secret-of-second"),
    "platform": ("client-of-platform", "secret-of-platform"),
}


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[dict[str, Simulator]]:
    """Three tenants of CXone, each with a client of its own."""
    found = {}
    for name, (client, client_secret) in CREDENTIALS.items():
        folder = tmp_path / name
        folder.mkdir()
        found[name] = Simulator.playing(
            folder,
            {
                "mode": "manual",
                "clients": {client: {"secret": client_secret}},
                "campaigns": [{"id": "cmp-1", "name": f"campaign of {name}", "status": "RUNNING"}],
            },
        )
        found[name].set_agents(available=20)
    yield found
    for simulator in found.values():
        simulator.stop()


@pytest.fixture
def teams(plane: ControlPlane) -> Iterator[tuple[Namespace, Namespace]]:
    """The namespaces of two teams."""
    unique = uuid.uuid4().hex[:8]
    with fresh_namespace(plane, f"first-{unique}") as first, fresh_namespace(plane, f"second-{unique}") as second:
        yield first, second


@pytest.fixture
def operator(
    tmp_path: Path, operator_kubeconfig: Path, simulators: dict[str, Simulator], teams: object
) -> Iterator[Operator]:
    """An operator without a default tenant."""
    with operating(tmp_path, operator_kubeconfig, reach=simulators.values(), POD_NAMESPACE=SYSTEM) as operator:
        yield operator


def credentials(name: str, of: str) -> dict[str, object]:
    client, client_secret = CREDENTIALS[of]
    return secret(name, clientID=client, clientSecret=client_secret)


def test_two_teams_and_the_platform_have_a_tenant_each_and_no_credentials_go_astray(
    operator: Operator,
    simulators: dict[str, Simulator],
    teams: tuple[Namespace, Namespace],
    plane: ControlPlane,
) -> None:
    first, second = teams
    shared = f"platform-{uuid.uuid4().hex[:8]}"
    apply(plane, [credentials("cxone", "first"), tenant("cxone", simulators["first"])], first.name)
    apply(plane, [credentials("cxone", "second"), tenant("cxone", simulators["second"])], second.name)
    apply(plane, [credentials(shared, "platform")], SYSTEM)
    offered = {"names": [first.name]}
    apply(plane, [tenant(shared, simulators["platform"], kind="ClusterCXoneTenant", allowedNamespaces=offered)])
    try:
        for team in teams:
            team.apply("own", tenantRef={"name": "cxone"})
        first.apply("shared", tenantRef={"kind": "ClusterCXoneTenant", "name": shared})
        second.apply("shared", tenantRef={"kind": "ClusterCXoneTenant", "name": shared})
        first.wait_ready("own", "shared")
        second.wait_ready("own")
        second.wait_for_status(
            "shared",
            lambda status: conditions(status).get("Ready", {}).get("reason") == "TenantNotAllowed",
            "TenantNotAllowed",
        )
        for name, simulator in simulators.items():
            simulator.set_agents(available=2)
            wait_for_state(simulator, "cmp-1", "PAUSED")
            for other in simulators.keys() - {name}:
                if simulators[other].campaign()["status"] == "PAUSED":
                    continue
                assert simulators[other].campaign()["status"] == "RUNNING"
        assert first.status("own")["campaignName"] == "campaign of first"
        assert first.status("shared")["campaignName"] == "campaign of platform"
        assert second.status("own")["campaignName"] == "campaign of second"
        status = wait_for_reason(plane, "clustercxonetenant", shared, "Connected")
        assert status["throttles"] == 2
        assert status["apiEndpoint"] == simulators["platform"].url
        for name, simulator in simulators.items():
            seen = {request["client"] for request in simulator.requests()}
            assert seen == {CREDENTIALS[name][0]}, name
            assert simulator.requests("token"), name
        log = operator.text()
        assert not [client_secret for _, client_secret in CREDENTIALS.values() if client_secret in log]
    finally:
        plane.kubectl("delete", "clustercxonetenant", shared)
        plane.kubectl("delete", "secret", shared, "-n", SYSTEM)


def test_a_rotated_secret_is_taken_up_within_an_interval_and_a_deleted_one_is_said(
    operator: Operator,
    simulators: dict[str, Simulator],
    teams: tuple[Namespace, Namespace],
    plane: ControlPlane,
) -> None:
    team, _ = teams
    simulator = simulators["first"]
    apply(plane, [credentials("cxone", "first"), tenant("cxone", simulator)], team.name)
    team.apply("own", tenantRef={"name": "cxone"})
    team.wait_ready("own")

    simulator.control("PUT", "clients/rotated", {"secret": "the-new-secret"})
    tokens = len(simulator.requests("token"))
    apply(plane, [secret("cxone", clientID="rotated", clientSecret="the-new-secret")], team.name)
    polls_again(operator, team, "own", times=2, result="success")
    later = simulator.requests("token")[tokens:]
    assert [request["client"] for request in later] == ["rotated"]
    started = simulator.last_request()
    polls_again(operator, team, "own", times=2)
    assert {request["client"] for request in simulator.requests(since=started)} == {"rotated"}

    plane.kubectl("delete", "secret", "cxone", "-n", team.name)
    missing = team.wait_for_status(
        "own",
        lambda status: (
            conditions(status)["Stalled"]["reason"] == "CredentialsMissing"
            if "Stalled" in conditions(status)
            else conditions(status)["Ready"]["reason"] == "CredentialsMissing"
        ),
        "CredentialsMissing",
    )
    assert "no Secret cxone" in conditions(missing)["Ready"]["message"]
    wait_for_reason(plane, "cxonetenant", "cxone", "CredentialsMissing", team.name)
    quiet = simulator.last_request()
    polls_again(operator, team, "own", times=3)
    assert simulator.requests(since=quiet) == []

    apply(plane, [secret("cxone", clientID="rotated", clientSecret="the-new-secret")], team.name)
    team.wait_ready("own")
    wait_for_reason(plane, "cxonetenant", "cxone", "Connected", team.name)
    assert tenant_status(plane, "cxonetenant", "cxone", team.name)["throttles"] == 1


def test_an_operator_of_one_namespace_needs_no_more_than_the_rights_of_the_base(
    tmp_path: Path,
    operator_kubeconfig: Path,
    simulators: dict[str, Simulator],
    teams: tuple[Namespace, Namespace],
    plane: ControlPlane,
) -> None:
    watched, other = teams
    simulator = simulators["first"]
    for team in teams:
        apply(plane, [credentials("cxone", "first"), tenant("cxone", simulator)], team.name)
        team.apply("own", tenantRef={"name": "cxone"})
    arguments = ("--namespace", watched.name)
    with operating(tmp_path, operator_kubeconfig, *arguments, reach=[simulator], POD_NAMESPACE=SYSTEM):
        watched.wait_ready("own")
        wait_for_reason(plane, "cxonetenant", "cxone", "Connected", watched.name)
        simulator.set_agents(available=2)
        watched.wait_for_status("own", lambda status: status.get("pausedBy") == "Operator", "the pause")
        assert other.status("own")["observedGeneration"] == -1


def test_without_the_right_to_tenants_the_default_tenant_works_all_the_same(
    tmp_path: Path, simulator: Simulator, namespace: Namespace, plane: ControlPlane
) -> None:
    """As after an upgrade of the image without the new roles."""
    account = f"narrow-{uuid.uuid4().hex[:8]}"
    rules = [
        {"apiGroups": ["campaignthrottle.io"], "resources": ["campaignthrottles"], "verbs": ["*"]},
        {"apiGroups": ["campaignthrottle.io"], "resources": ["campaignthrottles/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "verbs": ["get", "list", "watch"],
        },
    ]
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace.name}
    apply(
        plane,
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": account}, "rules": rules},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": account},
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": account},
                "subjects": [subject],
            },
        ],
        namespace.name,
    )
    kubeconfig = plane.kubeconfig_for(namespace.name, account)
    may = ("--kubeconfig", str(kubeconfig), "auth", "can-i", "list", "campaignthrottles", "--all-namespaces")
    wait_for(lambda: plane.kubectl(*may, check=False).returncode == 0, "the authorizer to learn of the role")
    operator = Operator(tmp_path, kubeconfig, simulator.url, environment=reaching(simulator))
    try:
        namespace.apply("default-tenant")
        namespace.apply("named", campaignID="other", tenantRef={"name": "cxone"})
        namespace.wait_ready("default-tenant")
        assert "cxonetenants are not watched" in operator.text()
        assert namespace.condition("named", "Ready")["reason"] == "TenantNotFound"
    finally:
        stop(operator)
        plane.kubectl("delete", "clusterrole,clusterrolebinding", account)
