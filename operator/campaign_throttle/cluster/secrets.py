"""Reading Secrets: one at a time, by name, never listed and never watched (RBAC: ``get`` only)."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kubernetes.aio.client import ApiClient, CoreV1Api

from campaign_throttle.cluster.answers import NotAnswered, answer

READ_TIMEOUT = timedelta(seconds=5)


class SecretNotRead(Exception):
    """The API server didn't say what a Secret holds; the message says why in a few stable words."""


class SecretReader:
    """Reads Secrets.

    Args:
        api: the connection.
    """

    def __init__(self, api: ApiClient) -> None:
        self._core = CoreV1Api(api)

    async def read(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """What a Secret holds, by key, as text; None if there is no such Secret. A key that isn't text is left out.

        Raises:
            SecretNotRead: refused, or not answered in time.
        """
        try:
            found: Any = await answer(self._core.read_namespaced_secret(name, namespace), READ_TIMEOUT)
        except NotAnswered as problem:
            if problem.status == 404:
                return None
            if problem.status == 403:
                raise SecretNotRead(
                    f"the operator may not read Secrets of namespace {namespace}: "
                    "bind the ClusterRole campaign-throttle-secrets there"
                ) from None
            raise SecretNotRead(str(problem)) from None
        return decoded(found.data or {})


def decoded(data: Mapping[str, str]) -> dict[str, str]:
    """The values of ``data`` as text, without the line break that many editors leave at the end."""
    texts = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(value).decode().rstrip("\r\n")
        except ValueError:  # no base64, or no text
            continue
    return texts
