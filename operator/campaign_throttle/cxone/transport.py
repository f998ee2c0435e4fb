"""HTTP to CXone, with limits on everything that a hostile or broken answer could stretch."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from httpx_aiohttp import AiohttpTransport

from campaign_throttle.cxone.addresses import GuardedResolver
from campaign_throttle.cxone.budget import Priority
from campaign_throttle.cxone.endpoints import Endpoint, EndpointPolicy, parse
from campaign_throttle.cxone.errors import CXoneTimeout, EndpointNotAllowed, InvalidResponse
from campaign_throttle.cxone.failures import unreachable
from campaign_throttle.cxone.proxies import Proxies, Proxy
from campaign_throttle.cxone.tls import tls_context

BODY_MAXIMUM = 4 * 1024 * 1024
#: A body above this is large (a page of agents is a tenth of it); so many of them are read at a time.
LARGE_BODY, LARGE_BODIES = 256 * 1024, 8
#: Connections outlive an interval of the default length, so that a poll costs no TLS handshake.
KEEPALIVE = 75.0
#: Origins of one tenant that are remembered: API, tokens and discovery, and not what a hostile discovery makes up.
ROUTES_MAXIMUM = 16

#: Compressed answers would make the limit on bodies meaningless.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "campaign-throttle"}

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


@dataclass(frozen=True)
class Request:
    """What is to be sent. Only ``operation``, ``method`` and ``url`` are ever shown: the rest may hold secrets.

    ``operation`` is what the request is called in messages, metrics and rate limits; ``url`` is absolute, without a
    query; ``form`` and ``json_body`` are the body, form-encoded or as JSON.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str | int] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json_body: Mapping[str, Any] | None = field(default=None, repr=False)
    priority: Priority = Priority.READ

    @property
    def change(self) -> bool:
        """Whether it changes what a campaign does, or serves such a change."""
        return self.priority is Priority.CHANGE


@dataclass(frozen=True)
class _Route:
    """How an origin is reached."""

    transport: AiohttpTransport
    proxy: Proxy | None
    headers: Mapping[str, str]


