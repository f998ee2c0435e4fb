"""Authorised requests of one tenant: its token, its closed paths, and what is repeated."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from campaign_throttle.cxone.auth import TOKEN_PATH, Credentials, Token, TokenCache, read_token
from campaign_throttle.cxone.errors import (
    CredentialsRejected,
    CXoneError,
    CXoneGatewayError,
    CXoneServerError,
    CXoneTimeout,
    Forbidden,
    RateLimited,
)
from campaign_throttle.cxone.gates import Gate, retry_after
from campaign_throttle.cxone.transport import Answer, Transport

#: Seconds for one call, where the tenant doesn't set its own.
READ_TIMEOUT, WRITE_TIMEOUT, TOKEN_TIMEOUT = 15.0, 10.0, 10.0
#: A read is tried this often, with 1, 2 and 4 seconds (and a quarter of jitter) in between.
ATTEMPTS = 4

_IF_TRANSIENT = retry_if_exception(lambda error: isinstance(error, CXoneError) and error.transient)
_BACKOFF = wait_exponential(multiplier=1, max=4) + wait_random(0, 0.25)

T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """A kind of request: its name in messages and metrics, and the scope that it needs.

    All requests of a kind share one gate, since CXone limits the rate per tenant and path.
    """

    name: str
    scope: str


_TOKEN = Operation("token", "")


class Session:
    """Sends the requests of one tenant.

    Args:
        transport: the tenant's connections.
        credentials: the tenant's OAuth2 client.
        timeout: seconds for one call; None for the defaults.
        on_rate_limited: called at each 429.
        on_token: told how each renewal of the token ended.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        timeout: float | None = None,
        on_rate_limited: Callable[[], None] = lambda: None,
        on_token: Callable[[str], None] = lambda result: None,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._timeout = timeout
        self._on_rate_limited = on_rate_limited
        self._gates: dict[str, Gate] = {}
        self.tokens = TokenCache(self._request_token, on_token)

    async def read(
        self,
        operation: Operation,
        path: str,
        *,
        deadline: float,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """GET, repeated after a 5xx or a broken connection as far as the deadline allows.

        Returns an answer of status 200 or 404. Raises a CXoneError for any other.
        """
        return await self._authorised(
            operation, "GET", path, self._timeout or READ_TIMEOUT, deadline, params=params
        )

    async def write(
        self, operation: Operation, path: str, *, deadline: float, json_body: Mapping[str, str]
    ) -> Answer:
        """PUT, sent once (and once more with a fresh token after a 401, or after a 429 that passes in time).

        Returns an answer of status 200, 204 or 404. Raises a CXoneError for any other.
        """
        return await self._authorised(
            operation, "PUT", path, self._timeout or WRITE_TIMEOUT, deadline, json_body=json_body
        )

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        await self.tokens.close()
        await self._transport.close()

    async def _authorised(
        self,
        operation: Operation,
        method: str,
        path: str,
        seconds: float,
        deadline: float,
        *,
        params: Mapping[str, str | int] | None = None,
        json_body: Mapping[str, str] | None = None,
    ) -> Answer:
        for _ in range(2):
            token = await self._token(deadline)  # has retries of its own, so that the two don't multiply
            attempt = partial(
                self._attempt,
                operation,
                method,
                path,
                seconds=seconds,
                deadline=deadline,
                headers={"Authorization": f"Bearer {token.value.get_secret_value()}"},
                params=params,
                json_body=json_body,
            )
            answer = await (_repeated(attempt, deadline) if method == "GET" else attempt())
            if answer.status != 401:
                return answer
            self.tokens.drop(token)
        raise CredentialsRejected(
            f"CXone refused a fresh token at the {operation.name} request (401): "
            "check that the client may use this API"
        )

    async def _attempt(self, operation: Operation, method: str, path: str, **request: Any) -> Answer:
        answer = await self._gated(operation, method, path, **request)
        return answer if answer.status == 401 else _checked(answer, operation)

    async def _token(self, deadline: float) -> Token:
        try:
            async with asyncio.timeout_at(deadline):
                return await self.tokens.get()
        except TimeoutError:
            raise CXoneTimeout("no token in time: check that CXone is up and reachable") from None

    async def _request_token(self) -> Token:
        loop = asyncio.get_running_loop()
        seconds = self._timeout or TOKEN_TIMEOUT
        deadline = loop.time() + seconds

        async def ask() -> Token:
            answer = await self._gated(
                _TOKEN,
                "POST",
                TOKEN_PATH,
                seconds=seconds,
                deadline=deadline,
                form={
                    "grant_type": "client_credentials",
                    "client_id": self._credentials.client_id,
                    "client_secret": self._credentials.client_secret.get_secret_value(),
                },
            )
            return read_token(answer, loop.time())

        return await _repeated(ask, deadline)

    async def _gated(
        self,
        operation: Operation,
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
        """Send as soon as the path is open; after a 429 once more, if the path opens before the deadline."""
        gate = self._gates.get(operation.name)
        if gate is None:
            gate = self._gates[operation.name] = Gate(operation.name, asyncio.get_running_loop().time)
        for _ in range(ATTEMPTS):
            await gate.passage(deadline)
            answer = await self._transport.send(
                operation.name,
                method,
                path,
                seconds=seconds,
                deadline=deadline,
                headers=headers,
                params=params,
                form=form,
                json_body=json_body,
            )
            if answer.status != 429:
                gate.answered()
                return answer
            self._on_rate_limited()
            gate.close(retry_after(answer.headers.get("retry-after"), now=time.time()))
        raise RateLimited(gate.message)


async def _repeated(attempt: Callable[[], Awaitable[T]], deadline: float) -> T:
    """The outcome of an attempt; of a further one after a passing fault, as far as the deadline allows."""
    remaining = deadline - asyncio.get_running_loop().time()
    retrying = AsyncRetrying(
        retry=_IF_TRANSIENT,
        wait=_BACKOFF,
        stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(max(remaining, 0)),
        reraise=True,
    )

    async def once() -> T:  # tenacity awaits only what it knows to be a coroutine function
        return await attempt()

    return await retrying(once)


def _checked(answer: Answer, operation: Operation) -> Answer:
    """The answer if its status is one that the caller reads; the error that it stands for otherwise."""
    status = answer.status
    if status in (200, 204, 404):
        return answer
    if status == 403:
        raise Forbidden(
            f"CXone forbids the {operation.name} request (403): grant the client the scope {operation.scope}"
        )
    if status in (502, 504):
        raise CXoneGatewayError(f"a gateway before CXone gave up the {operation.name} request (502 or 504)")
    if status >= 500:
        raise CXoneServerError(
            f"CXone answered with a server error (5xx) to the {operation.name} request: CXone has a problem"
        )
    raise CXoneError(f"CXone answered {status} to the {operation.name} request, where 200 was expected")
