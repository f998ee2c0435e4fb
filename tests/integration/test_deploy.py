"""deploy/base and the Dockerfile: what is admitted, what the operator may do, what users may do."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane import ControlPlane
from integration.pace import wait_for

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy/base"
SYSTEM = "campaign-throttle-system"
GROUP = "campaignthrottle.io"
THROTTLES = f"campaignthrottles.{GROUP}"
TENANTS = f"cxonetenants.{GROUP}"
CLUSTER_TENANTS = f"clustercxonetenants.{GROUP}"
KINDS = (THROTTLES, TENANTS, CLUSTER_TENANTS)
STATUSES = tuple(kind.replace(".", "/status.", 1) for kind in KINDS)
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
#: They are asked for without a namespace, also by who has a role in one.
CLUSTER_SCOPED = {CLUSTER_TENANTS, STATUSES[2], CRDS, "namespaces", "nodes"}


@pytest.fixture(scope="module")
def rendered(plane: ControlPlane) -> dict[str, dict[str, Any]]:
    """What `kubectl kustomize deploy/base` prints, by kind and name."""
    documents = yaml.safe_load_all(plane.kubectl("kustomize", str(BASE)).stdout)
    return {f"{document['kind']}/{document['metadata']['name']}": document for document in documents}


@pytest.fixture(scope="module")
def deployment(rendered: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return rendered["Deployment/campaign-throttle"]


@pytest.fixture(scope="module")
def container(deployment: dict[str, Any]) -> dict[str, Any]:
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


# What is rendered


def test_the_base_is_complete(rendered: dict[str, dict[str, Any]]) -> None:
    assert sorted(rendered) == [
        "ClusterRole/campaign-throttle",
        "ClusterRole/campaign-throttle-edit",
        "ClusterRole/campaign-throttle-secrets",
        "ClusterRole/campaign-throttle-view",
        "ClusterRoleBinding/campaign-throttle",
        "ClusterRoleBinding/campaign-throttle-secrets",
        "CustomResourceDefinition/campaignthrottles.campaignthrottle.io",
        "CustomResourceDefinition/clustercxonetenants.campaignthrottle.io",
        "CustomResourceDefinition/cxonetenants.campaignthrottle.io",
        "Deployment/campaign-throttle",
        "Namespace/campaign-throttle-system",
        "ServiceAccount/campaign-throttle",
    ]


def test_everything_is_labelled_as_kubernetes_recommends(rendered: dict[str, dict[str, Any]]) -> None:
    for name, document in rendered.items():
        assert document["metadata"]["labels"]["app.kubernetes.io/name"] == "campaign-throttle", name


def test_the_deployment_finds_its_pods(deployment: dict[str, Any]) -> None:
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_there_is_never_a_second_operator(deployment: dict[str, Any]) -> None:
    """Two would both pause and resume."""
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_image_is_pinned_to_the_version_of_this_tree(container: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert container["image"] == f"campaign-throttle:{project['version']}"
    # With a tag that isn't `latest` the default is IfNotPresent, which a locally loaded image needs.
    assert container.get("imagePullPolicy", "IfNotPresent") == "IfNotPresent"


def test_the_probes_ask_where_the_operator_answers(container: dict[str, Any]) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f"--health-address=0.0.0.0:{ports['health']}" in container["args"]
    assert f"--metrics-address=0.0.0.0:{ports['metrics']}" in container["args"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


def test_metrics_are_scraped_from_the_port_that_serves_them(
    deployment: dict[str, Any], container: dict[str, Any]
) -> None:
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    [port] = [port["containerPort"] for port in container["ports"] if port["name"] == "metrics"]
    assert annotations["prometheus.io/port"] == str(port)


def test_resources_are_asked_for_and_memory_is_bounded(container: dict[str, Any]) -> None:
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_the_root_file_system_is_read_only(container: dict[str, Any]) -> None:
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_user_is_a_number_that_is_not_root_and_the_images_own(deployment: dict[str, Any]) -> None:
    """`runAsNonRoot` can only be checked for a number, and files of the image belong to its user."""
    security = deployment["spec"]["template"]["spec"]["securityContext"]
    [user] = instructions("USER")
    assert user == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert security["runAsUser"] >= 10_000


def test_no_credentials_are_in_the_manifests(
    rendered: dict[str, dict[str, Any]], container: dict[str, Any]
) -> None:
    assert not [name for name in rendered if name.startswith("Secret/")]
    sources = {variable["name"]: variable["valueFrom"] for variable in container["env"]}
    references = {name: found["secretKeyRef"] for name, found in sources.items() if "secretKeyRef" in found}
    assert references.keys() == {"CXONE_BASE_URL", "CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET"}
    # Without the Secret the operator starts and says so, instead of a pod that hangs.
    assert all(reference["optional"] for reference in references.values())


def test_the_operator_is_told_its_namespace(container: dict[str, Any]) -> None:
    """There, and nowhere else, are the Secrets of ClusterCXoneTenants."""
    [source] = [variable["valueFrom"] for variable in container["env"] if variable["name"] == "POD_NAMESPACE"]
    assert source == {"fieldRef": {"fieldPath": "metadata.namespace"}}


# What is admitted


def test_the_base_is_admitted_without_a_warning(plane: ControlPlane) -> None:
    answer = plane.kubectl("apply", "-k", str(BASE), "--dry-run=server")
    assert answer.stderr == ""
    assert "deployment.apps/campaign-throttle" in answer.stdout


def test_the_base_once_applied_shows_no_difference(plane: ControlPlane) -> None:
    answer = plane.kubectl("diff", "-k", str(BASE), check=False)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


def test_the_deployment_gets_its_pod(plane: ControlPlane) -> None:
    """Made by the real controllers, past the real admission."""

    def look() -> list[str]:
        return plane.kubectl(
            "get", "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "-o", "name"
        ).stdout.split()

    assert len(wait_for(look, "the operator's pod")) == 1


def test_a_pod_of_the_template_is_admitted(plane: ControlPlane, deployment: dict[str, Any]) -> None:
    answer = create(plane, pod_of(deployment, "operator"), "-n", SYSTEM, "--dry-run=server")
    assert (answer.stdout, answer.stderr) == ("pod/operator created (server dry run)\n", "")


WEAKENED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no seccomp profile": ({"securityContext": {"seccompProfile": None}}, {}, "seccompProfile"),
    "no runAsNonRoot": ({"securityContext": {"runAsNonRoot": None}}, {}, "runAsNonRoot != true"),
    "the user root": ({"securityContext": {"runAsUser": 0}}, {}, "runAsUser=0"),
    "privilege escalation": (
        {},
        {"securityContext": {"allowPrivilegeEscalation": None}},
        "allowPrivilegeEscalation != false",
    ),
    "capabilities": ({}, {"securityContext": {"capabilities": None}}, "unrestricted capabilities"),
    "the network of the host": ({"hostNetwork": True}, {}, "host namespaces"),
    "a folder of the host": (
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        {},
        "restricted volume types",
    ),
}


@pytest.fixture(scope="module")
def weakened(
    plane: ControlPlane, deployment: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the enforced namespace says of each weaker pod, all in one call."""
    folder = tmp_path_factory.mktemp("weakened")
    names = {sentence: f"weak-{number}" for number, sentence in enumerate(WEAKENED)}
    for sentence, (pod, container, _) in WEAKENED.items():
        body = pod_of(deployment, names[sentence])
        merge(body["spec"], pod)
        merge(body["spec"]["containers"][0], container)
        (folder / f"{names[sentence]}.json").write_text(json.dumps(body))
    answer = plane.kubectl("create", "-n", SYSTEM, "--dry-run=server", "-f", str(folder), check=False)
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    return {
        sentence: "\n".join(line for line in lines if f"/{name}.json" in line) for sentence, name in names.items()
    }


