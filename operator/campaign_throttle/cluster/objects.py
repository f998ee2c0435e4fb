"""Reading custom resources, as a person's command does, and asking whether that is allowed."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi

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
    try:
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            if namespace is None:
                return cast(dict[str, Any], await objects.get_cluster_custom_object(**kind))
            return cast(dict[str, Any], await objects.get_namespaced_custom_object(**kind, namespace=namespace))
    except TimeoutError:
        raise ObjectNotRead("the API server did not answer in time") from None
    except ApiException as error:
        where = f" in namespace {namespace}" if namespace else ""
        if error.status == 404:
            raise ObjectNotRead(f"there is no {plural} {name}{where}") from None
        if error.status == 403:
            raise ObjectNotRead(f"you may not get {plural} {name}{where}") from None
        raise ObjectNotRead(f"the API server answered {error.status}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ObjectNotRead(f"the API server can't be reached ({type(error).__name__})") from None


async def may_list(api: ApiClient, *, group: str, version: str, plural: str, namespace: str | None) -> bool:
    """Whether a kind may be listed, in a namespace or everywhere; so it is too if that can't be told now."""
    objects = CustomObjectsApi(api)
    kind: Any = {"group": group, "version": version, "plural": plural, "limit": 1}
    try:
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            if namespace is None:
                await objects.list_cluster_custom_object(**kind)
            else:
                await objects.list_namespaced_custom_object(**kind, namespace=namespace)
    except ApiException as error:
        return bool(error.status != 403)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        return True
    return True
