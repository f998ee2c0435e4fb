"""Namespaces: their labels, and which is the operator's own."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from kubernetes.aio.client import ApiClient, CoreV1Api
from kubernetes.aio.config import list_kube_config_contexts
from kubernetes.aio.config.config_exception import ConfigException

from campaign_throttle.cluster.answers import NotAnswered, answer

READ_TIMEOUT = timedelta(seconds=5)
_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NamespaceNotRead(Exception):
    """The API server didn't say what labels a namespace has; the message says why in a few stable words."""


class NamespaceReader:
    """Reads the labels of namespaces, one at a time.

    Args:
        api: the connection.
    """

    def __init__(self, api: ApiClient) -> None:
        self._core = CoreV1Api(api)

    async def labels(self, name: str) -> Mapping[str, str]:
        """The labels of a namespace; none if it is gone.

        Raises:
            NamespaceNotRead: refused, or not answered in time.
        """
        try:
            found: Any = await answer(self._core.read_namespace(name), READ_TIMEOUT)
        except NotAnswered as problem:
            if problem.status == 404:
                return {}
            raise NamespaceNotRead(str(problem)) from None
        return dict(found.metadata.labels or {})


def own_namespace() -> str:
    """The namespace that the operator runs in.

    ``POD_NAMESPACE``, else what its ServiceAccount says, else the context of the kubeconfig, else ``default``.
    """
    if name := os.environ.get("POD_NAMESPACE"):
        return name
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        pass
    try:
        _, active = list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except (ConfigException, OSError):
        return "default"
    return str((active or {}).get("context", {}).get("namespace") or "default")
