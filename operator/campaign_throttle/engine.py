"""What keeps the throttles polled: when each is due, what ends a poll early, and whether one is stuck."""

import asyncio
import logging
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import kopf
from pydantic import ValidationError

from campaign_throttle.acting import ACTION_TIMEOUT
from campaign_throttle.cluster.statuses import StatusWriter
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.events import Event
from campaign_throttle.observability.metrics import Metrics
from campaign_throttle.observing import target_of
from campaign_throttle.reconcile import POLL_TIMEOUT, Reconciler
from campaign_throttle.release import RELEASE_TIMEOUT, release
from campaign_throttle.resources import FINALIZER
from campaign_throttle.resources.throttle import TenantKind, TenantRef
from campaign_throttle.tenants import Checks, Tenant, TenantKey
from campaign_throttle.throttles import Claim, Throttle, Throttles, first_due, next_due

logger = logging.getLogger(__name__)

#: A throttle that is to inherit a pause may take this long to show that it can read the campaign, by credentials that
#: were looked at this long ago.
PROOF_TIMEOUT, LOOK_AGE = timedelta(seconds=1), timedelta(minutes=1)


class Engine:
    """Runs the polls of all throttles.

    Args:
        reconciler: does one poll.
        metrics: told of each.
        tenant_writers: write the status of tenants, by kind.
    """

    #: When told to stop, an action under way may take this long to end; anything else is cancelled at once.
    ACTION_GRACE = timedelta(seconds=1)
    #: After this long in seconds whatever was told to stop has ended, a release included.
    EXIT_TIMEOUT = RELEASE_TIMEOUT.total_seconds() + 3

    def __init__(
        self, reconciler: Reconciler, metrics: Metrics, tenant_writers: Mapping[TenantKind, StatusWriter]
    ) -> None:
        self._reconciler = reconciler
        self._metrics = metrics
        self.tenants = reconciler.tenants
        self._checks = Checks(self.tenants, tenant_writers, self._wake_waiting)
        self.throttles = Throttles()
        self.started = asyncio.Event()

    def register(self, body: Mapping[str, Any]) -> None:
        """Take in an object as the watch brought it, before anything is done about it."""
        throttle = self.throttles.register(body)
        key = _tenant_key(body)
        if key != throttle.tenant_key:
            self.tenants.leave(throttle.tenant_key, throttle.uid)
        throttle.tenant_key = key
        self.tenants.use(key, throttle.uid)
        self._claim(throttle)

    def _claim(self, throttle: Throttle) -> None:
        tenant = self.tenants.spec_of(throttle.tenant_key)
        if tenant is not None and not throttle.is_of(tenant):
            throttle.lapsed, throttle.denied = True, False  # what it could do at another tenant proves nothing
        self.throttles.claim(throttle, throttle.claim_to(tenant))

    async def _prove(self, throttle: Throttle) -> Claim | None:
        """A throttle could read its campaign: from now on its claim counts. Returns the one that stands against it."""
        if throttle.lapsed:
            throttle.lapsed = False
            self._claim(throttle)
            if throttle.may_act and self.throttles.rival(throttle) is None:
                await self._take_over(throttle)
        return self.throttles.rival(throttle)

    def register_tenant(self, kind: TenantKind, body: Mapping[str, Any]) -> None:
        """Take in a tenant as the watch brought it; its throttles look at it at once if it is declared anew."""
        if self.tenants.notice(kind, body):
            self._wake(TenantKey.of_object(kind, body))

    def notice_tenant(self, kind: TenantKind, type: str | None, body: Mapping[str, Any]) -> None:
        """Take note of the end of a tenant; follow all that are there."""
        if type == "DELETED" and self.tenants.forget(kind, body) is not None:
            self._wake(TenantKey.of_object(kind, body))
        self._checks.follow()

    def _wake(self, key: TenantKey) -> None:
        for uid in self.tenants.users(key):
            throttle = self.throttles.by_uid(uid)
            if throttle is not None:
                self._claim(throttle)
                throttle.nudged.set()

    def _wake_waiting(self, key: TenantKey) -> None:
        """A tenant is well: those of its throttles that could not be polled for its trouble are polled now."""
        for uid in self.tenants.users(key):
            throttle = self.throttles.by_uid(uid)
            if throttle is not None and throttle.recall().failures:
                throttle.nudged.set()

    async def notice(self, type: str | None, body: kopf.Body) -> None:
        """Take note of the end of an object: of its deletion, while its finalizer keeps it, and of its being gone."""
        throttle = self.throttles.of(body)
        if throttle is None:
            return
        metadata = body["metadata"]
        if type == "DELETED":
            self._forget(throttle, body)
            await self._end_poll(throttle)
            self._metrics.forget(throttle.namespace, throttle.name)  # what the poll has told of it meanwhile
        elif metadata.get("deletionTimestamp") and not throttle.leaving:
            throttle.leaving = True
            throttle.nudged.set()
            await self._end_poll(throttle)
            # Without our finalizer it waits for somebody else's, and was released before.
            if FINALIZER in metadata.get("finalizers", ()):
                await self._leave(throttle, body)

    def _forget(self, throttle: Throttle, body: Mapping[str, Any]) -> None:
        """The object is gone, as the watch says or the answer to a write; whichever comes first."""
        self.throttles.forget(body)
        self.tenants.leave(throttle.tenant_key, throttle.uid)
        self._metrics.forget(throttle.namespace, throttle.name)

    async def _leave(self, throttle: Throttle, body: kopf.Body) -> None:
        """A throttle is being deleted: hand over what it holds to whoever controls its campaign next, or release it."""
        throttle.observe_status(body)
        heir = await self._heir(throttle)
        if heir is not None:
            if heir.may_adopt(throttle):
                await self._end_poll(heir)
                heir.adopt(throttle)
                await self._reconciler.reporter.store(heir)
            return
        throttle.memory, event = await release(
            body,
            throttle.recall(),
            throttle.tenant or await self._tenant(throttle),
            self._reconciler.now(),
            hindrance=self._hindrance(throttle),
        )
        if event is not None:
            logger.info("%s/%s: %s: %s", throttle.namespace, throttle.name, event.reason, event.message)
            post(body, event)

    def _hindrance(self, throttle: Throttle) -> str | None:
        """Why nothing may be done at the tenant of a throttle that is being deleted; None if it may."""
        key = throttle.tenant_key
        tenant = self.tenants.spec_of(key)
        if tenant is None:
            return None  # deleted before: what is in memory of it will do
        if tenant.suspend:
            return "its tenant is suspended"
        if not throttle.is_of(tenant):
            return "its tenant is another now"
        return None if self.tenants.offers(key, throttle.namespace) else "its tenant is not offered to it any more"

    async def _heir(self, throttle: Throttle) -> Throttle | None:
        """Who controls the campaign next; the oldest that asks for it is given the chance to show that it can."""
        heir = self.throttles.heir(throttle)
        contenders = self.throttles.contenders(throttle)
        if heir is None and contenders and throttle.holds and await self._can_read(contenders[0]):
            heir = contenders[0]
            heir.lapsed = False
            self._claim(heir)
        return heir

    async def _can_read(self, throttle: Throttle) -> bool:
        """Whether a throttle that was not polled yet can read its campaign."""
        deadline = asyncio.get_running_loop().time() + PROOF_TIMEOUT.total_seconds()
        try:
            target = target_of(throttle.spec(throttle.body))
            tenant = await self.tenants.resolve(throttle.tenant_key, throttle.namespace)
            await tenant.campaign(target, max_age=LOOK_AGE, deadline=deadline)
        except (CXoneError, ValidationError):
            return False
        return True

    async def _tenant(self, throttle: Throttle) -> Tenant | None:
        """The tenant of a throttle that was not polled since the operator started; None if there is none any more."""
        try:
            return await self.tenants.resolve(throttle.tenant_key, throttle.namespace)
        except CXoneError:
            return None

    async def poll_when_due(self, body: kopf.Body, stopped: kopf.DaemonStopped) -> None:
        """Wait until the throttle is due or nudged, and poll it once; return early when told to stop.

        Raises:
            asyncio.CancelledError: the object is gone. kopf doesn't stop the timer of one that had no finalizer yet,
                and has no other way to end a timer from within. Anything else would make kopf wait for a minute.
        """
        throttle = self.throttles.of(body)
        if throttle is None:
            raise asyncio.CancelledError
        stop: asyncio.Future[Any] = asyncio.ensure_future(stopped.wait())
        try:
            late = await self._wait_until_due(throttle, stop)
            if throttle.gone:
                raise asyncio.CancelledError
            if throttle.leaving:
                await stop
            elif not stop.done():
                await self._poll(throttle, body, stop, late)
        finally:
            stop.cancel()

    async def _wait_until_due(self, throttle: Throttle, stop: "asyncio.Future[Any]") -> float | None:
        """Wait; return how late it is then in seconds, or None if the throttle was nudged."""
        clock = asyncio.get_running_loop().time
        if throttle.due is None:
            throttle.due = first_due(_phase(throttle), clock())
        if throttle.due > clock() and not throttle.nudged.is_set():
            nudge = asyncio.create_task(throttle.nudged.wait())
            try:
                await asyncio.wait(
                    {nudge, stop}, timeout=throttle.due - clock(), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                nudge.cancel()
        return None if throttle.nudged.is_set() else clock() - throttle.due

    async def _poll(
        self, throttle: Throttle, body: kopf.Body, stop: "asyncio.Future[Any]", late: float | None
    ) -> None:
        clock = asyncio.get_running_loop().time
        throttle.nudged.clear()
        throttle.polled = clock()
        if late is not None:
            self._metrics.late(late)
        rival = self.throttles.rival(throttle)
        if rival is not None and throttle.lapsed and not self.throttles.share_a_tenant(throttle, rival.uid):
            rival = None  # whether others control the campaign is told to who can read it
        if rival is None and throttle.claim is not None and throttle.claim.counts:
            await self._take_over(throttle)
        poll = throttle.poll = asyncio.create_task(
            self._reconciler.poll(throttle, body, rival, lambda event: post(body, event), self._prove)
        )
        try:
            await asyncio.wait({poll, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end_poll(throttle)
            throttle.acting = False
        if not throttle.gone:
            self._claim(throttle)
        throttle.due = _next_due(throttle, clock())
        if throttle.excused_until is not None and clock() < throttle.excused_until:
            throttle.due = min(throttle.due, throttle.excused_until)
        if throttle.gone:
            self._forget(throttle, body)
        if not poll.done() or poll.cancelled() or throttle.gone:
            return
        if error := poll.exception():
            logger.error("%s/%s: the poll failed by a bug", throttle.namespace, throttle.name, exc_info=error)
            self._metrics.polled(throttle.namespace, throttle.name, "bug")
        else:
            self._metrics.polled(throttle.namespace, throttle.name, poll.result())

    async def _take_over(self, throttle: Throttle) -> None:
        """The throttle controls its campaign: take over what a sibling still holds of it."""
        throttle.settle_adoption()
        for sibling in self.throttles.siblings(throttle):
            if throttle.adopted_from is not None or not sibling.holds:
                continue
            if throttle.may_adopt(sibling):
                await self._end_poll(sibling)
                throttle.adopt(sibling)
            elif throttle.stored is not None:
                sibling.let_go()

    async def _end_poll(self, throttle: Throttle) -> None:
        """End a poll under way: at once, but an action may take a moment longer to be accounted for."""
        poll = throttle.poll
        if poll is None or poll.done():
            return
        if throttle.acting:
            await asyncio.wait({poll}, timeout=self.ACTION_GRACE.total_seconds())
        poll.cancel()
        await asyncio.wait({poll}, timeout=self.ACTION_GRACE.total_seconds())

    def alive(self) -> str | None:
        """What a liveness probe should know: throttles that are not polled any more. None for nothing."""
        stuck = self.throttles.stuck(asyncio.get_running_loop().time(), longest_poll=POLL_TIMEOUT + ACTION_TIMEOUT)
        if not stuck:
            return None
        names = ", ".join(f"{throttle.namespace}/{throttle.name}" for throttle in stuck[:10])
        return f"{len(stuck)} throttles were not polled for {Throttles.PATIENCE} intervals: {names}"

    def ready(self) -> str | None:
        """What a readiness probe should know: whether the operator is still starting. None for nothing."""
        return None if self.started.is_set() else "starting"

    async def close(self) -> None:
        """End the looks at the tenants, and let go of their connections."""
        await self._checks.close()
        await self.tenants.close()


def _tenant_key(body: Mapping[str, Any]) -> TenantKey | None:
    """The tenant that an object names; None for the default one. What can't be read names none that there is."""
    reference = (body.get("spec") or {}).get("tenantRef")
    if reference is None:
        return None
    try:
        return TenantKey.of_reference(TenantRef.model_validate(reference), body["metadata"]["namespace"])
    except ValidationError:
        return TenantKey(TenantKind.NAMESPACED, body["metadata"]["namespace"], "")


def _phase(throttle: Throttle) -> float:
    """Where in an interval the throttle is polled, as a share of it.

    The throttles of one tenant are polled together, so that one reading of the agents serves all.
    """
    return zlib.crc32(str(throttle.tenant_key).encode()) / 2**32


def _next_due(throttle: Throttle, now: float) -> float:
    """When a throttle that was just polled is due again.

    Where a budget stretches the intervals, the queue at it has spread the polls, and they stay spread: each comes as
    long after the last one as the others do.
    """
    if throttle.stretched:
        return now + throttle.interval.total_seconds()
    return next_due(throttle.interval, _phase(throttle), now)


def post(body: kopf.Body, event: Event) -> None:
    """Post an Event about an object; kopf sends it in the background."""
    kopf.event(body, type=event.type, reason=event.reason, message=event.message)
