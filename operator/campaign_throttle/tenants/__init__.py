"""Tenants: what the throttles of one CXone tenant share, so that a tenant costs the same with one as with many.

``tenant`` is one at work, ``sharing`` the arithmetic of what is shared; ``access`` is where its credentials come from;
``entries`` are those that are declared, ``offers`` says to whom, ``registry`` knows all of them and who uses which;
``checks`` and ``status`` say how each is.
"""

from campaign_throttle.tenants.access import Access, AccessSource, FixedAccess, SecretAccess
from campaign_throttle.tenants.checks import Checks
from campaign_throttle.tenants.connecting import connector
from campaign_throttle.tenants.entries import TenantKey, read_spec
from campaign_throttle.tenants.registry import Default, Tenants
from campaign_throttle.tenants.sharing import shared_age
from campaign_throttle.tenants.tenant import Reading, Tenant

__all__ = [
    "Access",
    "AccessSource",
    "Checks",
    "Default",
    "FixedAccess",
    "Reading",
    "SecretAccess",
    "Tenant",
    "TenantKey",
    "Tenants",
    "connector",
    "read_spec",
    "shared_age",
]
