"""One tenant at work: its connection, and what its throttles share of it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from campaign_throttle.cxone.budget import Budget
from campaign_throttle.cxone.errors import (
    CredentialsMissing,
    CredentialsRejected,
    CXoneError,
    CXoneTimeout,
    TenantNotFound,
    TenantNotReady,
)
from campaign_throttle.cxone.flight import SingleFlight
from campaign_throttle.cxone.protocol import Campaign, Dialect, DialingState, Headcount, Probe, Skill, Target
from campaign_throttle.resources.behaviour import Agents
from campaign_throttle.resources.tenant import RateLimit
from campaign_throttle.tenants.access import Access, AccessSource, AccessUnknown, Connect
from campaign_throttle.tenants.connecting import budget_of
from campaign_throttle.tenants.connection import Connection, Outcome
from campaign_throttle.tenants.sharing import Demands

#: After a refusal of the credentials the Secret is looked at again at once, but not more often than this.
LOOK_AGAIN = timedelta(seconds=1)
#: While its Secret is gone the connection is kept so long, for the throttles that are deleted together with it.
LEAVING_TIME = timedelta(minutes=1)
#: One kind of reading that worked within this time is enough for the tenant to be well, whatever others say.
WELL_FOR = timedelta(minutes=2)
#: One text, whoever's time was up: a status must not change from poll to poll.
_NOT_COUNTED = "the agents were not counted in time: check that CXone is up and reachable"

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """A reading of the agents; when it began, which tells readings apart, and when it was there.

    Times of the event loop.
    """

    headcount: Headcount
    started: float
    ended: float


class Tenant:
    """One CXone tenant: one connection, and one reading of the agents for everybody who asks in the same moment.

    Args:
        source: where the access comes from; looked at once per tick, and at once when CXone refuses the credentials.
        connect: makes a connection of an access.
    """

    def __init__(self, source: AccessSource, connect: Connect) -> None:
        self._source = source
        self._connect = connect
        self._connection: Connection | None = None
        self._looked_at = float("-inf")
        self._trouble: CXoneError | None = None
        self._missing_since: float | None = None
        self._closed = False
        self._looking: SingleFlight[None] = SingleFlight()
        self._closing: set[asyncio.Task[None]] = set()
        self._limit: RateLimit | None = None
        self._budget = budget_of(None)
        self._demands = Demands()
        #: How many connections there have been; it tells the findings of one from those of another.
        self.connections = 0
        #: Called when the tenant turns out to be well, or not to be.
        self.on_turn: Callable[[], None] = lambda: None

    # Agents

    async def read_agents(self, agents: Agents, *, max_age: timedelta, deadline: float) -> Reading:
        """The agents, by a reading that is at most ``max_age`` old. One that failed is shared like any other.

        The time that it waited for its turn doesn't count; but without any ``max_age`` it must have begun after this
        call.

        Raises:
            CXoneError: the number of agents is unknown.
        """
        clock = asyncio.get_running_loop().time
        oldest = clock() - max_age.total_seconds()
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    connection = await self._connected(max_age)
                    source = connection.dialect.source(agents)
                    outcome = connection.outcomes.get(source)
                    if outcome is not None and _is_young(outcome, oldest, max_age):
                        break
                    await self._join(connection, source, deadline)
        except TimeoutError:
            raise CXoneTimeout(_NOT_COUNTED) from None
        if isinstance(outcome.found, CXoneError):
            raise outcome.found.with_traceback(None)
        return Reading(outcome.found, outcome.started, outcome.ended)

    async def _join(self, connection: Connection, source: Hashable, deadline: float) -> None:
        """Wait for the reading under way; whoever waits keeps the connection from being closed."""
        flight = connection.flights.setdefault(source, SingleFlight())
        with self._using(connection):
            await flight.join(lambda: self._read(connection, source, deadline))

    async def _read(self, connection: Connection, source: Hashable, deadline: float) -> None:
        started = asyncio.get_running_loop().time()
        found: Headcount | CXoneError
        try:
            found = await self._use(connection, lambda dialect: dialect.read_agents(source, deadline))
        except CXoneError as error:
            found = CXoneTimeout(_NOT_COUNTED) if isinstance(error, CXoneTimeout) else error
            if isinstance(error, CredentialsRejected) and await self._look_again(connection):
                return  # whoever waits asks the new connection
        before = connection.outcomes.get(source)
        outcome = connection.outcomes[source] = Outcome(started, asyncio.get_running_loop().time(), found)
        if before is None or _reason(outcome.error) != _reason(before.error):
            self.on_turn()

    @property
    def last_reading(self) -> tuple[float, CXoneError | None] | None:
        """How the last reading of the agents went: when it began, and what was wrong. For the tenant's own status."""
        outcomes = list(self._connection.outcomes.values()) if self._connection and not self._trouble else []
        if not outcomes:
            return None
        last = max(outcomes, key=lambda outcome: outcome.started)
        good = [
            outcome
            for outcome in outcomes
            if outcome.error is None and last.started - outcome.started < WELL_FOR.total_seconds()
        ]
        found = max(good or [last], key=lambda outcome: outcome.started)
        return found.started, found.error

    # Campaigns

    async def campaign(
        self, target: Target, *, max_age: timedelta, deadline: float, anew: bool = False, urgent: bool = False
    ) -> Campaign:
        """The campaign as it is now, by credentials that were looked at at most ``max_age`` ago.

        Raises a CXoneError.
        """
        return await self._ask(
            lambda dialect: dialect.get_campaign(target, deadline, anew=anew, urgent=urgent), max_age, deadline
        )

    async def set_state(
        self,
        target: Target,
        wanted: DialingState,
        *,
        deadline: float,
        skills: frozenset[int] = frozenset(),
        digest: str | None = None,
    ) -> tuple[Skill, ...]:
        """Pause or resume the campaign, or these skills of it. Raises a CXoneError, whose ``outcome_unknown`` matters.

        Nothing is sent if the tenant of CXone is another one by now than that of the digest, which was decided upon.

        By the credentials that are known: a pause doesn't wait for the API server.
        """
        return await self._ask(
            lambda dialect: dialect.set_state(target, wanted, deadline, skills=skills),
            timedelta.max,
            deadline,
            digest=digest,
        )

    async def probe(self, *, max_age: timedelta, deadline: float) -> Probe:
        """Whether a token is granted and the API answers. Raises a CXoneError."""
        return await self._ask(lambda dialect: dialect.probe(deadline), max_age, deadline)

    async def _ask(
        self,
        question: Callable[[Dialect], Awaitable[T]],
        max_age: timedelta,
        deadline: float,
        *,
        digest: str | None = None,
    ) -> T:
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._connected(max_age)
        except TimeoutError:
            raise AccessUnknown("the tenant's Secret was not read in time") from None
        _hold_to(connection, digest)
        try:
            return await self._use(connection, question)
        except CredentialsRejected:
            if not await self._look_again(connection):
                raise
        connection = await self._connected(max_age)
        _hold_to(connection, digest)
        return await self._use(connection, question)

    # The connection

    async def _connected(self, max_age: timedelta) -> Connection:
        """The connection, of an access that was looked at at most ``max_age`` ago. Raises a CXoneError."""
        oldest = asyncio.get_running_loop().time() - max_age.total_seconds()
        # A look that was under way when this was asked, or when the tenant was declared anew, may be too old.
        while not self._closed and (self._looked_at < oldest or not (self._connection or self._trouble)):
            await self._looking.join(self._look)
        if self._closed:
            raise TenantNotFound("the tenant is not there any more")
        if self._trouble is not None and (max_age < timedelta.max or self._connection is None):
            raise self._trouble.with_traceback(None)
        assert self._connection is not None
        return self._connection

    async def _look(self) -> None:
        source, looked_at = self._source, asyncio.get_running_loop().time()
        trouble: CXoneError | None = None
        try:
            access = await source.look()
            if self._connection is None or self._connection.access != access:
                self._replace(Connection(access, self._connect(access, self._budget_for(access))))
            self._missing_since = None
        except AccessUnknown as error:
            trouble = self._trouble or (error if self._connection is None else None)
        except CXoneError as error:
            self._lose(error, looked_at)
            trouble = error
        if _reason(trouble) != _reason(self._trouble):
            self.connections += 1
            self.on_turn()
        self._trouble = trouble
        if source is self._source:  # else it was declared anew meanwhile
            self._looked_at = looked_at

    def _lose(self, error: CXoneError, now: float) -> None:
        """There is no access any more. Where the Secret is gone, a release may use the connection for a while."""
        if self._missing_since is None:
            self._missing_since = now
        is_leaving = isinstance(error, CredentialsMissing)
        if not is_leaving or now - self._missing_since > LEAVING_TIME.total_seconds():
            self._replace(None)

    def _budget_for(self, access: Access) -> Budget:
        """The tenant's turns: new credentials bring no new ones."""
        if access.spec.rate_limit != self._limit:
            self._limit, self._budget = access.spec.rate_limit, budget_of(access.spec.rate_limit)
        return self._budget

    async def _look_again(self, refused: Connection) -> bool:
        """Whether there are other credentials than those that were refused."""
        if asyncio.get_running_loop().time() - self._looked_at >= LOOK_AGAIN.total_seconds():
            await self._looking.join(self._look)
        return self._connection is not None and self._connection is not refused

    async def _use(self, connection: Connection, question: Callable[[Dialect], Awaitable[T]]) -> T:
        with self._using(connection):
            return await question(connection.dialect)

    @contextmanager
    def _using(self, connection: Connection) -> Iterator[None]:
        connection.uses += 1
        try:
            yield
        finally:
            connection.uses -= 1
            self._close_if_unused(connection)

    def _replace(self, connection: Connection | None) -> None:
        """From now on only this one is used: with its predecessor goes the token."""
        if connection is self._connection:
            return
        before, self._connection = self._connection, connection
        self.connections += 1
        if before is not None:
            before.replaced = True
            self._close_if_unused(before)

    def _close_if_unused(self, connection: Connection) -> None:
        if connection.replaced and not connection.uses:
            closing = asyncio.create_task(connection.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def look_anew(self, source: AccessSource) -> None:
        """The tenant was declared anew: what it is reached by is looked at before the next request."""
        self._source = source
        self._looked_at = float("-inf")

    @property
    def known(self) -> Probe | None:
        """What is known of the tenant without asking; None while there is no connection with a token."""
        return self._connection.dialect.known if self._connection and self._trouble is None else None

    # The budget

    def demand(self, uid: str, interval: timedelta, requests: int) -> float:
        """Take note of what a throttle needs; return by how much the intervals of all of them must grow."""
        connection = self._connection
        limit = connection.access.spec.rate_limit if connection else None
        return self._demands.note(
            uid,
            interval,
            requests,
            requests_per_second=limit.requests_per_second if limit else None,
            pages=connection.pages if connection else None,
        )

    def forget(self, uid: str) -> None:
        """A throttle needs nothing any more."""
        self._demands.forget(uid)

    async def close(self) -> None:
        """End what is under way and let go of the connections; whoever asks later is told that it is gone."""
        self._closed = True
        await self._looking.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._closing:
            await asyncio.wait(set(self._closing))


def _hold_to(connection: Connection, digest: str | None) -> None:
    if digest is not None and connection.access.spec.digest != digest:
        raise TenantNotReady("the tenant was declared anew meanwhile: nothing was sent")


def _is_young(outcome: Outcome, oldest: float, max_age: timedelta) -> bool:
    return (outcome.ended if max_age else outcome.started) >= oldest


def _reason(error: CXoneError | None) -> str | None:
    return error.reason if error else None
