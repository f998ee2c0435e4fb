"""Looks at each tenant resource from time to time, and says in its status how it is."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten, StatusWriter
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.resources.condition import find
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants.entries import Entry, Finding, TenantKey
from campaign_throttle.tenants.registry import Tenants
from campaign_throttle.tenants.status import Look, build

logger = logging.getLogger(__name__)

#: A tenant is looked at this often; and while what it refers to is missing, this often.
INTERVAL, INTERVAL_WHILE_MISSING = timedelta(seconds=60), timedelta(seconds=5)
#: Whatever wakes a look waits this long, so that many throttles that come together cost one write.
SETTLE = timedelta(seconds=0.5)
LOOK_TIMEOUT = timedelta(seconds=20)
STATUS_TIMEOUT = timedelta(seconds=10)
#: What a GitOps tool may be about to apply is waited for this long before a tenant is called stalled.
GRACE = timedelta(seconds=30)
#: The poll of a throttle tells as much as a look, if it is no older than this.
EVIDENCE_AGE = timedelta(minutes=2)


class Checks:
    """One task for each tenant resource.

    Args:
        tenants: all of them.
        writers: write the status, by kind.
        wake: called when the throttles that use a tenant should look again.
        now: the time of day, in UTC.
    """

    def __init__(
        self,
        tenants: Tenants,
        writers: Mapping[TenantKind, StatusWriter],
        wake: Callable[[TenantKey], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tenants = tenants
        self._writers = writers
        self._wake = wake
        self._now = now
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self) -> None:
        """Begin with the tenants that are new, and end with those that are gone."""
        entries = {entry.uid: entry for entry in self._tenants}
        for uid in self._tasks.keys() - entries.keys():
            self._tasks.pop(uid).cancel()
        for uid in entries.keys() - self._tasks.keys():
            self._tasks[uid] = asyncio.create_task(self._keep(entries[uid]), name=f"tenant {entries[uid].key}")

    async def _keep(self, entry: Entry) -> None:
        while True:
            # What woke this may be the first of many, and throttles that poll give the evidence for nothing.
            await asyncio.sleep(SETTLE.total_seconds())
            entry.nudged.clear()
            try:
                pause = await self._look(entry)
            except Exception:
                logger.exception("%s: the look at it failed by a bug", entry.key)
                pause = INTERVAL
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await entry.nudged.wait()
            except TimeoutError:
                continue

    async def _look(self, entry: Entry) -> timedelta:
        """Look at a tenant once; return when to look again."""
        generation, was_ready = entry.generation, _is_ready(entry)
        look = await self._looked(entry)
        if entry.generation != generation:
            return timedelta(0)
        written = await self._report(entry, look)
        if _is_ready(entry) and not was_ready:
            self._wake(entry.key)
        if not written:
            return INTERVAL_WHILE_MISSING
        if look.error is not None and look.error.graced:
            return INTERVAL_WHILE_MISSING
        return INTERVAL

    async def _looked(self, entry: Entry) -> Look:
        now = asyncio.get_running_loop().time()
        look = Look(
            generation=entry.generation,
            now=self._now().replace(microsecond=0),
            throttles=len(self._tenants.users(entry.key)),
            invalid=entry.invalid,
            settling=now - entry.changed < GRACE.total_seconds(),
        )
        if entry.spec is None or entry.spec.suspend:
            return look
        finding = _evidence(entry, now) or _still_good(entry, now) or await _ask(entry, now)
        if finding != entry.finding:
            entry.failures = entry.failures + 1 if finding.error else 0
        entry.finding = finding
        return replace(look, probe=finding.probe, error=finding.error, failures=entry.failures)

    async def _report(self, entry: Entry, look: Look) -> bool:
        """Write the status if it says anything new; return False if that is to be tried again soon."""
        previous = entry.reported
        assert previous is not None
        current = build(previous, look)
        entry.reported = current
        if current == entry.stored:
            return True
        whole = current.model_dump(mode="json", by_alias=True, exclude_none=True)
        try:
            await self._writers[entry.key.kind].write(
                entry.key.namespace, entry.key.name, entry.uid, whole, timeout=STATUS_TIMEOUT
            )
        except ObjectGone:  # deleted while the watch was away
            metadata = {"namespace": entry.key.namespace, "name": entry.key.name, "uid": entry.uid}
            self._tenants.forget(entry.key.kind, {"metadata": metadata})
            self._wake(entry.key)
            return True
        except StatusNotWritten as problem:
            logger.warning("%s: the status was not written: %s", entry.key, problem)
            entry.stored = None  # what the server holds is not known
            return False
        entry.stored = current
        return True

    async def close(self) -> None:
        """End all looks."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _evidence(entry: Entry, now: float) -> Finding | None:
    """What a throttle's recent poll has told of the tenant; None if it tells nothing."""
    tenant = entry.tenant
    if tenant.last_reading is None:
        return None
    began, error = tenant.last_reading
    if began < entry.changed or now - began > EVIDENCE_AGE.total_seconds():
        return None
    if error is None and tenant.known is None:
        return None
    return Finding(began, tenant.connections, None if error else tenant.known, error)


def _still_good(entry: Entry, now: float) -> Finding | None:
    """The last finding, if it is of the same connection and young: whatever wakes a look, CXone is not asked for it."""
    found = entry.finding
    if found is None or found.connections != entry.tenant.connections or found.began < entry.changed:
        return None
    limit = INTERVAL_WHILE_MISSING if found.error is not None and found.error.graced else INTERVAL
    return found if now - found.began < limit.total_seconds() else None


async def _ask(entry: Entry, now: float) -> Finding:
    try:
        probe = await entry.tenant.probe(
            max_age=INTERVAL_WHILE_MISSING, deadline=now + LOOK_TIMEOUT.total_seconds()
        )
    except CXoneError as error:
        return Finding(now, entry.tenant.connections, error=error)
    return Finding(now, entry.tenant.connections, probe=probe)


def _is_ready(entry: Entry) -> bool:
    ready = find(entry.reported.conditions if entry.reported else None, "Ready")
    return ready is not None and ready.status == "True"