class Transport:
    """One tenant's connections. Nothing of it is shared with other tenants.

    A request is sent only where the policy allows it, to public addresses, through the proxies of the environment,
    by HTTP/1.1 and TLS 1.2 or later. It is never redirected nor repeated.

    Args:
        policy: which hosts may be spoken to.
        ca: PEM text of authorities that are trusted beside the well-known ones.
        observe: told of each request that ended.
        resolver: resolves names, instead of the system.
        large_bodies: places for large bodies, of all tenants together, so that hostile ones can't fill the memory.

    Raises:
        TenantNotReady: the CA holds no certificate, or the environment's proxy is no URL of one.
    """

    def __init__(
        self,
        *,
        policy: EndpointPolicy = EndpointPolicy(),  # noqa: B008 - frozen
        ca: str | None = None,
        observe: RequestObserver = lambda *request: None,
        resolver: AbstractResolver | None = None,
        large_bodies: asyncio.Semaphore | None = None,
    ) -> None:
        self._policy = policy
        #: Made at the first request, since it takes long; unless there is a CA that may be none.
        self._context = tls_context(ca) if ca is not None else None
        self._observe = observe
        self._resolver = resolver
        self._large_bodies = large_bodies or asyncio.Semaphore(LARGE_BODIES)
        self._proxies = Proxies()
        self._routes: dict[str, _Route] = {}
        self._client: aiohttp.ClientSession | None = None

    async def send(self, request: Request, *, seconds: float, deadline: float) -> Answer:
        """Send one request and read its whole answer, within ``seconds`` and before the deadline.

        Raises:
            EndpointNotAllowed: nothing may be sent there, and nothing was.
            CXoneTimeout: no complete answer in that time.
            CXoneUnreachable: no connection, or one that broke.
            InvalidResponse: a redirect, a compressed or an oversized body, or no HTTP at all.
        """
        endpoint = parse(request.url)
        route = self._routes.get(endpoint.origin) or self._admit(endpoint)
        operation, loop = request.operation, asyncio.get_running_loop()
        code, started = "cancelled", loop.time()
        try:
            async with asyncio.timeout_at(min(started + seconds, deadline)):
                answer = await self._exchange(request, endpoint, route)
            code = str(answer.status)
        except TimeoutError:
            code = "timeout"
            raise CXoneTimeout.of(operation) from None
        except InvalidResponse:
            code = "invalid"
            raise
        except (
            EndpointNotAllowed
        ) as error:  # by the resolver, for all who wait for the same name: each has his own
            code = "refused"
            raise EndpointNotAllowed(str(error)) from None
        except (httpx.TransportError, aiohttp.ClientConnectionError, OSError) as error:
            code = "error"
            # Without the cause, like below: its text may quote what CXone sent.
            raise unreachable(operation, error, proxied=route.proxy is not None) from None
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, ValueError) as error:
            code = "invalid"
            raise InvalidResponse(
                f"the answer to the {operation} request is not proper HTTP ({type(error).__name__})"
            ) from None
        finally:
            self._observe(operation, request.method, code, loop.time() - started)
        return answer

    async def _exchange(self, request: Request, endpoint: Endpoint, route: _Route) -> Answer:
        sent = httpx.Request(
            request.method,
            endpoint.url,
            headers={**_HEADERS, **route.headers, **request.headers},
            params=request.params,
            data=request.form,
            json=request.json_body,
        )
        response = await route.transport.handle_async_request(sent)
        try:
            if response.is_redirect:
                raise InvalidResponse(
                    f"the {request.operation} request was redirected, and redirects are not followed: "
                    "set the base URL to the final address"
                )
            body = await self._body(request.operation, response)
            return Answer(request.operation, response.status_code, response.headers, body)
        finally:
            await response.aclose()

    async def _body(self, operation: str, response: httpx.Response) -> bytes:
        """The whole body. Only a few that are large are read at a time, of all tenants together."""
        body = bytearray()
        async with contextlib.AsyncExitStack() as stack:
            large = False
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > BODY_MAXIMUM:
                    raise InvalidResponse(
                        f"the answer to the {operation} request is longer than {BODY_MAXIMUM // 1024**2} MiB"
                    )
                if len(body) > LARGE_BODY and not large:
                    large = True
                    await stack.enter_async_context(self._large_bodies)
            return bytes(body)

    def _admit(self, endpoint: Endpoint) -> _Route:
        """How an origin is reached that was not asked before. Raises EndpointNotAllowed."""
        self._policy.admit(endpoint)
        context = self._context = self._context or tls_context(None)
        if self._client is None:
            self._client = self._open(context)
        proxy = self._proxies.of(endpoint)
        authorization = {"Proxy-Authorization": proxy.authorization} if proxy and proxy.authorization else {}
        # Without httpx's client around it: that adds redirects, cookies, proxies and half of the cost of a poll.
        transport = AiohttpTransport(
            verify=context,
            client=self._client,
            proxy=httpx.Proxy(proxy.url, headers=authorization) if proxy else None,
        )
        # A tunnel is asked for with the proxy's headers; plain http is sent to the proxy with its own.
        headers = authorization if endpoint.scheme == "http" else {}
        if len(self._routes) >= ROUTES_MAXIMUM:
            self._routes.clear()
        route = self._routes[endpoint.origin] = _Route(transport, proxy, headers)
        return route

    def _open(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        resolver = GuardedResolver(self._resolver or aiohttp.ThreadedResolver(), exempt=self._may_be_inside)
        client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=KEEPALIVE, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # it would read .netrc, and look for proxies in a thread at each request
        )
        # aiohttp repeats a request by itself if a kept connection turns out dead. A PUT must be read back before
        # it is repeated, and there is no public switch; a test counts the requests.
        client._retry_connection = False
        return client

    def _may_be_inside(self, host: str, port: int) -> bool:
        return self._policy.is_insecure(host, port) or self._proxies.are_at(host, port)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        self._routes.clear()
        if client is not None:
            await client.close()
