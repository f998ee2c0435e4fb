"""What somebody who may edit one namespace can not do to anybody else: the sentences of docs/security.md.

Mallory has the built-in role `edit` in a namespace of her own, and a tenant of CXone of her own. A team next door has
another one, and so has the platform.
"""

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from control_plane import ControlPlane
from integration.conftest import SYSTEM
from integration.namespaces import Namespace, conditions, fresh_namespace, manifest
from integration.pace import wait_for
from integration.tenancy import (
    API_VERSION,
    acd_tenant,
    apply,
    reaching,
    secret,
    tenant,
    tenant_status,
    wait_for_reason,
)
from integration.watching import a_second_later, polls_again, wait_for_state, when, writes_to
from stack import Operator, Simulator

USER = "mallory"
AGENT = "Ann Nonymous"
SECRETS = {
    "team": ("client-of-team", "s3cret-of-team"),
    "platform": ("client-of-platform", "s3cret-of-platform"),
    "mallory": ("client-of-mallory", "s3cret-of-mallory"),
}
ACCESS_KEY = ("KEYOFMALLORY====", "s3cret-key-of-mallory====")
OWN_TENANT = "11e00000-0000-4000-8000-0000000000aa"


@dataclass
class Scene:
    """An operator, whom it works for, and who attacks it."""

    plane: ControlPlane
    operator: Operator
    team: Namespace
    mallory: Namespace
    simulators: dict[str, Simulator]
    offered: str

    def as_mallory(self, *arguments: str, **options: Any) -> Any:
        """kubectl, as Mallory, in her namespace."""
        return self.plane.kubectl(*arguments, "-n", self.mallory.name, f"--as={USER}", **options)

    def mallory_applies(self, *objects: dict[str, Any]) -> None:
        listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.as_mallory("apply", "-f", "-", input=listing, timeout=300)

    def may(self, verb: str, resource: str, *arguments: str) -> bool:
        """Whether Mallory may do that, by the authorizer."""
        asked = ("auth", "can-i", verb, resource, f"--as={USER}", *arguments)
        return bool(self.plane.kubectl(*asked, check=False).returncode == 0)

    def campaign(self, at: str) -> str:
        """A new campaign at one of the tenants, running."""
        name = f"cmp-{uuid.uuid4().hex[:8]}"
        self.simulators[at].add_campaign(name, name=f"campaign {name}", status="RUNNING")
        return name

    def reason(self, name: str, type_: str = "Ready") -> str:
        return str(self.mallory.condition(name, type_).get("reason"))

    def wait_for_reason(self, name: str, reason: str) -> dict[str, Any]:
        """The status of a throttle of Mallory's, once Ready has this reason."""
        return self.mallory.wait_for_status(
            name, lambda status: conditions(status).get("Ready", {}).get("reason") == reason, reason
        )


def credentials(name: str, of: str) -> dict[str, Any]:
    client, client_secret = SECRETS[of]
    return secret(name, clientID=client, clientSecret=client_secret)


def throttle(name: str, **spec: Any) -> dict[str, Any]:
    return manifest(name, **{"tenantRef": {"name": "own"}} | spec)


