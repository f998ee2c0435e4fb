"""Every condition and reason that a tenant may report: what each means, and what a person does about it.

Pure data. docs/reference/cxonetenant.md is printed from it; tests/unit/test_tenant_catalogue.py holds the code to it.
"""

from collections.abc import Iterator
from typing import Final, Literal

from campaign_throttle.resources.catalogue import ConditionType, Reason
from campaign_throttle.resources.faults import Fault

_GRACE: Final = (
    " For 30 s after the tenant was created or changed it counts as passing, since what is missing may be on its "
    "way."
)
_RETRIED: Final = " It is retried at least once a minute."

FAULTS: Final = (
    Fault(
        "CredentialsMissing",
        "The Secret of credentialsSecretRef, or a key of it, is not there." + _GRACE,
        "Create the Secret that the message names, with its keys: in the tenant's namespace, or for a "
        "ClusterCXoneTenant in the operator's own. It is looked for every 5 s.",
        lasting=True,
        grace=True,
    ),
    Fault(
        "CredentialsRejected",
        "CXone refused the client or the access key, or a fresh token.",
        "Try them with `campaign-throttle check`, and correct the Secret.",
        lasting=True,
    ),
    Fault(
        "Forbidden",
        "CXone answered 403: the client lacks a scope, or the role of the access key's user a permission.",
        "Grant what the message names.",
        lasting=True,
    ),
    Fault(
        "EndpointNotAllowed",
        "An address of the tenant, or one that CXone's discovery gave, is one that credentials are not sent to: not "
        "https, a host without one of the allowed suffixes, or one that leads inside the network. Nothing was sent.",
        "Correct the address, or let whoever runs the operator allow its host "
        "(`CAMPAIGN_THROTTLE_ALLOWED_HOSTS`).",
        lasting=True,
    ),
    Fault(
        "TenantNotReady",
        "What the tenant refers to can't be used: there is no Secret with the CA, it holds no certificate, the "
        "operator may not read Secrets in this namespace, or the API server doesn't answer. Or the proxy in the "
        "operator's environment is none.",
        "The message names the Secret or the setting. If the operator may not read it: bind the ClusterRole "
        "`campaign-throttle-secrets` in the namespace." + _RETRIED,
    ),
    Fault(
        "CXoneUnreachable",
        "There was no connection to CXone, or no complete answer in time.",
        "Check that CXone is up, and that the network lets the operator through." + _RETRIED,
    ),
    Fault(
        "CXoneError",
        "CXone answered with an error (a 5xx, or a 4xx that has no reason of its own).",
        "Read the message; ask NICE if it lasts." + _RETRIED,
    ),
    Fault(
        "RateLimited",
        "CXone answered 429: too many requests of this tenant. Or spec.rateLimit leaves no room for the look.",
        "Use longer intervals, raise rateLimit, or ask NICE for a higher limit.",
    ),
    Fault(
        "InvalidResponse",
        "What answers isn't CXone's API: a redirect, a 404, a body that isn't what it should be. Of ACD also a tenant "
        "ID that discovery doesn't know.",
        "Check baseURL, acd.tenantID, acd.issuer and acd.apiVersion, and any proxy in between.",
    ),
)


def _beside(faults: tuple[Fault, ...], *statuses: Literal["True", "False", "Unknown"]) -> tuple[Reason, ...]:
    return tuple(Reason(fault.name, statuses, fault.meaning, fault.remedy) for fault in faults)


_MAY_PASS: Final = tuple(fault for fault in FAULTS if fault.grace or not fault.lasting)
_AT_ONCE: Final = tuple(fault for fault in FAULTS if fault.lasting and not fault.grace)
_LASTING: Final = tuple(fault for fault in FAULTS if fault.lasting)

_INVALID_SPEC: Final = (
    "The spec breaks a rule that the API server didn't check: the object is older than the CRD. The tenant's throttles "
    "report TenantNotReady."
)
_INVALID_SPEC_REMEDY: Final = "Correct the field that the message names."

CONDITIONS: Final = (
    ConditionType(
        "Ready",
        "A token was granted and the API answered: one page of agents (Campaigns), one row of skill activity (ACD; "
        "that there is none is an answer too). A suspended tenant is Ready. While throttles poll, their counts of "
        "agents are the proof, and nothing more is asked.",
        "False at once for what only a person can mend, and after 3 looks in a row that failed for what may pass; "
        "until then it stays as it was. Unknown while this spec had no good look yet.",
        (
            Reason("Connected", ("True",), "A token was granted, and the API answers."),
            Reason(
                "Suspended",
                ("True",),
                "suspend is true: CXone is not asked, and its throttles are suspended.",
                "Set suspend to false to go on.",
            ),
            Reason("InvalidSpec", ("False",), _INVALID_SPEC, _INVALID_SPEC_REMEDY),
        ),
        (*_beside(_MAY_PASS, "False", "Unknown"), *_beside(_AT_ONCE, "False")),
    ),
    ConditionType(
        "Reconciling",
        "Passing trouble, looked at again (kstatus: InProgress).",
        "Absent.",
        (
            Reason(
                "ProgressingWithRetry",
                ("True",),
                "Ready is not True, for a reason that may pass.",
                "See the reason of Ready.",
            ),
        ),
    ),
    ConditionType(
        "Stalled",
        "Only a person can mend it (kstatus: Failed). It is still looked at.",
        "Absent. Never present together with Reconciling.",
        (Reason("InvalidSpec", ("True",), _INVALID_SPEC, _INVALID_SPEC_REMEDY),),
        _beside(_LASTING, "True"),
    ),
)


def reasons() -> Iterator[tuple[str, str, str]]:
    """Every condition that may be: type, status, reason."""
    for condition in CONDITIONS:
        for reason in (*condition.reasons, *condition.faults):
            for status in reason.statuses:
                yield condition.name, status, reason.name
