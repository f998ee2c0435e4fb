"""Reading custom resources, as a person's command does, and asking whether that is allowed."""

from datetime import timedelta
from typing import Any, cast

from kubernetes.aio.client import ApiClient, CustomObjectsApi

from campaign_throttle.cluster.answers import NotAnswered, answer

READ_TIMEOUT = timedelta(seconds=10)


class ObjectNotRead(Exception):
    """The API server didn't give the object; the message says why."""


async def read_object(
    api: ApiClient, *, group: str, version: str, plural: str, namespace: str | None, name: str
) -> dict[str, Any]:
    """One object; of a kind of the cluster without a namespace.

    Raises:
        ObjectNotRead: there is none, or it may not be read, or the API server can't be reached.
    """
    objects = CustomObjectsApi(api)
    kind: Any = {"group": group, "version": version, "plural": plural, "name": name}
    request = (
        objects.get_cluster_custom_object(**kind)
        if namespace is None
        else objects.get_namespaced_custom_object(**kind, namespace=namespace)
    )
    try:
        return cast(dict[str, Any], await answer(request, READ_TIMEOUT))
    except NotAnswered as problem:
        what = f"{plural} {name}" + (f" in namespace {namespace}" if namespace else "")
        texts = {404: f"there is no {what}", 403: f"you may not get {what}"}
        raise ObjectNotRead(texts.get(problem.status or 0, str(problem))) from None


async def may_list(api: ApiClient, *, group: str, version: str, plural: str, namespace: str | None) -> bool:
    """Whether a kind may be listed, in a namespace or everywhere; so it is too if that can't be told now."""
    objects = CustomObjectsApi(api)
    kind: Any = {"group": group, "version": version, "plural": plural, "limit": 1}
    request = (
        objects.list_cluster_custom_object(**kind)
        if namespace is None
        else objects.list_namespaced_custom_object(**kind, namespace=namespace)
    )
    try:
        await answer(request, READ_TIMEOUT)
    except NotAnswered as problem:
        return problem.status != 403
    return True
