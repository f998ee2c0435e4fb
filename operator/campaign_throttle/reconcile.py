"""One poll of one throttle: read, decide, act, report."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from campaign_throttle import policy, status
from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten, StatusWriter
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import DialingState
from campaign_throttle.events import Event, events, left_behind
from campaign_throttle.observing import Seen, nothing, observe, target_of
from campaign_throttle.outcome import Outcome, Refusal
from campaign_throttle.policy import Decision, Memory
from campaign_throttle.resources.fields import first_problem
from campaign_throttle.resources.tenant import CXoneTenantSpec, misfit
from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Intent,
    ManualResume,
)
from campaign_throttle.tenants import Tenant, Tenants, shared_age
from campaign_throttle.throttles import Claim, Stored, Throttle, wish

logger = logging.getLogger(__name__)

#: How long the API server may take to store an intent before a pause goes ahead without.
INTENT_TIMEOUT = timedelta(seconds=5)
STATUS_TIMEOUT = timedelta(seconds=10)
#: How long CXone may take to accept a change, whatever the reading took before. Well below the minute within which
#: a change still counts as an intent's.
ACTION_TIMEOUT = timedelta(seconds=10)
#: Reading may take this long, or the tenant's timeout or an interval if that is longer.
POLL_TIMEOUT = timedelta(seconds=15)
#: What a GitOps tool may be about to apply is waited for this long before a throttle is called stalled.
GRACE = timedelta(seconds=30)
#: How old a reading of the agents may be after a change of the spec; and the campaign's state right before an action.
AGE_AFTER_SPEC_CHANGE = AGE_BEFORE_ACTION = timedelta(seconds=2)

Post = Callable[[Event], None]


@dataclass(frozen=True)
class Reconciler:
    """Polls throttles. All state of a throttle is in the :class:`Throttle` that comes in.

    Args:
        tenants: whom the campaigns belong to.
        writer: writes the status.
        minimum_interval: no throttle is polled more often.
        heartbeat: how often the time of the last poll is written, if nothing else is.
        now: the time of day, in UTC.
    """

    tenants: Tenants
    writer: StatusWriter
    minimum_interval: timedelta
    heartbeat: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def poll(
        self,
        throttle: Throttle,
        body: Mapping[str, Any],
        rival: Claim | None,
        post: Post,
        prove: Callable[[Throttle], Awaitable[None]] | None = None,
    ) -> str:
        """Poll one throttle and report in its status.

        Raises nothing that CXone or the API server cause. Safe to cancel at every await: what was announced is
        in the status, and what isn't known is found out at the next poll.

        Args:
            throttle: its state in memory, brought up to date here.
            body: the object as last seen.
            rival: the claim that controls the same campaign; None if this throttle's does.
            post: posts an Event about the object.
            prove: told once the campaign was read, before anything is decided.

        Returns:
            How it ended, for the metrics: "success", "suspended", or the reason of the failure.
        """
        throttle.observe_status(body)
        assert throttle.reported is not None
        previous = throttle.reported
        base, max_age = self._begin(throttle, body, previous)
        try:
            spec = throttle.spec(body)
        except ValidationError as error:
            return await self._refuse(throttle, previous, base, Refusal("InvalidSpec", first_problem(error)), post)

        tenant = await self._tenant(throttle)
        # Nothing of a tenant that is not offered to the throttle's namespace may be told there.
        tenant_spec = None if isinstance(tenant, CXoneError) else self.tenants.spec_of(throttle.tenant_key)
        previous = self._meet_tenant(throttle, spec, tenant_spec, previous, post)
        throttle.interval = interval = max(spec.interval, self.minimum_interval)
        outcome = replace(
            base,
            spec=spec,
            decision=Decision("Unknown", throttle.recall()),
            tenant_digest=throttle.tenant_digest,
            effective_interval=interval if interval != spec.interval else None,
        )
        if tenant_spec is not None and (problem := misfit(tenant_spec.api, spec)) is not None:
            return await self._refuse(throttle, previous, outcome, Refusal("InvalidSpec", problem), post)
        if rival is not None:
            refusal = Refusal("CampaignConflict", _conflict(throttle, spec, rival))
            return await self._refuse(throttle, previous, outcome, refusal, post)
        if (suspended_by := _suspended_by(throttle, spec, tenant_spec)) is not None:
            decision = policy.suspended(throttle.recall())
            self._rest(throttle)
            await self._report(
                throttle, previous, replace(outcome, decision=decision, suspended_by=suspended_by), post
            )
            return "suspended"
        if isinstance(tenant, CXoneError):
            outcome, seen = _with_seen(outcome, nothing(tenant)), nothing(tenant)
        else:
            outcome, seen = await self._read(throttle, outcome, spec, max_age, tenant)
            if seen.campaign is not None and prove is not None:
                await prove(throttle)
        decision = policy.decide(spec, throttle.recall(), seen.observation, outcome.now)
        throttle.memory = decision.memory
        outcome = replace(outcome, decision=decision, state=decision.state)
        if outcome.error is not None and outcome.error.permanent:
            throttle.lapsed = True
        if outcome.error is None or not outcome.error.graced:
            throttle.excused_until = None
        action = decision.action if throttle.may_act and not throttle.superseded else None
        if action is not None and not isinstance(tenant, CXoneError):
            throttle.acting = True  # until it is accounted for
            outcome = await self._act(throttle, spec, outcome, action, tenant=tenant, seen=seen)
        await self._report(throttle, previous, outcome, post)
        return outcome.error.reason if outcome.error else "success"

    def _begin(
        self, throttle: Throttle, body: Mapping[str, Any], previous: CampaignThrottleStatus
    ) -> tuple[Outcome, timedelta | None]:
        """What is known before a poll; and how old a count of agents may be, if something asks for this poll."""
        now = asyncio.get_running_loop().time()
        generation, request = wish(body)
        handled = throttle.handled
        if generation != (handled[0] if handled else previous.observed_generation) or (
            handled is None
            and not _is_stalled(previous)  # for how long it has waited before a restart isn't known
        ):
            throttle.changed = now
        throttle.handled = (generation, request)
        changed = max(throttle.changed or float("-inf"), self.tenants.changed(throttle.tenant_key))
        settled = changed + GRACE.total_seconds()
        base = Outcome(
            generation=generation,
            now=self._now(),
            decision=Decision("Unknown", throttle.recall()),
            spec=None,
            reconcile_at=request,
            state=previous.campaign_state or CampaignState.UNKNOWN,
            settling=now < settled,
            tenant_digest=throttle.tenant_digest,
        )
        throttle.excused_until = settled if base.settling else None
        if request is not None and request != previous.last_handled_reconcile_at:
            return base, timedelta(0)
        return base, None if handled == throttle.handled else AGE_AFTER_SPEC_CHANGE

    def _meet_tenant(
        self,
        throttle: Throttle,
        spec: CampaignThrottleSpec,
        tenant: CXoneTenantSpec | None,
        previous: CampaignThrottleStatus,
        post: Post,
    ) -> CampaignThrottleStatus:
        """What is remembered is of a campaign of one tenant: with another, the throttle begins anew.

        Returns the previous status, without what was read of another tenant.
        """
        known = throttle.tenant_digest = throttle.tenant_digest or previous.tenant_digest
        if tenant is None or tenant.digest == known:
            return previous
        throttle.tenant_digest = tenant.digest
        if known is None:
            return previous
        if (event := left_behind(spec, throttle.recall())) is not None:
            post(event)
        throttle.memory = Memory()
        return previous.model_copy(update={"campaign_name": None, "available_agents": None})

    async def _tenant(self, throttle: Throttle) -> Tenant | CXoneError:
        """The throttle's tenant, or why it has none."""
        try:
            return await self.tenants.resolve(throttle.tenant_key, throttle.namespace)
        except CXoneError as error:
            return error

    def _rest(self, throttle: Throttle) -> None:
        """It doesn't poll: its share of the tenant's budget is the others'."""
        if throttle.tenant is not None:
            throttle.tenant.forget(throttle.uid)

    # Read

    async def _read(
        self,
        throttle: Throttle,
        outcome: Outcome,
        spec: CampaignThrottleSpec,
        max_age: timedelta | None,
        tenant: Tenant,
    ) -> tuple[Outcome, Seen]:
        """The agents and the campaign; for the report, and for the policy."""
        throttle.tenant = tenant
        demand = max(1, sum(skill.controlled for skill in throttle.recall().skills))
        stretch = tenant.demand(throttle.uid, throttle.interval, demand)
        throttle.stretched = stretch > 1
        throttle.interval = interval = throttle.interval * stretch
        tenant_spec = self.tenants.spec_of(throttle.tenant_key)
        longest = max(interval, POLL_TIMEOUT if tenant_spec is None else tenant_spec.timeout)
        oldest = shared_age(interval)
        seen = await observe(
            tenant,
            spec,
            interval=interval,
            max_age=oldest if max_age is None else max_age,
            oldest=oldest,
            deadline=asyncio.get_running_loop().time() + longest.total_seconds(),
            anew=max_age is not None,
        )
        outcome = replace(outcome, effective_interval=interval if interval != spec.interval else None)
        news = () if seen.campaign is None else seen.campaign.scheduled
        news = tuple(skill for skill in news if skill not in throttle.warned)
        throttle.warned.update(news)
        return replace(_with_seen(outcome, seen), scheduled=news), seen

    # Act

    async def _act(
        self,
        throttle: Throttle,
        spec: CampaignThrottleSpec,
        outcome: Outcome,
        action: Action,
        *,
        tenant: Tenant,
        seen: Seen,
    ) -> Outcome:
        """Carry out an action: announce it in the status, send it, and take note of what came of it."""
        decided = outcome.decision.memory
        throttle.memory = memory = policy.announced(decided, action, self._now())
        if not await self._announced(throttle, memory, action) or throttle.superseded:
            # Not to be announced, or no longer what anybody wants: nothing was sent.
            throttle.memory = decided
            return outcome
        deadline = asyncio.get_running_loop().time() + ACTION_TIMEOUT.total_seconds()
        wanted = DialingState.PAUSED if action is Action.PAUSE else DialingState.RUNNING
        sent = False
        try:
            if not await _still_so(tenant, spec, seen, deadline):
                throttle.memory = decided  # somebody was quicker: the next poll decides on what is so then
                throttle.nudged.set()
                return outcome
            sent = True
            skills = await tenant.set_state(
                target_of(spec), wanted, deadline=deadline, skills=outcome.decision.skills
            )
        except CXoneError as error:
            accepted = [(skill.id, skill.running) for skill in error.accepted]
            memory = policy.failed(memory, outcome_unknown=sent and error.outcome_unknown, skills=accepted)
            outcome = replace(outcome, action_error=error)
        else:
            done = Intent(action=action, time=self._now())
            memory = policy.accepted(memory, action, done.time, [(skill.id, skill.running) for skill in skills])
            outcome = replace(outcome, done=done, state=CampaignState(wanted.value))
        throttle.memory = memory
        if memory.skills:
            outcome = replace(outcome, state=policy.state_of(memory.skills))
        return replace(outcome, decision=replace(outcome.decision, memory=memory))

    async def _announced(self, throttle: Throttle, memory: Memory, action: Action) -> bool:
        """Store the intent, and nothing else: ``kubectl wait`` must not return before the action.

        Of skills it must be known in which state they were, and of which tenant the campaign is.

        Returns whether the action may go ahead.
        """
        assert throttle.reported is not None
        announcement = throttle.reported.model_copy(
            update={
                "intent": memory.intent,
                "skills": policy.reported(memory.skills),
                "tenant_digest": throttle.tenant_digest,
            }
        )
        try:
            await self._write(throttle, status.dump(announcement), INTENT_TIMEOUT)
        except ObjectGone:
            throttle.gone = True
            return False
        except StatusNotWritten as problem:
            logger.warning(
                "%s/%s: the intent to %s was not stored: %s",
                throttle.namespace,
                throttle.name,
                action.value,
                problem,
            )
            return action is Action.PAUSE  # the safe side; a resume waits until it can be announced
        return True

    # Report

    async def _refuse(
        self, throttle: Throttle, previous: CampaignThrottleStatus, outcome: Outcome, refusal: Refusal, post: Post
    ) -> str:
        self._rest(throttle)
        await self._report(throttle, previous, replace(outcome, refusal=refusal), post)
        return refusal.reason

    async def _report(
        self, throttle: Throttle, previous: CampaignThrottleStatus, outcome: Outcome, post: Post
    ) -> None:
        """Write the status if it says anything new, and post the Events that the step is worth."""
        throttle.memory = outcome.decision.memory
        current = status.build(previous, outcome)
        for event in events(previous, current, outcome):
            logger.info("%s/%s: %s: %s", throttle.namespace, throttle.name, event.reason, event.message)
            post(event)
        throttle.reported = current
        stored = throttle.stored
        if (
            stored is not None
            and not outcome.decision.touched
            and not status.is_worth_writing(stored.status, current, self.heartbeat, outcome.failure_threshold)
        ):
            return
        try:
            await self._write(throttle, status.dump(current), STATUS_TIMEOUT)
        except ObjectGone:
            throttle.gone = True
        except StatusNotWritten as problem:
            # Nothing is lost: the next poll writes what is reported then.
            logger.warning("%s/%s: the status was not written: %s", throttle.namespace, throttle.name, problem)

    async def store(self, throttle: Throttle) -> None:
        """Write what a throttle remembers, beside what it last reported: it has taken over a sibling's pause."""
        try:
            async with throttle.writing:
                memory = throttle.recall()
                throttle.reported = (throttle.reported or CampaignThrottleStatus()).model_copy(
                    update={
                        "paused_by": memory.paused_by,
                        "intent": memory.intent,
                        "skills": policy.reported(memory.skills),
                        "manual_resume": ManualResume(time=memory.manual_resume) if memory.manual_resume else None,
                    }
                )
                await self._put(throttle, status.dump(throttle.reported), INTENT_TIMEOUT)
        except StatusNotWritten as problem:
            logger.warning("%s/%s: the status was not written: %s", throttle.namespace, throttle.name, problem)

    async def _write(self, throttle: Throttle, whole: dict[str, Any], timeout: timedelta) -> None:
        async with throttle.writing:
            await self._put(throttle, whole, timeout)

    async def _put(self, throttle: Throttle, whole: dict[str, Any], timeout: timedelta) -> None:
        before, throttle.stored = throttle.stored, None  # until the server confirms, what it holds isn't known
        throttle.version = max(throttle.version, before.version if before else -1)
        written = await self.writer.write(throttle.namespace, throttle.name, throttle.uid, whole, timeout=timeout)
        throttle.stored = Stored.of(written)

    def _now(self) -> datetime:
        """The time in whole seconds, as Kubernetes keeps it: a status read back must equal the one written."""
        return self.now().replace(microsecond=0)


