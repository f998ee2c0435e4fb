"""Authorised requests of one tenant: its token, its closed paths, its turns, and what is repeated."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
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

from campaign_throttle.cxone.auth import Grant, Token, TokenCache
from campaign_throttle.cxone.budget import Budget, Priority
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
from campaign_throttle.cxone.transport import Answer, Request, Transport

#: Seconds for one call, where the tenant doesn't set its own.
READ_TIMEOUT, WRITE_TIMEOUT, TOKEN_TIMEOUT = 15.0, 10.0, 10.0
#: A read is tried this often, with 1, 2 and 4 seconds (and a quarter of jitter) in between.
ATTEMPTS = 4

_IF_TRANSIENT = retry_if_exception(lambda error: isinstance(error, CXoneError) and error.transient)
_BACKOFF = wait_exponential(multiplier=1, max=4) + wait_random(0, 0.25)

T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """A kind of request: its name in messages and metrics, and the scope or the permission that it needs.

    All requests of a kind share one gate, since CXone limits the rate per tenant and path.
    """

    name: str
    scope: str = ""
    permission: str = ""

    @property
    def remedy(self) -> str:
        """What to do when CXone forbids it."""
        if self.scope:
            return f"grant the client the scope {self.scope}"
        if self.permission:
            return f'give the role of the access key\'s user the permission "{self.permission}"'
        return "check what the client may do"


TOKEN = Operation("token")


class Session:
    """Sends the requests of one tenant.

    Args:
        transport: the tenant's connections; closed with the session.
        grant: how a token is asked for.
        base: what the paths of requests are appended to; or a function that finds it out, given a deadline. It is
            asked after a token was granted, which may be what tells.
        timeout: seconds for one call; None for the defaults.
        budget: the tenant's turns; None for one that limits no rate.
        on_rate_limited: called at each 429.
        on_token: told how each renewal of the token ended.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        grant: Grant,
        base: str | Callable[[float], Awaitable[str]],
        timeout: float | None = None,
        budget: Budget | None = None,
        on_rate_limited: Callable[[], None] = lambda: None,
        on_token: Callable[[str], None] = lambda result: None,
    ) -> None:
        self._transport = transport
        self._grant = grant
        self._base = base.rstrip("/") if isinstance(base, str) else base
        self._timeout = timeout
        self._budget = budget or Budget.unlimited()
        self._on_rate_limited = on_rate_limited
        self._gates: dict[str, Gate] = {}
        self.tokens = TokenCache(self._obtain_token, on_token)

    async def read(
        self,
        operation: Operation,
        path: str,
        *,
        deadline: float,
        params: Mapping[str, str | int] | None = None,
        priority: Priority = Priority.READ,
    ) -> Answer:
        """GET, repeated after a 5xx or a broken connection as far as the deadline allows.

        A read that a change waits for has the priority of one.

        Returns an answer of status 200, 204 or 404. Raises a CXoneError for any other.
        """
        request = Request(operation.name, "GET", path, params=params, priority=priority)
        return await self._authorised(operation, request, self._timeout or READ_TIMEOUT, deadline)

    async def write(
        self,
        operation: Operation,
        path: str,
        *,
        deadline: float,
        method: str = "PUT",
        json_body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Send a change, once (and once more with a fresh token after a 401, or after a 429 that passes in time).

        Returns an answer of status 2xx or 404. Raises a CXoneError for any other.
        """
        request = Request(
            operation.name, method, path, params=params, json_body=json_body, priority=Priority.CHANGE
        )
        return await self._authorised(operation, request, self._timeout or WRITE_TIMEOUT, deadline)

    async def token(self, deadline: float) -> Token:
        """A valid token. Raises a CXoneError, whose ``outcome_unknown`` is False: nothing else was sent."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self.tokens.get()
        except TimeoutError:
            error: CXoneError = CXoneTimeout("no token in time: check that CXone is up and reachable")
        except CXoneError as shared:
            error = copy.copy(shared)  # it is raised in all who waited for the token
        error.outcome_unknown = False
        raise error from None

    async def base(self, deadline: float) -> str:
        """Where the API is. Raises a CXoneError if that has to be found out and can't be."""
        return self._base if isinstance(self._base, str) else (await self._base(deadline)).rstrip("/")

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        await self.tokens.close()
        await self._transport.close()

    async def _authorised(self, operation: Operation, request: Request, seconds: float, deadline: float) -> Answer:
        for _ in range(2):
            token = await self.token(deadline)  # has retries of its own, so that the two don't multiply
            authorised = replace(
                request,
                url=await self.base(deadline) + request.url,
                headers={"Authorization": f"Bearer {token.value.get_secret_value()}"},
            )
            attempt = partial(self._attempt, operation, authorised, seconds, deadline)
            answer = await (_repeated(attempt, deadline) if request.method == "GET" else attempt())
            if answer.status != 401:
                return answer
            self.tokens.drop(token)
        raise CredentialsRejected(
            f"CXone refused a fresh token at the {operation.name} request (401): "
            "check that the client may use this API"
        )

    async def _attempt(self, operation: Operation, request: Request, seconds: float, deadline: float) -> Answer:
        answer = await self._gated(request, seconds, deadline)
        return answer if answer.status == 401 else _checked(answer, operation, request.method)

    async def _obtain_token(self) -> Token:
        seconds = self._timeout or TOKEN_TIMEOUT
        deadline = asyncio.get_running_loop().time() + seconds

        async def send(request: Request) -> Answer:
            return await self._gated(replace(request, priority=Priority.TOKEN), seconds, deadline)

        return await _repeated(partial(self._grant.obtain, send), deadline)

    async def _gated(self, request: Request, seconds: float, deadline: float) -> Answer:
        """Send at its turn and while the path is open; after a 429 again, if the path opens before the deadline."""
        gate = self._gates.get(request.operation)
        if gate is None:
            gate = self._gates[request.operation] = Gate(request.operation, asyncio.get_running_loop().time)
        refusals = 0
        while refusals < ATTEMPTS:
            await gate.passage(deadline)
            async with self._budget.turn(request.operation, request.priority, deadline) as turn:
                if not gate.is_open:  # somebody's 429 came while this one waited for its turn
                    turn.used = False
                    continue
                answer = await self._transport.send(request, seconds=seconds, deadline=deadline)
            if answer.status != 429:
                gate.answered()
                return answer
            refusals += 1
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


def _checked(answer: Answer, operation: Operation, method: str) -> Answer:
    """The answer if its status is one that the caller reads; the error that it stands for otherwise."""
    status = answer.status
    if status in (200, 204, 404) or (method != "GET" and 200 <= status < 300):
        return answer
    if status == 403:
        raise Forbidden(f"CXone forbids the {operation.name} request (403): {operation.remedy}")
    if status in (502, 504):
        raise CXoneGatewayError(f"a gateway before CXone gave up the {operation.name} request (502 or 504)")
    if status >= 500:
        raise CXoneServerError(
            f"CXone answered with a server error (5xx) to the {operation.name} request: CXone has a problem"
        )
    raise CXoneError(f"CXone answered {status} to the {operation.name} request, where 200 was expected")
