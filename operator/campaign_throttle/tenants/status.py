"""The status of a tenant: what a look at it found becomes fields and conditions. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources.condition import MESSAGE_LENGTH, Condition
from campaign_throttle.resources.tenant import TenantStatus

#: What may pass turns Ready False after so many looks in a row.
FAILURES = 3

_SCOPES_MAXIMUM, _SCOPE_LENGTH, _ENDPOINT_LENGTH = 64, 128, 512


@dataclass(frozen=True)
class Look:
    """What one look at a tenant found.

    ``probe`` is what a working connection tells, ``error`` why there is none; both are None while it is suspended.
    ``invalid`` is what is wrong with its spec. ``failures`` counts the looks that failed, in a row. ``settling`` is
    whether it is so new that what it refers to may still be on its way.
    """

    generation: int
    now: datetime
    throttles: int
    probe: Probe | None = None
    error: CXoneError | None = None
    invalid: str | None = None
    failures: int = 0
    settling: bool = False


def build(previous: TenantStatus, look: Look) -> TenantStatus:
    """The status after a look."""
    probe = look.probe
    return previous.model_copy(
        update={
            "observed_generation": look.generation,
            "throttles": look.throttles,
            "api_endpoint": previous.api_endpoint if probe is None else probe.endpoint[:_ENDPOINT_LENGTH],
            "granted_scopes": previous.granted_scopes if probe is None else _scopes(probe),
            "conditions": _conditions(previous, look),
        }
    )


def _scopes(probe: Probe) -> list[str] | None:
    scopes = dict.fromkeys(scope for scope in probe.scopes if len(scope) <= _SCOPE_LENGTH)
    return sorted(scopes)[:_SCOPES_MAXIMUM] or None


def _conditions(previous: TenantStatus, look: Look) -> list[Condition]:
    before = {condition.type: condition for condition in previous.conditions or ()}
    status, reason, message = _ready(before.get("Ready"), look)
    found = [_condition(before, look, "Ready", (status, reason, message))]
    if _is_stalled(look):
        found.append(_condition(before, look, "Stalled", ("True", reason, message)))
    elif look.error is not None and status != "True":
        found.append(_condition(before, look, "Reconciling", ("True", "ProgressingWithRetry", message)))
    return found


def _ready(before: Condition | None, look: Look) -> tuple[Literal["True", "False", "Unknown"], str, str]:
    if look.invalid is not None:
        return "False", "InvalidSpec", look.invalid
    if look.error is None:
        if look.probe is None:
            return "True", "Suspended", "spec.suspend is true: CXone is not asked, and its throttles are suspended"
        return "True", "Connected", "a token was granted, and the API answers"
    error = look.error
    lasting = _is_stalled(look) or look.failures >= FAILURES
    known = before if before is not None and before.observed_generation == look.generation else None
    if known is not None and known.reason != "Suspended" and not lasting and known.status == "True":
        return "True", known.reason, known.message
    was_false = known is not None and known.status == "False"
    return "False" if lasting or was_false else "Unknown", error.reason, str(error)


def _is_stalled(look: Look) -> bool:
    if look.invalid is not None:
        return True
    return look.error is not None and look.error.permanent and not (look.settling and look.error.graced)


def _condition(
    before: dict[str, Condition],
    look: Look,
    type_: str,
    verdict: tuple[Literal["True", "False", "Unknown"], str, str],
) -> Condition:
    status, reason, message = verdict
    earlier = before.get(type_)
    unchanged = earlier is not None and earlier.status == status
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message[:MESSAGE_LENGTH],
        observed_generation=look.generation,
        last_transition_time=earlier.last_transition_time if earlier is not None and unchanged else look.now,
    )
