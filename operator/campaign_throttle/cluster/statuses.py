"""Writing the status of custom resources."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi

MERGE_PATCH = "application/merge-patch+json"


class StatusNotWritten(Exception):
    """The API server did not confirm a write; it may have taken it all the same."""


class ObjectGone(StatusNotWritten):
    """The object doesn't exist any more."""


class StatusWriter:
    """Patches the status subresource of one kind.

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
        self._group, self._version, self._plural = group, version, plural
        self._observe = observe

    async def patch(
        self, namespace: str, name: str, status: dict[str, Any], *, timeout: timedelta
    ) -> dict[str, Any]:
        """Apply a merge patch to the status of one object, and return the whole object as it is then.

        Raises:
            ObjectGone: there is no such object.
            StatusNotWritten: refused, or not confirmed in time; the message says why in a few stable words.
        """
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                written = await self._objects.patch_namespaced_custom_object_status(
                    group=self._group,
                    version=self._version,
                    plural=self._plural,
                    namespace=namespace,
                    name=name,
                    body={"status": status},
                    _content_type=MERGE_PATCH,
                )
        except TimeoutError:
            self._observe("timeout")
            raise StatusNotWritten("the API server did not answer in time") from None
        except ApiException as error:
            if error.status == 404:
                self._observe("gone")
                raise ObjectGone(f"{namespace}/{name} is gone") from None
            self._observe("error")
            raise StatusNotWritten(f"the API server answered {error.status} {error.reason}") from error
        except (aiohttp.ClientError, OSError) as error:
            self._observe("error")
            raise StatusNotWritten(f"the API server can't be reached ({type(error).__name__})") from error
        self._observe("ok")
        return cast(dict[str, Any], written)
