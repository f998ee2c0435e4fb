"""The command lines of the components, and why each flag is there."""

from __future__ import annotations

import json
from pathlib import Path

from control_plane.credentials import Credentials

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"

# Enough for namespaces to go away, owners to take their objects with them, service accounts to
# get tokens, Deployments to make ReplicaSets and aggregated ClusterRoles to get their rules.
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "deployment-controller",
    "replicaset-controller",
    "clusterrole-aggregation-controller",
)

# Who wrote what, once and when it is done: the number of requests is what tests look at.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


def etcd(programs: Path, data: Path, port: int, peer_port: int) -> list[str]:
    """One member, for this machine only, that doesn't wait for the disk."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(programs / ETCD),
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(
    programs: Path, credentials: Credentials, port: int, etcd_port: int, controllers: bool
) -> list[str]:
    """Serves on 127.0.0.1 only, with RBAC as in a real cluster."""
    command = [
        str(programs / API_SERVER),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # An endpoint may not be a loopback address, so none is published for this server; without
        # an address here it looks for a public one and fails on a machine without a network.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={credentials.certificate}",
        f"--tls-private-key-file={credentials.key}",
        f"--client-ca-file={credentials.authority}",
        f"--token-auth-file={credentials.tokens}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={credentials.service_account_public_key}",
        f"--service-account-signing-key-file={credentials.service_account_key}",
        "--profiling=false",
        # Closes watches when told to stop; by default it waits up to a minute for them.
        "--shutdown-watch-termination-grace-period=1s",
    ]
    if not controllers:
        # It would refuse every pod, since nobody makes the service account `default`.
        command.append("--disable-admission-plugins=ServiceAccount")
    return command


def audit(folder: Path, log: Path) -> list[str]:
    """The flags that log writes; puts the policy into the folder."""
    policy = folder / "audit-policy.json"
    policy.write_text(json.dumps(AUDIT_POLICY, indent=2))
    return [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={log}",
        # In MB; a new file would hide what happened before it.
        "--audit-log-maxsize=2000",
    ]


def controller_manager(programs: Path, credentials: Credentials, kubeconfig: Path) -> list[str]:
    """Only the controllers that tests need; listens nowhere."""
    return [
        str(programs / CONTROLLER_MANAGER),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={credentials.service_account_key}",
        f"--root-ca-file={credentials.authority}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
