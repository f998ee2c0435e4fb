"""One poll of one throttle: read, decide, act, report."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from campaign_throttle import policy
from campaign_throttle.acting import act
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.events import left_behind
from campaign_throttle.observing import Seen, nothing, observe
from campaign_throttle.outcome import Outcome, Refusal
from campaign_throttle.policy import Decision, Memory
from campaign_throttle.reporting import Post, Reporter
from campaign_throttle.resources.condition import find
from campaign_throttle.resources.fields import first_problem
from campaign_throttle.resources.misfit import misfit
from campaign_throttle.resources.tenant import CXoneTenantSpec
from campaign_throttle.resources.throttle import CampaignState, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus
from campaign_throttle.tenants import Tenant, Tenants, shared_age
from campaign_throttle.throttles import Claim, Throttle, wish

#: Reading may take this long, or the tenant's timeout or an interval if that is longer.
POLL_TIMEOUT = timedelta(seconds=15)
#: What a GitOps tool may be about to apply is waited for this long before a throttle is called stalled.
GRACE = timedelta(seconds=30)
#: How old a reading of the agents may be after a change of the spec.
AGE_AFTER_SPEC_CHANGE = timedelta(seconds=2)


@dataclass(frozen=True)
class Reconciler:
    """Polls throttles. All state of a throttle is in the :class:`Throttle` that comes in.

    Args:
        tenants: whom the campaigns belong to.
        reporter: writes the status.
        minimum_interval: no throttle is polled more often.
        now: the time of day, in UTC.
    """

    tenants: Tenants
    reporter: Reporter
    minimum_interval: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def poll(
        self,
        throttle: Throttle,
        body: Mapping[str, Any],
        rival: Claim | None,
        post: Post,
        prove: Callable[[Throttle], Awaitable[Claim | None]] | None = None,
    ) -> str:
        """Poll one throttle and report in its status.

        Raises nothing that CXone or the API server cause. Safe to cancel at every await: what was announced is
        in the status, and what isn't known is found out at the next poll.

        Args:
            throttle: its state in memory, brought up to date here.
            body: the object as last seen.
            rival: the claim that controls the same campaign; None if this throttle's does.
            post: posts an Event about the object.
            prove: told once the campaign could be read, before anything is decided; answers with the claim that
                controls it.

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
            return await self._refuse(throttle, previous, outcome, _conflict(throttle, spec, rival), post)
        if (suspended_by := _suspended_by(throttle, spec, tenant_spec)) is not None:
            decision = policy.suspended(throttle.recall())
            self._rest(throttle)
            await self.reporter.report(
                throttle, previous, replace(outcome, decision=decision, suspended_by=suspended_by), post
            )
            return "suspended"
        if isinstance(tenant, CXoneError):
            self._rest(throttle)
            seen = nothing(tenant)
            outcome = _with_seen(outcome, seen)
        else:
            outcome, seen = await self._read(throttle, outcome, spec, max_age, tenant)
            readable = seen.campaign is not None and not (seen.agents_error and seen.agents_error.permanent)
            if readable and prove is not None and (rival := await prove(throttle)) is not None:
                return await self._refuse(throttle, previous, outcome, _conflict(throttle, spec, rival), post)
        decision = policy.decide(spec, throttle.recall(), seen.observation, outcome.now)
        throttle.memory = decision.memory
        outcome = replace(outcome, decision=decision, state=decision.state)
        if outcome.error is not None and outcome.error.permanent:
            throttle.lapsed = True
        if outcome.error is None or not outcome.error.graced:
            throttle.excused_until = None
        may_act = throttle.may_act and not throttle.superseded
        if decision.action is not None and may_act and not isinstance(tenant, CXoneError):
            throttle.acting = True  # until it is accounted for
            outcome = await act(
                throttle, spec, outcome, tenant=tenant, seen=seen, reporter=self.reporter, now=self._now
            )
        await self.reporter.report(throttle, previous, outcome, post)
        return outcome.error.reason if outcome.error else "success"

    def _begin(
        self, throttle: Throttle, body: Mapping[str, Any], previous: CampaignThrottleStatus
    ) -> tuple[Outcome, timedelta | None]:
        """What is known before a poll; and how old a count of agents may be, if something asks for this poll."""
        now = asyncio.get_running_loop().time()
        generation, request = wish(body)
        handled = throttle.handled
        if handled is not None and generation != handled[0]:
            throttle.denied = False
        if generation != (handled[0] if handled else previous.observed_generation) or (
            handled is None
            and find(previous.conditions, "Stalled")
            is None  # for how long it has waited before a restart isn't known
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
        known = throttle.tenant_digest = throttle.known_digest
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

    # Report

    async def _refuse(
        self, throttle: Throttle, previous: CampaignThrottleStatus, outcome: Outcome, refusal: Refusal, post: Post
    ) -> str:
        self._rest(throttle)
        await self.reporter.report(throttle, previous, replace(outcome, refusal=refusal), post)
        return refusal.reason

    def _now(self) -> datetime:
        """The time in whole seconds, as Kubernetes keeps it: a status read back must equal the one written."""
        return self.now().replace(microsecond=0)


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


def _suspended_by(throttle: Throttle, spec: CampaignThrottleSpec, tenant: CXoneTenantSpec | None) -> str | None:
    if spec.suspend:
        return "spec.suspend is true"
    if tenant is not None and tenant.suspend:
        return f"its tenant, {throttle.tenant_key}, is suspended"
    return None


def _conflict(throttle: Throttle, spec: CampaignThrottleSpec, rival: Claim) -> Refusal:
    """Who controls the campaign; a name only of the same namespace, since others may not be for these eyes."""
    other = (
        f"CampaignThrottle {rival.name}" if rival.namespace == throttle.namespace else "an older CampaignThrottle"
    )
    where = "" if rival.namespace == throttle.namespace else " of another namespace"
    return Refusal(
        "CampaignConflict",
        f"campaign {spec.campaign_id} is controlled by {other}{where}: delete one of the two; "
        "this one takes over when the other is gone, suspended or set to Observe",
    )