@pytest.fixture(scope="module")
def scene(
    plane: ControlPlane, operator_kubeconfig: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("security")
    simulators = {}
    for name, (client, client_secret) in SECRETS.items():
        (folder / name).mkdir()
        simulators[name] = Simulator.playing(
            folder / name,
            {
                "dialects": ["Campaigns", "ACD"],
                "mode": "manual",
                "clients": {client: {"secret": client_secret}},
                "accessKeys": {ACCESS_KEY[0]: {"secret": ACCESS_KEY[1]}},
                "acd": {"tenantId": OWN_TENANT},
                "agents": [{"id": "ann", "name": AGENT}],
                "campaigns": [{"id": "1", "name": "first", "skills": [{"id": 10_001, "running": True}]}],
            },
        )
        simulators[name].set_agents(available=20)
    unique = uuid.uuid4().hex[:8]
    offered = f"platform-{unique}"
    with fresh_namespace(plane, f"team-{unique}") as team, fresh_namespace(plane, f"mallory-{unique}") as mallory:
        plane.kubectl("create", "rolebinding", USER, "-n", mallory.name, "--clusterrole=edit", f"--user={USER}")
        operator = Operator(
            folder,
            operator_kubeconfig,
            None,
            environment=reaching(*simulators.values())
            | {"POD_NAMESPACE": SYSTEM, "CAMPAIGN_THROTTLE_LOG_LEVEL": "debug"},
        )
        scene = Scene(plane, operator, team, mallory, simulators, offered)
        apply(plane, [credentials("teams", "team"), tenant("teams", simulators["team"])], team.name)
        apply(plane, [credentials(offered, "platform")], SYSTEM)
        allowed = {"names": [team.name]}
        apply(
            plane,
            [tenant(offered, simulators["platform"], kind="ClusterCXoneTenant", allowedNamespaces=allowed)],
        )
        # A controller adds the rules to the built-in role, and the authorizer learns of them by a watch.
        wait_for(lambda: scene.may("create", "cxonetenants", "-n", mallory.name), "Mallory's role")
        scene.mallory_applies(credentials("own", "mallory"), tenant("own", simulators["mallory"]))
        try:
            yield scene
            assert "Traceback" not in operator.text(), operator.text()[-4000:]
        finally:
            plane.kubectl("delete", "clustercxonetenant", offered, "--ignore-not-found")
            plane.kubectl("delete", "secret", offered, "-n", SYSTEM, "--ignore-not-found")
            plane.kubectl("delete", "campaignthrottles", "--all", "-n", mallory.name, timeout=300)
            operator.stop()
            for simulator in simulators.values():
                simulator.stop()


# Secrets


def test_a_secret_of_another_namespace_or_of_the_operator_is_out_of_reach(scene: Scene) -> None:
    """A tenant names a Secret, and never a namespace: it is looked for beside the tenant."""
    own = scene.simulators["mallory"]
    for namespace, name in ((scene.team.name, "teams"), (SYSTEM, scene.offered)):
        answer = scene.plane.kubectl("get", "secret", name, "-n", namespace, f"--as={USER}", check=False)
        assert "Forbidden" in answer.stderr
    before = own.last_request()
    found = {"of-the-team": "teams", "of-the-operator": scene.offered}
    for name, secret_name in found.items():
        scene.mallory_applies(tenant(name, own, credentialsSecretRef={"name": secret_name}))
        status = wait_for_reason(scene.plane, "cxonetenant", name, "CredentialsMissing", scene.mallory.name)
        assert f"no Secret {secret_name}" in conditions(status)["Ready"]["message"]
    for number, reference in enumerate(
        (
            {"name": "teams", "namespace": scene.team.name},
            {"name": f"{scene.team.name}/teams"},
            {"name": f"../../{scene.team.name}/secrets/teams"},
        )
    ):
        body = json.dumps(tenant(f"elsewhere-{number}", own, credentialsSecretRef=reference))
        assert scene.as_mallory("apply", "-f", "-", input=body, check=False).returncode != 0, reference
    # Without the client's own check the API server drops the field, and it is the same as above.
    body = json.dumps(
        tenant("elsewhere", own, credentialsSecretRef={"name": "teams", "namespace": scene.team.name})
    )
    scene.as_mallory("apply", "--validate=false", "-f", "-", input=body)
    wait_for_reason(scene.plane, "cxonetenant", "elsewhere", "CredentialsMissing", scene.mallory.name)
    # Nor as an authority of TLS, of which nothing would be shown anyway.
    scene.mallory_applies(tenant("ca", own, credentialsSecretRef={"name": "own"}, caSecretRef={"name": "teams"}))

    def said() -> str:
        ready = conditions(tenant_status(scene.plane, "cxonetenant", "ca", scene.mallory.name)).get("Ready", {})
        return str(ready.get("message", ""))

    assert "no Secret teams" in wait_for(said, "a word on the CA")
    clients = {request["client"] for request in own.requests(since=before)}
    assert clients <= {SECRETS["mallory"][0]}


def test_a_cluster_tenant_that_is_not_offered_can_not_be_used(scene: Scene) -> None:
    platform, campaign = scene.simulators["platform"], scene.campaign("platform")
    platform.set_agents(available=0)
    reference = {"kind": "ClusterCXoneTenant", "name": scene.offered}
    scene.mallory_applies(throttle("not-offered", campaignID=campaign, tenantRef=reference))
    scene.wait_for_reason("not-offered", "TenantNotAllowed")
    # She can't offer it to herself: not in the tenant, and not by a label of her namespace.
    for verb, resource in (("patch", "clustercxonetenants"), ("create", "clustercxonetenants")):
        assert not scene.may(verb, resource)
    answer = scene.as_mallory("label", "namespace", scene.mallory.name, "outbound=yes", check=False)
    assert "Forbidden" in answer.stderr
    # A tenant of her own of the same name is her own.
    scene.mallory_applies(
        tenant(scene.offered, platform, credentialsSecretRef={"name": scene.offered}),
        throttle("same-name", campaignID=campaign, tenantRef={"name": scene.offered}),
    )
    polls_again(scene.operator, scene.mallory, "same-name")
    polls_again(scene.operator, scene.mallory, "not-offered")
    assert scene.reason("same-name") == "CredentialsMissing"
    assert state(platform, campaign) == "RUNNING"
    assert [row for row in platform.requests() if row["campaign"] == campaign] == []

    # What is offered to her, and is taken away again, is out of reach at the next poll.
    offer(scene, {"names": [scene.team.name, scene.mallory.name]})
    wait_for_state(platform, campaign, "PAUSED")
    offer(scene, {"names": [scene.team.name]})
    scene.wait_for_reason("not-offered", "TenantNotAllowed")
    platform.set_agents(available=20)
    quiet = platform.last_request()
    polls_again(scene.operator, scene.mallory, "not-offered")
    assert [row for row in platform.requests(since=quiet) if row["campaign"] == campaign] == []
    assert state(platform, campaign) == "PAUSED"


def test_nothing_secret_is_logged_or_reported(scene: Scene) -> None:
    """With the most talkative log, of good, wrong and unreadable credentials, and of both APIs."""
    own, campaign = scene.simulators["mallory"], scene.campaign("mallory")
    wrong = secret("wrong", clientID=SECRETS["mallory"][0], clientSecret="wr0ng-s3cret")
    key = secret("key", accessKeyID=ACCESS_KEY[0], accessKeySecret=ACCESS_KEY[1])
    scene.mallory_applies(
        *(
            wrong,
            tenant("wrong", own),
            key,
            acd_tenant("key", own, grant="AccessKey", tokenURL=access_key_url(own)),
        ),
        throttle("talks", campaignID=campaign),
        throttle("talks-wrongly", campaignID="another", tenantRef={"name": "wrong"}),
        throttle("talks-acd", campaignID="1", tenantRef={"name": "key"}),
    )
    scene.wait_for_reason("talks", "Controlling")
    scene.wait_for_reason("talks-acd", "Controlling")
    scene.wait_for_reason("talks-wrongly", "CredentialsRejected")
    own.set_agents(available=0)
    wait_for_state(own, campaign, "PAUSED")
    own.set_agents(available=20)
    wait_for_state(own, campaign, "RUNNING")
    polls_again(scene.operator, scene.mallory, "talks-wrongly")
    kinds = "campaignthrottles,cxonetenants,events"
    told = scene.operator.text() + scene.plane.kubectl("get", kinds, "-n", scene.mallory.name, "-o", "json").stdout
    assert campaign in told
    confidential = [
        *(word for _, word in SECRETS.values()),
        "wr0ng-s3cret",
        ACCESS_KEY[1],
        AGENT,
        "Bearer ",
        "eyJ",
    ]
    assert [word for word in confidential if word in told] == []


# Campaigns of others


def test_a_throttle_that_can_not_act_keeps_nobody_from_a_campaign(scene: Scene) -> None:
    """An older throttle of Mallory's names the team's campaign, by a tenant that looks like the team's."""
    teams = scene.simulators["team"]
    scene.mallory_applies(
        secret("guessed", clientID="client-of-team", clientSecret="a-guess"),
        tenant("guessed", teams),
        tenant("no-secret", teams),
        tenant("no-ca", teams, credentialsSecretRef={"name": "guessed"}, caSecretRef={"name": "none"}),
    )
    reference = {"kind": "ClusterCXoneTenant", "name": scene.offered}
    cases: dict[str, dict[str, Any]] = {
        name: {"tenantRef": {"name": name}} for name in ("guessed", "no-secret", "no-ca")
    } | {"not-mine": {"tenantRef": reference}}
    campaigns = {name: scene.campaign("platform" if name == "not-mine" else "team") for name in cases}
    scene.mallory_applies(
        *(throttle(f"takes-{name}", campaignID=campaigns[name], **spec) for name, spec in cases.items())
    )
    for name in cases:
        scene.mallory.wait_for_status(
            f"takes-{name}", lambda found: found.get("observedGeneration") == 1, "the first poll"
        )
        a_second_later(scene.mallory, f"takes-{name}")
    for name in cases:
        theirs = reference if name == "not-mine" else {"name": "teams"}
        scene.team.apply(f"guards-{name}", campaignID=campaigns[name], tenantRef=theirs)
    try:
        for name in cases:
            oldest = when(scene.mallory.get(f"takes-{name}")["metadata"]["creationTimestamp"])
            assert oldest < when(scene.team.get(f"guards-{name}")["metadata"]["creationTimestamp"])
            scene.team.wait_for_status(
                f"guards-{name}",
                lambda found: conditions(found).get("Ready", {}).get("reason") == "Controlling",
                f"control in spite of {name}",
            )
        for at in ("team", "platform"):
            scene.simulators[at].set_agents(available=0)
        for name, campaign in campaigns.items():
            wait_for_state(scene.simulators["platform" if name == "not-mine" else "team"], campaign, "PAUSED")
    finally:
        for at in ("team", "platform"):
            scene.simulators[at].set_agents(available=20)


def test_nothing_is_learnt_of_the_throttles_of_other_namespaces(scene: Scene) -> None:
    """Even who has credentials for the same tenant is told only that there is another throttle."""
    campaign = scene.campaign("team")
    scene.team.apply("hush-hush", campaignID=campaign, tenantRef={"name": "teams"})
    scene.team.wait_ready("hush-hush")
    a_second_later(scene.team, "hush-hush")
    scene.mallory_applies(
        credentials("shared", "team"),
        tenant("shared", scene.simulators["team"]),
        throttle("curious", campaignID=campaign, tenantRef={"name": "shared"}),
    )
    scene.wait_for_reason("curious", "CampaignConflict")
    scene.mallory.wait_for_event("curious", "CampaignConflict")
    told = json.dumps([scene.mallory.get("curious"), scene.mallory.events("curious")])
    assert "hush-hush" not in told
    assert scene.team.name not in told
    for kind in ("campaignthrottles", "cxonetenants"):
        assert not scene.may("list", kind, "-n", scene.team.name)
        assert not scene.may("list", kind, "--all-namespaces")
    assert not scene.may("list", "clustercxonetenants")
    # Her younger throttle has changed nothing of theirs.
    assert scene.team.condition("hush-hush", "Ready")["reason"] == "Controlling"


def test_the_status_is_the_operators_and_a_persons_pause_stays(scene: Scene) -> None:
    """Whose pause it is stands in the status: she can't write that, and so can't have a person's pause undone."""
    own, campaign = scene.simulators["mallory"], scene.campaign("mallory")
    own.set_status_as_person("PAUSED", campaign)
    forged = {"pausedBy": "Operator", "campaignState": "Paused", "observedGeneration": 1}
    body = throttle("forged", campaignID=campaign) | {"status": forged}
    scene.mallory_applies(body)
    scene.mallory.wait_for_status("forged", lambda found: found.get("pausedBy") == "Other", "a person's pause")
    for kind, name in (("campaignthrottle", "forged"), ("cxonetenant", "own")):
        answer = scene.as_mallory(
            *("patch", kind, name, "--subresource=status", "--type=merge"),
            *("-p", json.dumps({"status": forged})),
            check=False,
        )
        assert "Forbidden" in answer.stderr, kind
    polls_again(scene.operator, scene.mallory, "forged")
    assert writes_to(own, campaign) == []
    assert state(own, campaign) == "PAUSED"


# The operator itself


def test_no_object_breaks_the_operator(scene: Scene) -> None:
    """Whatever the API server takes; the team is polled all the while."""
    own, campaign = scene.simulators["mallory"], scene.campaign("team")
    scene.team.apply("unmoved", campaignID=campaign, tenantRef={"name": "teams"})
    scene.team.wait_ready("unmoved")
    binary = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "binary"}}
    lines = secret("lines", clientID="a\r\nHost: evil.example\r\n", clientSecret="b\x00\n\u202e" + "=" * 50_000)
    annotated = throttle("annotated", campaignID="cmp-1")
    annotated["metadata"]["annotations"] = {"campaignthrottle.io/reconcile-requested-at": "x" * 100_000}
    held = throttle("held", campaignID="cmp-1")
    held["metadata"]["finalizers"] = ["example.com/somebody-elses"]
    longest = "n" * 253
    scene.mallory_applies(
        *(binary | {"data": {"clientID": "/w==", "clientSecret": ""}}, tenant("binary", own), lines),
        *(tenant("lines", own), annotated, held),
        tenant(longest, own, credentialsSecretRef={"name": "own"}, timeout="1s"),
        throttle("t" * 253, campaignID="x" * 128, tenantRef={"name": longest}, pauseThreshold=1),
        throttle("binary", campaignID="cmp-2", tenantRef={"name": "binary"}),
        throttle("lines", campaignID="cmp-2", tenantRef={"name": "lines"}),
        throttle("dots", campaignID="a..b", tenantRef={"name": "own"}),
        throttle(
            "zone",
            campaignID="cmp-3",
            schedule={
                "timeZone": "Mars/Olympus_Mons",
                "windows": [{"days": ["Mon"], "start": "00:00", "end": "24:00"}],
                "outside": "Pause",
            },
        ),
        throttle("itself", campaignID="cmp-4", tenantRef={"name": "itself"}),
    )
    try:
        scene.as_mallory("delete", "campaignthrottle", "held", "--wait=false")
        scene.wait_for_reason("zone", "InvalidSpec")
        scene.wait_for_reason("dots", "CampaignNotFound")
        scene.wait_for_reason("binary", "CredentialsMissing")
        scene.wait_for_reason("lines", "CredentialsRejected")
        polls_again(scene.operator, scene.team, "unmoved", result="success")
        assert scene.operator.probe("healthz") == (200, "ok")
        assert "Traceback" not in scene.operator.text()
        assert scene.operator.metric("campaignthrottle_polls_total", result="bug") == 0
    finally:
        scene.as_mallory(
            "patch", "campaignthrottle", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )


