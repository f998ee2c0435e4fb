"""What can be wrong with CXone for a throttle: what each fault means, and what a person does about it.

Pure data, of which the catalogue makes reasons of conditions and Events. Those of a tenant are in its own catalogue.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What can be wrong with CXone: a reason of several conditions.

    ``lasting`` is what only a person can mend; with ``grace``, once it has lasted a while. ``of_agents`` is whether
    counting the agents can meet it.
    """

    name: str
    meaning: str
    remedy: str
    lasting: bool = False
    grace: bool = False
    of_agents: bool = True


_GRACE = (
    " For 30 s after the throttle or the tenant was created or changed it counts as passing, since what is missing may "
    "be on its way."
)

FAULTS = (
    Fault(
        "CXoneUnreachable",
        "There was no connection to CXone, or no complete answer in time.",
        "Check that CXone is up, and that the network lets the operator through. It is retried at each interval.",
    ),
    Fault(
        "CXoneError",
        "CXone answered with an error (a 5xx, or a 4xx that has no reason of its own).",
        "Read the message. It is retried at each interval; ask NICE if it lasts.",
    ),
    Fault(
        "RateLimited",
        "CXone answered 429: too many requests of this tenant.",
        "Use longer intervals, or ask NICE for a higher limit. The path is left alone until it may be used again.",
    ),
    Fault(
        "InvalidResponse",
        "What answers isn't CXone's API: a redirect, a 404 on the agents, a body that isn't what it should be.",
        "Check the base URL, and any proxy in between.",
    ),
    Fault(
        "CredentialsMissing",
        "The tenant's Secret, or a key of it, is not there; or the throttle names no tenant and no default one is "
        "configured." + _GRACE,
        "Create the Secret that the message names, with its keys; or name a tenant in spec.tenantRef.",
        lasting=True,
        grace=True,
    ),
    Fault(
        "CredentialsRejected",
        "CXone refused the client ID and secret, or a fresh token.",
        "Check them with `campaign-throttle check`, and correct the Secret: it is read again at the next poll. The "
        "default tenant's are read at the operator's start only.",
        lasting=True,
    ),
    Fault(
        "Forbidden",
        "CXone answered 403: the client lacks a scope.",
        "Grant the client the scope that the message names.",
        lasting=True,
    ),
    Fault(
        "CampaignNotFound",
        "CXone answered 404 for the campaign.",
        "Check spec.campaignID, and that the campaign is of this tenant. The ID can't be changed: delete "
        "the throttle and create one for the right campaign.",
        lasting=True,
    ),
    Fault(
        "NothingToControl",
        "The campaign of an ACD tenant has no skill that may be started and stopped: outbound, Personal Connection, "
        "active and not agentless.",
        "The message says why each was left out: correct the skills in CXone, or spec.skillIDs.",
        lasting=True,
    ),
    Fault(
        "TenantNotFound",
        "There is no tenant of the kind and name in spec.tenantRef." + _GRACE,
        "Create it, or correct spec.tenantRef. A CXoneTenant must be in the throttle's own namespace.",
        lasting=True,
        grace=True,
    ),
    Fault(
        "TenantNotAllowed",
        "The ClusterCXoneTenant is not offered to this namespace." + _GRACE,
        "Ask whoever runs the operator to add the namespace to its spec.allowedNamespaces.",
        lasting=True,
        grace=True,
    ),
    Fault(
        "TenantNotReady",
        "The tenant can't be used; the message gives the cause: a spec that is invalid, a CA that isn't there, a "
        "Secret that the operator can't read.",
        "Look at the tenant's own status: `kubectl get cxonetenants,clustercxonetenants`.",
    ),
    Fault(
        "EndpointNotAllowed",
        "An address of the tenant is one that credentials are not sent to: not https, a host without one of the "
        "allowed suffixes, or one that leads inside the network. Nothing was sent.",
        "Correct the tenant's address, or let whoever runs the operator allow its host.",
        lasting=True,
    ),
)
