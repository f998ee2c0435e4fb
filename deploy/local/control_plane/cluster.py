"""What a test needs of a cluster, whether it was started for it or was there before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from control_plane.binaries import find_kubectl
from control_plane.credentials import write_kubeconfig_of
from control_plane.errors import KubectlError

TOKEN_DURATION = "24h"


class Cluster:
    """A Kubernetes API server with an admin's kubeconfig.

    Attributes:
        url: of the API server, e.g. `https://127.0.0.1:24680`.
        kubeconfig: the admin's.
        bin: the folder that holds kubectl.
    """

    url: str
    kubeconfig: Path
    bin: Path
    # For kubectl's cache and the kubeconfigs of service accounts.
    folder: Path

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # as in subprocess.run
        check: bool = True,
        timeout: float = 30.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as the admin.

        Args:
            args: e.g. `"apply", "-f", "-"`; `--kubeconfig` in them wins over the admin's.
            input: for its standard input.
            check: whether an exit code other than 0 raises.
            timeout: in seconds.

        Returns:
            The ended process, with `returncode`, `stdout` and `stderr` as text.

        Raises:
            KubectlError: it ended with an error and `check` is set.
            subprocess.TimeoutExpired: it took too long and was killed.
        """
        result = subprocess.run(
            [
                self.bin / "kubectl",
                *("--kubeconfig", self.kubeconfig),
                # Else it fills ~/.kube/cache with a folder for each port ever used.
                *("--cache-dir", self.folder / "kubectl-cache"),
                *args,
            ],
            env={key: value for key, value in os.environ.items() if key != "KUBECONFIG"},
            stdin=subprocess.DEVNULL if input is None else None,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode != 0:
            raise KubectlError(args, result)
        return result

    def kubeconfig_for(self, namespace: str, service_account: str) -> Path:
        """A kubeconfig with a fresh token of a service account, so that its RBAC applies.

        Args:
            namespace: the account's; also that of the kubeconfig's context.
            service_account: its name; it must exist.

        Returns:
            A file that goes with the plane, or, for an existing cluster, with this object.

        Raises:
            KubectlError: there is no such account.
        """
        duration = f"--duration={TOKEN_DURATION}"
        token = self.kubectl("create", "token", service_account, "-n", namespace, duration)
        return write_kubeconfig_of(
            self.folder / f"{namespace}.{service_account}.kubeconfig",
            cluster=self._cluster_entry(),
            token=token.stdout.strip(),
            namespace=namespace,
        )

    def _cluster_entry(self) -> dict[str, object]:
        view = self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        entry: dict[str, object] = json.loads(view.stdout)["clusters"][0]["cluster"]
        return entry


class ExistingCluster(Cluster):
    """A cluster that somebody else started: the same surface, and nothing is started or stopped.

    `with` is allowed, so that a caller needs no case for it, and does nothing.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Reads a kubeconfig, whose current context must be an admin's.

        Raises:
            BinariesError: there is no kubectl in `KUBEBUILDER_ASSETS`, the cache or PATH.
            KubectlError: this is no kubeconfig with a current context.
        """
        self.kubeconfig = kubeconfig.absolute()
        self.bin = find_kubectl().parent
        self.folder = Path(tempfile.mkdtemp(prefix="existing-cluster-"))
        # When this object is collected or Python exits.
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.url = str(self._cluster_entry()["server"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None
