"""HTTP to CXone, with limits on everything that a hostile or broken answer could stretch."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from campaign_throttle.cxone.errors import CXoneTimeout, CXoneUnreachable, InvalidResponse

BODY_MAXIMUM = 4 * 1024 * 1024
#: Requests that one tenant has under way at most. Waiting for a place doesn't count as CXone's time.
CONCURRENCY = 16
#: Connections outlive an interval of the default length, so that a poll costs no TLS handshake.
KEEPALIVE = 75.0

#: Compressed answers would make the limit on bodies meaningless.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "campaign-throttle"}
REFUSED, UNKNOWN_HOST = "refused", "the host name is not known"

#: Told of each request that ended: operation, method, status code (or "timeout", "error", "cancelled"), seconds.
RequestObserver = Callable[[str, str, str, float], None]


@dataclass(frozen=True)
class Answer:
    """A complete answer. ``operation`` says what was asked, for messages."""

    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidResponse: it isn't one, by its content type or by its shape.
        """
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise InvalidResponse(
                f"the answer to the {self.operation} request is compressed, which was not asked for"
            )
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise InvalidResponse(
                f"the answer to the {self.operation} request is not JSON by its Content-Type: "
                "check that the base URL points at CXone's API"
            )
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            # Without the cause: a JSONDecodeError carries the document.
            raise InvalidResponse(f"the answer to the {self.operation} request is broken JSON") from None
        if not isinstance(found, dict):
            raise InvalidResponse(f"the answer to the {self.operation} request is JSON, but not an object")
        return found


class Transport:
    """One tenant's connection pool.

    Args:
        base_url: where the tenant's API lives; its scheme and host were checked by whoever read it.
        observe: told of each request that ended.
    """

    def __init__(self, base_url: str, *, observe: RequestObserver) -> None:
        self._base_url = base_url.rstrip("/")
        self._observe = observe
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._transport: AiohttpTransport | None = None

    def _open(self) -> AiohttpTransport:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=KEEPALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp repeats a request by itself if a kept connection turns out dead. A PUT must be read back before
        # it is repeated, and there is no public switch; a test counts the requests.
        session._retry_connection = False
        # Without httpx's client around it: that adds redirects, cookies, proxies and half of the cost of a poll.
        return AiohttpTransport(client=session)

    async def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        seconds: float,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str] | None = None,
        json_body: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, within ``seconds`` and before the deadline.

        Raises:
            CXoneTimeout: no complete answer in that time.
            CXoneUnreachable: no connection, or one that broke.
            InvalidResponse: a redirect, a compressed or an oversized body, or no HTTP at all.
        """
        loop = asyncio.get_running_loop()
        code, started = "cancelled", loop.time()
        try:
            async with asyncio.timeout_at(deadline), self._places:
                started = loop.time()
                async with asyncio.timeout_at(min(started + seconds, deadline)):
                    answer = await self._exchange(
                        operation, method, path, headers=headers, params=params, form=form, json_body=json_body
                    )
            code = str(answer.status)
        except TimeoutError:
            code = "timeout"
            raise CXoneTimeout(
                f"no complete answer to the {operation} request in time: check that CXone is up and reachable"
            ) from None
        except InvalidResponse:
            code = "invalid"
            raise
        except (httpx.TransportError, aiohttp.ClientConnectionError, OSError) as error:
            code, kind = "error", _kind(error)
            unreachable = CXoneUnreachable(
                f"the connection for the {operation} request failed ({kind}): check that CXone is up and reachable"
            )
            unreachable.outcome_unknown = kind not in (REFUSED, UNKNOWN_HOST)  # else nothing was ever sent
            raise unreachable from None  # like below: the text of a cause may quote what CXone sent
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, ValueError) as error:
            code = "invalid"
            raise InvalidResponse(
                f"the answer to the {operation} request is not proper HTTP ({type(error).__name__})"
            ) from None
        finally:
            self._observe(operation, method, code, loop.time() - started)
        return answer

    async def _exchange(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str | int] | None,
        form: Mapping[str, str] | None,
        json_body: Mapping[str, str] | None,
    ) -> Answer:
        if self._transport is None:
            self._transport = self._open()
        request = httpx.Request(
            method,
            self._base_url + path,
            headers=_HEADERS | dict(headers or {}),
            params=params,
            data=form,
            json=json_body,
        )
        response = await self._transport.handle_async_request(request)
        try:
            if response.is_redirect:
                raise InvalidResponse(
                    f"the {operation} request was redirected, and redirects are not followed: "
                    "set the base URL to the final address"
                )
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > BODY_MAXIMUM:
                    raise InvalidResponse(
                        f"the answer to the {operation} request is longer than {BODY_MAXIMUM // 1024**2} MiB"
                    )
            return Answer(operation, response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None


def _kind(error: BaseException) -> str:
    """What failed, in stable words: an exception's text may hold addresses, ports and times that vary."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS"
        if isinstance(cause, aiohttp.ClientConnectorDNSError):
            return UNKNOWN_HOST
        if isinstance(cause, ConnectionRefusedError):
            return REFUSED
        cause = cause.__cause__ or cause.__context__
    return "broken off"
