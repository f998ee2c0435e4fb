"""Everything that is known after one poll of a throttle."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.policy import Decision
from campaign_throttle.resources.behaviour import Fallback
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import Intent


@dataclass(frozen=True)
class Refusal:
    """Why a throttle is not polled, which only a person can mend: a condition reason, and a message."""

    reason: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """Everything that is known after one poll of a throttle.

    ``agents`` and ``campaign`` tell of what was read or why not; ``done`` is an action and when CXone accepted it,
    ``action_error`` why one failed. ``refusal`` says why nothing was polled at all. ``settling`` is whether the spec
    (or its tenant) is so new that what it refers to may still be on its way. ``spec`` is None where it could not be
    read. ``suspended_by`` is what suspends it; ``left_out`` are the campaign's skills that are not controlled, and why,
    ``scheduled`` those that CXone itself starts and stops, as far as that was not told yet.
    """

    generation: int
    now: datetime
    decision: Decision
    spec: CampaignThrottleSpec | None
    campaign_name: str | None = None
    campaign_word: str = ""
    agents: int | None = None
    agents_error: CXoneError | None = None
    campaign_error: CXoneError | None = None
    done: Intent | None = None
    action_error: CXoneError | None = None
    refusal: Refusal | None = None
    state: CampaignState = CampaignState.UNKNOWN
    effective_interval: timedelta | None = None
    reconcile_at: str | None = None
    settling: bool = False
    suspended_by: str | None = None
    tenant_digest: str | None = None
    left_out: tuple[str, ...] = ()
    scheduled: tuple[int, ...] = ()

    @property
    def polled(self) -> bool:
        """Whether CXone was asked at all."""
        return self.refusal is None and self.spec is not None and self.suspended_by is None

    @property
    def repeated(self) -> bool:
        """Whether what was done is a stop of skills that were being stopped already (ACD)."""
        pausing = self.done is not None and self.done.action is Action.PAUSE
        return pausing and self.decision.state is CampaignState.PAUSING

    @property
    def failure_threshold(self) -> int:
        """How many failures in a row turn Ready False."""
        return (self.spec.fallback if self.spec else Fallback()).failure_threshold

    def is_stalled(self, error: CXoneError) -> bool:
        """Whether only a person can mend an error, as far as can be told yet."""
        return error.permanent and not (self.settling and error.graced)

    @property
    def error(self) -> CXoneError | None:
        """What made the poll fail; the one that only a person can mend first."""
        errors = [error for error in (self.campaign_error, self.agents_error) if error is not None]
        return next((error for error in errors if error.permanent), errors[0] if errors else None)
