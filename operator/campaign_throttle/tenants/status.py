"""The status of a tenant: what a look at it found becomes fields and conditions. Pure."""

from dataclasses import dataclass
from datetime import datetime

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import Probe
from campaign_throttle.resources.condition import Condition, Verdict, find
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
    ready = _ready(find(previous.conditions, "Ready"), look)
    verdicts = [ready]
    if _is_stalled(look):
        verdicts.append(Verdict("Stalled", "True", ready.reason, ready.message))
    elif look.error is not None and ready.status != "True":
        verdicts.append(Verdict("Reconciling", "True", "ProgressingWithRetry", ready.message))
    return [verdict.after(previous.conditions, generation=look.generation, now=look.now) for verdict in verdicts]


def _ready(before: Condition | None, look: Look) -> Verdict:
    if look.invalid is not None:
        return Verdict("Ready", "False", "InvalidSpec", look.invalid)
    if look.error is None:
        if look.probe is None:
            return Verdict(
                "Ready",
                "True",
                "Suspended",
                "spec.suspend is true: CXone is not asked, and its throttles are suspended",
            )
        return Verdict("Ready", "True", "Connected", "a token was granted, and the API answers")
    error = look.error
    lasting = _is_stalled(look) or look.failures >= FAILURES
    known = before if before is not None and before.observed_generation == look.generation else None
    if known is not None and known.reason != "Suspended" and not lasting and known.status == "True":
        return Verdict("Ready", "True", known.reason, known.message)
    was_false = known is not None and known.status == "False"
    return Verdict("Ready", "False" if lasting or was_false else "Unknown", error.reason, str(error))


def _is_stalled(look: Look) -> bool:
    if look.invalid is not None:
        return True
    return look.error is not None and look.error.permanent and not (look.settling and look.error.graced)
