"""The throttles that the operator knows.

``throttle`` is one at work, ``claims`` says who controls which campaign, ``registry`` knows all of them, ``due`` when
each is polled.
"""

from campaign_throttle.throttles.claims import Claim
from campaign_throttle.throttles.due import first_due, next_due
from campaign_throttle.throttles.registry import Throttles
from campaign_throttle.throttles.throttle import (
    RECONCILE_VALUE_LENGTH,
    Stored,
    Throttle,
    read_status,
    resource_version,
    wish,
)

__all__ = [
    "RECONCILE_VALUE_LENGTH",
    "Claim",
    "Stored",
    "Throttle",
    "Throttles",
    "first_due",
    "next_due",
    "read_status",
    "resource_version",
    "wish",
]
