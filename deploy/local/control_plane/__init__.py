"""A Kubernetes control plane without Docker, for tests and for trying things out: see README.md.

with open_cluster(audit=True) as cluster:
    cluster.kubectl("get", "namespaces")
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from control_plane.cluster import Cluster, ExistingCluster
from control_plane.errors import BinariesError, ControlPlaneError, KubectlError, StartError
from control_plane.plane import ControlPlane

# On purpose not KUBECONFIG, which may well point at production.
EXISTING_VARIABLE = "CAMPAIGN_THROTTLE_TEST_KUBECONFIG"

__all__ = [
    "EXISTING_VARIABLE",
    "BinariesError",
    "Cluster",
    "ControlPlane",
    "ControlPlaneError",
    "ExistingCluster",
    "KubectlError",
    "StartError",
    "open_cluster",
]


def open_cluster(
    folder: Path | None = None,
    audit: bool = False,
    controllers: bool = True,
    api_server_flags: Sequence[str] = (),
) -> ControlPlane | ExistingCluster:
    """Picks the cluster to test on, for a `with` statement.

    The arguments are a `ControlPlane`'s. An existing cluster has no use for them, so a test that
    relies on one skips unless it got a `ControlPlane`.

    Args:
        folder: for logs, credentials and data.
        audit: whether to log each write.
        controllers: whether to run kube-controller-manager.
        api_server_flags: more flags for kube-apiserver.

    Returns:
        The cluster of the kubeconfig that `CAMPAIGN_THROTTLE_TEST_KUBECONFIG` names, if it is set;
        else a control plane that `with` starts and stops.

    Raises:
        BinariesError: as `ExistingCluster` does.
        KubectlError: as `ExistingCluster` does.
    """
    existing = os.environ.get(EXISTING_VARIABLE)
    if existing:
        return ExistingCluster(Path(existing))
    return ControlPlane(folder, audit, controllers, api_server_flags)