@pytest.mark.parametrize("sentence", WEAKENED)
def test_a_pod_is_refused_that_asks_for(sentence: str, weakened: dict[str, str]) -> None:
    """So the tests above can fail, and every line of the security contexts is needed."""
    assert 'violates PodSecurity "restricted:latest"' in weakened[sentence]
    assert WEAKENED[sentence][2] in weakened[sentence]


def test_a_weaker_deployment_gives_a_warning(plane: ControlPlane, deployment: dict[str, Any]) -> None:
    """So the test that the base gives none can fail."""
    weaker = deepcopy(deployment)
    del weaker["spec"]["template"]["spec"]["securityContext"]["seccompProfile"]
    weaker["metadata"]["name"] = "weaker"
    answer = create(plane, weaker, "--dry-run=server")
    assert 'Warning: would violate PodSecurity "restricted:latest": seccompProfile' in answer.stderr


# What the operator may do


def test_the_operator_may_do_what_it_needs_and_nothing_else(
    plane: ControlPlane, operator_kubeconfig: Path
) -> None:
    """Beyond what every ServiceAccount may, which is to ask what it may and which APIs there are."""
    operator = rules(plane, "--kubeconfig", str(operator_kubeconfig))
    anybody = rules(
        plane,
        "--as=system:serviceaccount:default:default",
        "--as-group=system:serviceaccounts",
        "--as-group=system:authenticated",
        "--validate=false",  # kubectl would look up CRDs for it, which is not everybody's right
    )
    assert anybody
    assert operator - anybody == {
        *((verb, kind) for verb in ("get", "list", "watch") for kind in (*KINDS, CRDS)),
        ("patch", THROTTLES),
        *(("patch", status) for status in STATUSES),
        ("create", "events"),
        ("get", "namespaces"),
        ("get", "secrets"),
    }


