"""Writing the status of custom resources."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi

JSON_PATCH = "application/json-patch+json"
FIELD_MANAGER = "campaign-throttle"


class StatusNotWritten(Exception):
    """The API server did not confirm a write; it may have taken it all the same."""


class ObjectGone(StatusNotWritten):
    """The object doesn't exist any more."""


class StatusWriter:
    """Writes the status subresource of one kind, whole: the operator owns all of it.

    Written by ourselves rather than through kopf's ``patch``: an intent must be on the server *before* a request
    goes to CXone, and a failed patch must not end the timer.

    Args:
        api: the connection.
        group, version, plural: the kind.
        observe: told of each write: "ok", "gone", "timeout" or "error".
    """

    def __init__(
        self,
        api: ApiClient,
        *,
        group: str,
        version: str,
        plural: str,
        observe: Callable[[str], None],
    ) -> None:
        self._objects = CustomObjectsApi(api)
        self._kind: Any = {"group": group, "version": version, "plural": plural}
        self._observe = observe

    async def write(
        self, namespace: str | None, name: str, uid: str, status: dict[str, Any], *, timeout: timedelta
    ) -> dict[str, Any]:
        """Replace the status of one object, and return the whole object as it is then.

        Of a kind of the cluster there is no namespace. Bound to the uid, so that an object of the same name that came
        after it is never written to. Not bound to a resource version: the first write of a new object meets kopf's
        finalizer on the way.

        Raises:
            ObjectGone: there is no such object.
            StatusNotWritten: refused, or not confirmed in time; the message says why in a few stable words.
        """
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                written = await self._patch(namespace, name, patch)
        except TimeoutError:
            self._observe("timeout")
            raise StatusNotWritten("the API server did not answer in time") from None
        except ApiException as error:
            # The answer to a test that failed doesn't say so: it is the same 422 as that to a status of another CRD.
            if error.status == 404 or (error.status == 422 and not await self._exists(namespace, name, uid)):
                self._observe("gone")
                raise ObjectGone(f"{name} is gone") from None
            self._observe("error")
            raise StatusNotWritten(f"the API server answered {error.status} {error.reason}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._observe("error")
            raise StatusNotWritten(f"the API server can't be reached ({type(error).__name__})") from error
        metadata = written.get("metadata") if isinstance(written, dict) else None
        if not isinstance(metadata, dict) or metadata.get("uid") != uid:
            self._observe("error")
            raise StatusNotWritten("something else than the API server answered")
        self._observe("ok")
        return cast(dict[str, Any], written)

    async def _patch(self, namespace: str | None, name: str, patch: list[dict[str, Any]]) -> Any:
        options: Any = {"field_manager": FIELD_MANAGER, "_content_type": JSON_PATCH}
        if namespace is None:
            return await self._objects.patch_cluster_custom_object_status(
                **self._kind, name=name, body=patch, **options
            )
        return await self._objects.patch_namespaced_custom_object_status(
            **self._kind, namespace=namespace, name=name, body=patch, **options
        )

    async def _exists(self, namespace: str | None, name: str, uid: str) -> bool:
        """Whether the object is still there; assumed so if the API server can't tell."""
        found: Any
        try:
            if namespace is None:
                found = await self._objects.get_cluster_custom_object(**self._kind, name=name)
            else:
                found = await self._objects.get_namespaced_custom_object(
                    **self._kind, namespace=namespace, name=name
                )
        except ApiException as error:
            return bool(error.status != 404)
        except (aiohttp.ClientError, OSError, ValueError):
            return True
        return not isinstance(found, dict) or bool(found.get("metadata", {}).get("uid") == uid)
