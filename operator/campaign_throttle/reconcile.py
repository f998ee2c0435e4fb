"""One poll of one throttle: read, decide, act, report."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from campaign_throttle import policy, status
from campaign_throttle.cluster.statuses import ObjectGone, StatusNotWritten, StatusWriter
from campaign_throttle.cxone.errors import CredentialsMissing, CXoneError
from campaign_throttle.cxone.protocol import Campaign, DialingState
from campaign_throttle.events import Event, events
from campaign_throttle.outcome import Outcome, Refusal
from campaign_throttle.policy import Decision, Memory, Observation
from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Intent,
    ManualResume,
)
from campaign_throttle.tenants import Reading, Tenant, shared_age
from campaign_throttle.throttles import Claim, Stored, Throttle, wish

logger = logging.getLogger(__name__)

#: How long the API server may take to store an intent before a pause goes ahead without.
INTENT_TIMEOUT = timedelta(seconds=5)
STATUS_TIMEOUT = timedelta(seconds=10)
#: How long CXone may take to accept a change, whatever the reading took before. Well below the minute within which
#: a change still counts as an intent's.
ACTION_TIMEOUT = timedelta(seconds=10)
#: Reading may take this long, or an interval if that is longer.
POLL_TIMEOUT = timedelta(seconds=15)
#: What a GitOps tool may be about to apply is waited for this long before a throttle is called stalled.
GRACE = timedelta(seconds=30)
#: How old a count of agents may be after a change of the spec.
AGE_AFTER_SPEC_CHANGE = timedelta(seconds=2)

Post = Callable[[Event], None]


@dataclass(frozen=True)
class Reconciler:
    """Polls throttles. All state of a throttle is in the :class:`Throttle` that comes in.

    Args:
        tenant: the default tenant; None where none is configured.
        writer: writes the status.
        minimum_interval: no throttle is polled more often.
        heartbeat: how often the time of the last poll is written, if nothing else is.
        now: the time of day, in UTC.
    """

    tenant: Tenant | None
    writer: StatusWriter
    minimum_interval: timedelta
    heartbeat: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def poll(self, throttle: Throttle, body: Mapping[str, Any], rival: Claim | None, post: Post) -> str:
        """Poll one throttle and report in its status.

        Raises nothing that CXone or the API server cause. Safe to cancel at every await: what was announced is
        in the status, and what isn't known is found out at the next poll.

        Args:
            throttle: its state in memory, brought up to date here.
            body: the object as last seen.
            rival: the claim that controls the same campaign; None if this throttle's does.
            post: posts an Event about the object.

        Returns:
            How it ended, for the metrics: "success", "suspended", or the reason of the failure.
        """
        loop = asyncio.get_running_loop()
        throttle.observe_status(body)
        assert throttle.reported is not None
        previous = throttle.reported
        base, max_age = self._begin(throttle, body, previous)
        try:
            spec = CampaignThrottleSpec.model_validate(body.get("spec") or {})
        except ValidationError as error:
            refusal = Refusal("InvalidSpec", _first_problem(error))
            return await self._refuse(throttle, previous, base, refusal, post)

        throttle.interval = interval = max(spec.interval, self.minimum_interval)
        outcome = replace(base, spec=spec, effective_interval=interval if interval != spec.interval else None)
        if rival is not None:
            refusal = Refusal("CampaignConflict", _conflict(throttle, spec, rival))
            return await self._refuse(throttle, previous, outcome, refusal, post)
        memory = throttle.recall()
        if spec.suspend:
            decision = policy.decide(spec, memory, Observation(None, CampaignState.UNKNOWN), outcome.now)
            await self._report(throttle, previous, replace(outcome, decision=decision), post)
            return "suspended"

        deadline = loop.time() + max(interval, POLL_TIMEOUT).total_seconds()
        max_age = shared_age(interval) if max_age is None else max_age
        outcome, seen = await self._read(outcome, spec, max_age, deadline)
        decision = policy.decide(spec, memory, seen, outcome.now)
        throttle.memory = decision.memory
        outcome = replace(outcome, decision=decision)
        if decision.action is not None and not throttle.superseded:
            throttle.acting = True  # until it is accounted for
            outcome = await self._act(throttle, spec, outcome, decision.action)
        await self._report(throttle, previous, outcome, post)
        return outcome.error.reason if outcome.error else "success"

    def _begin(
        self, throttle: Throttle, body: Mapping[str, Any], previous: CampaignThrottleStatus
    ) -> tuple[Outcome, timedelta | None]:
        """What is known before a poll; and how old a count of agents may be, if something asks for this poll."""
        now = asyncio.get_running_loop().time()
        generation, request = wish(body)
        handled = throttle.handled
        if generation != (handled[0] if handled else previous.observed_generation):
            throttle.changed = now
        throttle.handled = (generation, request)
        base = Outcome(
            generation=generation,
            now=self._now(),
            decision=Decision("Unknown", throttle.recall()),
            spec=None,
            reconcile_at=request,
            state=previous.campaign_state or CampaignState.UNKNOWN,
            settling=throttle.changed is not None and now - throttle.changed < GRACE.total_seconds(),
        )
        if request is not None and request != previous.last_handled_reconcile_at:
            return base, timedelta(0)
        return base, None if handled == throttle.handled else AGE_AFTER_SPEC_CHANGE

    # Read

    async def _read(
        self, outcome: Outcome, spec: CampaignThrottleSpec, max_age: timedelta, deadline: float
    ) -> tuple[Outcome, Observation]:
        """The agents and the campaign, read at the same time; for the report, and for the policy."""
        if self.tenant is None:
            missing = CredentialsMissing(
                "no default tenant is configured: set CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET "
                "of the operator"
            )
            unknown = Observation(None, CampaignState.UNKNOWN)
            return replace(outcome, agents_error=missing, campaign_error=missing, state=unknown.state), unknown
        counted, campaign = await asyncio.gather(
            self.tenant.available_agents(
                frozenset(state.value for state in spec.agents.states), max_age=max_age, deadline=deadline
            ),
            self.tenant.campaign(spec.campaign_id, deadline=deadline),
            return_exceptions=True,
        )
        agents = reading = changed_at = None
        if isinstance(counted, Reading):
            agents, reading = counted.agents, counted.started
            outcome = replace(outcome, agents=agents)
        elif isinstance(counted, CXoneError):
            outcome = replace(outcome, agents_error=counted)
        else:
            raise counted
        if isinstance(campaign, Campaign):
            changed_at = campaign.changed_at
            outcome = _with_campaign(outcome, campaign)
        elif isinstance(campaign, CXoneError):
            outcome = replace(outcome, campaign_error=campaign, state=CampaignState.UNKNOWN)
        else:
            raise campaign
        return outcome, Observation(agents, outcome.state, changed_at, reading)

    # Act

    async def _act(
        self, throttle: Throttle, spec: CampaignThrottleSpec, outcome: Outcome, action: Action
    ) -> Outcome:
        """Carry out an action: announce it in the status, send it, and take note of what came of it."""
        assert self.tenant is not None
        decided = outcome.decision.memory
        throttle.memory = memory = policy.announced(decided, action, self._now())
        if not await self._announced(throttle, memory, action) or throttle.superseded:
            # Not to be announced, or no longer what anybody wants: nothing was sent.
            throttle.memory = decided
            return outcome
        deadline = asyncio.get_running_loop().time() + ACTION_TIMEOUT.total_seconds()
        wanted = DialingState.PAUSED if action is Action.PAUSE else DialingState.RUNNING
        try:
            await self.tenant.set_state(spec.campaign_id, wanted, deadline=deadline)
        except CXoneError as error:
            memory = policy.failed(memory, outcome_unknown=error.outcome_unknown)
            outcome = replace(outcome, action_error=error)
        else:
            accepted = Intent(action=action, time=self._now())
            memory = policy.accepted(memory, action, accepted.time)
            outcome = replace(outcome, done=accepted, state=CampaignState(wanted.value))
        throttle.memory = memory
        return replace(outcome, decision=replace(outcome.decision, memory=memory))

    async def _announced(self, throttle: Throttle, memory: Memory, action: Action) -> bool:
        """Store the intent, and nothing else: ``kubectl wait`` must not return before the action.

        Returns whether the action may go ahead.
        """
        assert throttle.reported is not None
        announcement = throttle.reported.model_copy(update={"intent": memory.intent})
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


def _with_campaign(outcome: Outcome, campaign: Campaign) -> Outcome:
    return replace(
        outcome,
        state=CampaignState(campaign.state.value),
        campaign_name=campaign.name,
        campaign_word=campaign.word,
    )


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


def _first_problem(error: ValidationError) -> str:
    """What is wrong with a spec that the API server let pass (it may be older than the CRD), in one line."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(["spec", *(str(part) for part in problem["loc"])])
    return f"{field}: {problem['msg'].removeprefix('Value error, ')}"