@pytest.mark.timeout(900)
def test_many_throttles_on_a_host_that_hangs_or_floods_take_nobody_elses_time(scene: Scene) -> None:
    """500 throttles, each due every second, at a tenant that never answers, then at one that answers without end."""
    throttles, seconds = 500, 20.0
    own, campaign = scene.simulators["mallory"], scene.campaign("team")
    scene.team.apply("on-time", campaignID=campaign, tenantRef={"name": "teams"})
    scene.team.wait_ready("on-time")
    own.add_fault("hang", path="campaign-read")
    own.add_fault("hang", path="agents")
    scene.mallory_applies(
        *(throttle(f"many-{number}", campaignID=f"many-{number}") for number in range(throttles))
    )
    try:
        wait_for(lambda: own.control("GET", "faults")["faults"][0]["waiting"] > 0, "the first to hang", pause=0.2)
        hanging = gaps(scene, campaign, seconds)
        own.clear_faults()
        own.add_fault("enormous", path="campaign-read")
        own.add_fault("enormous", path="agents")
        flooded = gaps(scene, campaign, seconds)
        print(f"the team's campaign was read every {hanging:.1f} s at the worst, and {flooded:.1f} s")
        teams = scene.simulators["team"]
        began = time.monotonic()
        teams.set_agents(available=0)
        wait_for_state(teams, campaign, "PAUSED")
        print(f"and paused after {time.monotonic() - began:.1f} s")
        assert max(hanging, flooded) < 15
        assert time.monotonic() - began < 20
        assert scene.operator.probe("healthz") == (200, "ok")
    finally:
        own.clear_faults()
        scene.simulators["team"].set_agents(available=20)
        # One request for all of them; kubectl's own way is one each, and slow.
        kind = f"/apis/{API_VERSION}/namespaces/{scene.mallory.name}/campaignthrottles"
        scene.plane.kubectl("delete", "--raw", kind, f"--as={USER}", timeout=120)
        left = ("get", "campaignthrottles", "-n", scene.mallory.name, "-o", "name")
        wait_for(lambda: not scene.plane.kubectl(*left).stdout, "all to be gone", pause=0.5, seconds=120)


def gaps(scene: Scene, campaign: str, seconds: float) -> float:
    """The longest time without a reading of the team's campaign, while so many seconds pass."""
    teams, began = scene.simulators["team"], time.time()
    wait_for(lambda: time.time() > began + seconds, "some seconds of polls", pause=0.5, seconds=4 * seconds)
    times = [
        row["time"]
        for row in teams.requests("campaign-read")
        if row["campaign"] == campaign and row["time"] >= began
    ]
    moments = [began, *times, began + seconds]
    return max(later - earlier for earlier, later in itertools.pairwise(moments))


def state(simulator: Simulator, campaign: str) -> str:
    return str(simulator.campaign(campaign)["status"])


def access_key_url(simulator: Simulator) -> str:
    return f"{simulator.url}/authentication/v1/token/access-key"


def offer(scene: Scene, allowed: dict[str, Any]) -> None:
    """Whoever runs the cluster changes to whom the platform's tenant is offered."""
    changed = json.dumps({"spec": {"allowedNamespaces": allowed}})
    scene.plane.kubectl("patch", "clustercxonetenant", scene.offered, "--type=merge", "-p", changed)