OPERATOR_MAY = [
    *((verb, kind) for verb in ("get", "list", "watch") for kind in KINDS),
    ("patch", THROTTLES),
    *(("patch", status) for status in STATUSES),
    ("create", "events"),
    ("get", "secrets"),
    ("get", "namespaces"),
    ("list", CRDS),
]
OPERATOR_MAY_NOT = [
    *((verb, kind) for verb in ("create", "update", "delete", "deletecollection") for kind in KINDS),
    ("patch", TENANTS),
    ("patch", CLUSTER_TENANTS),
    *(("update", status) for status in STATUSES),
    *((verb, "secrets") for verb in ("list", "watch", "create", "update", "patch", "delete", "deletecollection")),
    *((verb, "namespaces") for verb in ("list", "watch", "create", "update", "patch", "delete")),
    ("get", "configmaps"),
    ("list", "configmaps"),
    ("list", "pods"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("list", "nodes"),
    ("patch", "events"),
    ("list", "events"),
    ("create", CRDS),
    ("update", CRDS),
    ("patch", CRDS),
    ("delete", CRDS),
    ("patch", "deployments.apps"),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("escalate", "clusterroles.rbac.authorization.k8s.io"),
    ("bind", "clusterroles.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
    ("impersonate", "serviceaccounts"),
]


@pytest.mark.parametrize("namespace", ["default", SYSTEM])
def test_the_operator_is_told_the_same_by_the_authorizer(
    plane: ControlPlane, operator_kubeconfig: Path, namespace: str
) -> None:
    """The answers of `kubectl auth can-i`, with the operator's own token."""
    asked = [*OPERATOR_MAY, *OPERATOR_MAY_NOT]
    told = can_i(plane, asked, namespace, kubeconfig=operator_kubeconfig)
    assert [question for question in asked if told[question]] == OPERATOR_MAY


def test_the_operators_pod_is_the_only_one_that_gets_its_token(
    rendered: dict[str, dict[str, Any]], deployment: dict[str, Any]
) -> None:
    assert rendered["ServiceAccount/campaign-throttle"]["automountServiceAccountToken"] is False
    assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is True


# Secrets in some namespaces only


NARROW = "narrow-system"
NARROWED = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {system}
nameSuffix: -narrow
resources: ["{base}"]
patches:
  - patch: |
      $patch: delete
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRoleBinding
      metadata: {{name: campaign-throttle-secrets}}
"""


@pytest.fixture
def narrowed(plane: ControlPlane, tmp_path: Path) -> Iterator[str]:
    """The ServiceAccount of a second base, without the binding for the whole cluster, but with two of a namespace.

    A second one, so that whatever else uses the control plane of this run keeps its rights.
    """
    overlay = tmp_path / "kustomization.yaml"
    overlay.write_text(NARROWED.format(system=NARROW, base=os.path.relpath(BASE, tmp_path)))
    wanted = {"Namespace", "ServiceAccount", "ClusterRoleBinding"}
    objects: list[dict[str, Any]] = [
        document
        for document in yaml.safe_load_all(plane.kubectl("kustomize", str(tmp_path)).stdout)
        if document["kind"] in wanted or document["metadata"]["name"].startswith("campaign-throttle-secrets")
    ]
    assert [found["metadata"]["name"] for found in objects if found["kind"] == "ClusterRoleBinding"] == [
        "campaign-throttle-narrow"
    ]
    objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "narrow-team"}})
    role = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "campaign-throttle-secrets-narrow",
    }
    subject = {"kind": "ServiceAccount", "name": "campaign-throttle-narrow", "namespace": NARROW}
    for namespace in (NARROW, "narrow-team"):
        objects.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "campaign-throttle-secrets", "namespace": namespace},
                "roleRef": role,
                "subjects": [subject],
            }
        )
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    plane.kubectl("apply", "-f", "-", input=listing)
    yield f"system:serviceaccount:{NARROW}:campaign-throttle-narrow"
    plane.kubectl("delete", "-f", "-", "--wait=false", input=listing)


def test_with_bindings_of_namespaces_it_reads_secrets_only_there(plane: ControlPlane, narrowed: str) -> None:
    read = ("get", "secrets")
    wait_for(lambda: can_i(plane, [read], "narrow-team", user=narrowed)[read], "the authorizer to learn of it")
    asked = [(verb, "secrets") for verb in ("get", "list", "watch", "patch", "delete")]
    for namespace in ("narrow-team", NARROW):
        told = can_i(plane, asked, namespace, user=narrowed)
        assert [question for question in asked if told[question]] == [read], namespace
    for namespace in ("default", "kube-system", SYSTEM):
        assert not any(can_i(plane, asked, namespace, user=narrowed).values()), namespace


# What users may do

NAMESPACED = (THROTTLES, TENANTS)
READS = [(verb, kind) for kind in NAMESPACED for verb in ("get", "list", "watch")]
WRITES = [
    (verb, kind) for kind in NAMESPACED for verb in ("create", "update", "patch", "delete", "deletecollection")
]
CLUSTER_READS = [(verb, CLUSTER_TENANTS) for verb in ("get", "list", "watch")]
CLUSTER_WRITES = [(verb, CLUSTER_TENANTS) for verb in ("create", "update", "patch", "delete", "deletecollection")]
NOBODY = [*((verb, status) for verb in ("update", "patch") for status in STATUSES), ("patch", CRDS)]


@pytest.fixture(scope="module")
def team(plane: ControlPlane) -> Iterator[str]:
    """A namespace whose users vera, ed and ada have the built-in roles view, edit and admin."""
    plane.kubectl("create", "namespace", "team")
    for user, role in {"vera": "view", "ed": "edit", "ada": "admin"}.items():
        plane.kubectl("create", "rolebinding", user, "-n", "team", f"--clusterrole={role}", f"--user={user}")
    # A controller adds the rules to the built-in roles, and the authorizer learns of them by a watch.
    for user, question in {"vera": READS[0], "ed": WRITES[0], "ada": WRITES[0]}.items():
        wait_for(lambda: can_i(plane, [question], "team", user=user)[question], f"{user}'s role")  # noqa: B023
    yield "team"
    plane.kubectl("delete", "namespace", "team", "--wait=false")


@pytest.mark.parametrize(
    ("user", "allowed"),
    [("vera", READS), ("ed", READS + WRITES), ("ada", READS + WRITES), ("mallory", [])],
    ids=[
        "who may view can read",
        "who may edit can manage",
        "who administers can manage",
        "others can do nothing",
    ],
)
def test_the_built_in_roles_know_throttles_and_tenants(
    plane: ControlPlane, team: str, user: str, allowed: list[tuple[str, str]]
) -> None:
    """Those of a namespace: what is offered to all of them isn't theirs to see or to change."""
    asked = [*READS, *WRITES, *CLUSTER_READS, *CLUSTER_WRITES, *NOBODY]
    told = can_i(plane, asked, team, user=user)
    assert [question for question in asked if told[question]] == allowed
    assert not any(can_i(plane, asked, "default", user=user).values())


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_who_has_a_built_in_role_everywhere_reads_tenants_of_the_cluster_and_can_not_write_them(
    plane: ControlPlane, role: str
) -> None:
    plane.kubectl(
        "create", "clusterrolebinding", f"everywhere-{role}", f"--clusterrole={role}", f"--user=every-{role}"
    )
    try:
        asked = [*CLUSTER_READS, *CLUSTER_WRITES, *NOBODY]
        first = CLUSTER_READS[0]
        wait_for(
            lambda: can_i(plane, [first], "default", user=f"every-{role}")[first], "the authorizer to learn of it"
        )
        told = can_i(plane, asked, "default", user=f"every-{role}")
        assert [question for question in asked if told[question]] == CLUSTER_READS
    finally:
        plane.kubectl("delete", "clusterrolebinding", f"everywhere-{role}")


def test_a_user_with_edit_can_apply_a_tenant_but_none_of_the_cluster(plane: ControlPlane, team: str) -> None:
    spec = {"baseURL": "https://api-na1.niceincontact.com", "credentialsSecretRef": {"name": "cxone"}}
    for kind, allowed in (("CXoneTenant", True), ("ClusterCXoneTenant", False)):
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": "theirs"}, "spec": spec}
        answer = plane.kubectl(
            *("create", "-f", "-", "-n", team, "--as=ed", "--dry-run=server"), input=json.dumps(body), check=False
        )
        assert (answer.returncode == 0) is allowed, answer.stderr
    assert 'User "ed" cannot create resource "clustercxonetenants"' in answer.stderr


def test_a_user_with_edit_can_apply_a_throttle_but_can_not_forge_its_status(
    plane: ControlPlane, team: str
) -> None:
    sample = str(ROOT / "deploy/samples/campaignthrottle.yaml")
    as_ed = ("-n", team, "--as=ed")
    plane.kubectl("apply", "-f", sample, *as_ed)
    answer = plane.kubectl(
        *("apply", "--server-side", "--subresource=status", "-f", "-", *as_ed),
        input=json.dumps(yaml.safe_load(Path(sample).read_text()) | {"status": {"pausedBy": "Operator"}}),
        check=False,
    )
    plane.kubectl("delete", "-f", sample, *as_ed)
    assert 'User "ed" cannot patch resource "campaignthrottles/status"' in answer.stderr


@pytest.mark.parametrize(
    "sample", sorted((ROOT / "deploy/samples").rglob("*.yaml")), ids=lambda path: str(path.name)
)
def test_the_samples_are_accepted(plane: ControlPlane, sample: Path) -> None:
    answer = plane.kubectl("apply", "--dry-run=server", "-f", str(sample))
    assert answer.stderr == ""


# The image


def instructions(name: str) -> list[str]:
    """The arguments of one kind of instruction, in order, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")]


def test_the_image_comes_from_one_base_that_a_build_can_pin() -> None:
    assert {source.split(" ")[0] for source in instructions("FROM")} == {"${PYTHON_IMAGE}"}
    [default] = instructions("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim(@sha256:[0-9a-f]{64})?", default)


def test_every_package_in_the_image_is_checked_against_its_hash() -> None:
    installs = [step for run in instructions("RUN") for step in run.split("&&") if "pip install" in step]
    assert installs
    for step in installs:
        # The wheel that was just built has no hash, and brings nothing along.
        assert "--require-hashes" in step or ("--no-deps" in step and "--no-index" in step), step


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-build.txt", "requirements-dev.txt"])
def test_every_locked_package_has_one_version_and_hashes(lock: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / lock).read_text())
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert packages
    assert [line for line in packages if not re.match(r"[a-z0-9._-]+(\[.*\])?==\S+ .*--hash=sha256:", line)] == []


def test_the_lock_has_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=~!\[; ]", dependency)[0].lower() for dependency in project["dependencies"]}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert wanted <= locked


def test_what_the_image_copies_is_there_and_is_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [source for copy in instructions("COPY") if "--from" not in copy for source in copy.split()[:-1]]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in let_through, source


def test_the_image_starts_the_operator(container: dict[str, Any]) -> None:
    """The Deployment's args replace CMD, so they begin with the command too."""
    assert instructions("ENTRYPOINT") == ['["campaign-throttle"]']
    assert instructions("CMD") == ['["run"]']
    assert container["args"][0] == "run"
    assert "command" not in container


# Helpers


def pod_of(deployment: dict[str, Any], name: str) -> dict[str, Any]:
    """The pod that a ReplicaSet would make."""
    template = deepcopy(deployment["spec"]["template"])
    metadata = template["metadata"] | {"name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def merge(target: dict[str, Any], changes: dict[str, Any]) -> None:
    """A JSON merge patch."""
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        elif value is None:
            del target[key]
        else:
            target[key] = value


def create(plane: ControlPlane, body: dict[str, Any], *arguments: str) -> Any:
    return plane.kubectl("create", "-f", "-", *arguments, input=json.dumps(body))


def rules(plane: ControlPlane, *who: str) -> set[tuple[str, str]]:
    """Verb and resource of all that somebody may do, as `kubectl auth can-i --list` has it."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"},
    }
    status = json.loads(create(plane, review, "-o", "json", *who).stdout)["status"]
    assert not status["incomplete"], status
    found = set()
    for rule in status["resourceRules"]:
        assert not rule.get("resourceNames"), rule
        for group in rule["apiGroups"]:
            suffix = f".{group}" if group else ""
            found |= {(verb, resource + suffix) for verb in rule["verbs"] for resource in rule["resources"]}
    for rule in status["nonResourceRules"]:
        found |= {(verb, url) for verb in rule["verbs"] for url in rule["nonResourceURLs"]}
    return found


def can_i(
    plane: ControlPlane,
    questions: Iterable[tuple[str, str]],
    namespace: str,
    *,
    kubeconfig: Path | None = None,
    user: str | None = None,
) -> dict[tuple[str, str], bool]:
    """Whether the owner of a kubeconfig, or a user, may do each thing: many `kubectl auth can-i` in one call."""
    asked = list(questions)
    reviews = []
    for verb, resource in asked:
        name, _, group = resource.partition(".")
        name, _, subresource = name.partition("/")
        attributes = {
            "namespace": "" if resource in CLUSTER_SCOPED else namespace,
            "verb": verb,
            "group": group,
            "resource": name,
            "subresource": subresource,
        }
        kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
        spec = {"resourceAttributes": attributes} | ({"user": user} if user else {})
        reviews.append({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec})
    who = ("--kubeconfig", str(kubeconfig)) if kubeconfig else ()
    answer = create(
        plane, {"apiVersion": "v1", "kind": "List", "items": reviews}, "-o", "jsonpath={.status.allowed} ", *who
    )
    told = [word == "true" for word in answer.stdout.split()]
    return dict(zip(asked, told, strict=True))