def _is_stalled(status: CampaignThrottleStatus) -> bool:
    return any(condition.type == "Stalled" for condition in status.conditions or ())


def _with_seen(outcome: Outcome, seen: Seen) -> Outcome:
    outcome = replace(
        outcome, agents=seen.agents, agents_error=seen.agents_error, campaign_error=seen.campaign_error
    )
    campaign = seen.campaign
    if campaign is None:
        return replace(outcome, state=CampaignState.UNKNOWN)
    return replace(
        outcome,
        campaign_name=campaign.name,
        campaign_word=campaign.word,
        left_out=campaign.left_out,
    )


async def _still_so(tenant: Tenant, spec: CampaignThrottleSpec, seen: Seen, deadline: float) -> bool:
    """Whether the campaign is as it was when the action was decided; read again if that is a while ago."""
    age = asyncio.get_running_loop().time() - seen.campaign_read
    if age <= AGE_BEFORE_ACTION.total_seconds() or seen.campaign is None:
        return True
    now = await tenant.campaign(target_of(spec), max_age=timedelta.max, deadline=deadline, urgent=True)
    return (now.state, now.skills) == (seen.campaign.state, seen.campaign.skills)


def _suspended_by(throttle: Throttle, spec: CampaignThrottleSpec, tenant: CXoneTenantSpec | None) -> str | None:
    if spec.suspend:
        return "spec.suspend is true"
    if tenant is not None and tenant.suspend:
        return f"its tenant, {throttle.tenant_key}, is suspended"
    return None


def _conflict(throttle: Throttle, spec: CampaignThrottleSpec, rival: Claim) -> str:
    """Who controls the campaign; a name only of the same namespace, since others may not be for these eyes."""
    other = (
        f"CampaignThrottle {rival.name}" if rival.namespace == throttle.namespace else "an older CampaignThrottle"
    )
    where = "" if rival.namespace == throttle.namespace else " of another namespace"
    return (
        f"campaign {spec.campaign_id} is controlled by {other}{where}: delete one of the two; "
        "this one takes over when the other is gone, suspended or set to Observe"
    )
