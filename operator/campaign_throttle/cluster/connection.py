"""The connection to the Kubernetes API server."""

import os
from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

#: Requests to the API server that are under way at once.
CONCURRENCY = 32


class ClusterUnavailable(Exception):
    """There is no cluster to connect to; the message says what was looked for."""


async def connect() -> ApiClient:
    """A client of the cluster that the process runs in, else of the one that the kubeconfig names.

    Raises:
        ClusterUnavailable: neither is there.
    """
    configuration: Configuration = type.__call__(Configuration)
    kubeconfig = _kubeconfig()
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=_existing(kubeconfig), client_configuration=configuration, persist_config=False
            )
    except (ConfigException, OSError) as error:
        raise ClusterUnavailable(
            f"no Kubernetes cluster: not running in a pod, and the kubeconfig {kubeconfig} can't be used ({error}): "
            "set KUBECONFIG"
        ) from error
    configuration.connection_pool_maxsize = CONCURRENCY
    return ApiClient(configuration=configuration)


def _kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())


def _existing(kubeconfig: str) -> str:
    """The value of KUBECONFIG, which may be a list of files, if one of them is there."""
    if not any(Path(path).is_file() for path in kubeconfig.split(os.pathsep)):
        raise FileNotFoundError("there is no such file")
    return kubeconfig
