"""What can go wrong with CXone, as a tree of errors.

Each error's ``reason`` is a condition reason of the API. Each message names the thing, what was expected and
what to do, and is the same for the same fault (it ends up in a status that is written on change only).
Messages never hold anything of a body, a token, a secret or an agent.
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from campaign_throttle.cxone.protocol import Skill


class CXoneError(Exception):
    """Base of all: CXone answered, but not with what was asked for (5xx, an unexpected 4xx)."""

    reason: ClassVar[str] = "CXoneError"
    #: Only a person can mend it; the condition ``Stalled`` says so.
    permanent: ClassVar[bool] = False
    #: What is missing may be on its way: it counts as passing for a while after a change.
    graced: ClassVar[bool] = False
    #: The same request may succeed a moment later; reads are repeated within their poll.
    transient: ClassVar[bool] = False
    #: A change that ended like this may have been made all the same. Set on the error where more is known.
    outcome_unknown: bool = False
    #: Of a change of several skills (ACD): those for which it was done, as they are now.
    accepted: "tuple[Skill, ...]" = ()


class CXoneServerError(CXoneError):
    """A 5xx answer."""

    transient = True
    outcome_unknown = True


class CXoneGatewayError(CXoneServerError):
    """A 502 or 504 answer: something between here and CXone gave up, and what it had asked for may yet be done."""


class CXoneUnreachable(CXoneError):
    """No connection, or one that broke before the answer was complete."""

    reason = "CXoneUnreachable"
    transient = True
    outcome_unknown = True


class CXoneTimeout(CXoneUnreachable):
    """No complete answer in time. Not repeated within its poll: the next try would take as long."""

    transient = False

    @classmethod
    def of(cls, operation: str, *, sent: bool = True) -> "CXoneTimeout":
        """Of a request; ``sent`` is False if none was ever sent."""
        error = cls(f"no complete answer to the {operation} request in time: check that CXone is up and reachable")
        error.outcome_unknown = sent
        return error


class RateLimited(CXoneError):
    """A 429 answer, or a path that is closed because of an earlier one and opens too late for this poll."""

    reason = "RateLimited"
    transient = False


class InvalidResponse(CXoneError):
    """A redirect, a body that is too long or not what it should be, a page that repeats: not to be believed."""

    reason = "InvalidResponse"
    outcome_unknown = True


class EndpointNotAllowed(CXoneError):
    """The address of the tenant is one that the operator doesn't send credentials to; nothing was sent."""

    reason = "EndpointNotAllowed"
    permanent = True


class TenantNotFound(CXoneError):
    """There is no tenant of the name that the throttle gives."""

    reason = "TenantNotFound"
    permanent = True
    graced = True


class TenantNotAllowed(CXoneError):
    """The tenant is not offered to the throttle's namespace."""

    reason = "TenantNotAllowed"
    permanent = True
    graced = True


class TenantNotReady(CXoneError):
    """The tenant can't be used, for a reason that its own status tells; nothing was sent."""

    reason = "TenantNotReady"


class CredentialsMissing(CXoneError):
    """No credentials are configured for the tenant."""

    reason = "CredentialsMissing"
    permanent = True
    graced = True


class CredentialsRejected(CXoneError):
    """The token endpoint refused the client, or the API refused a fresh token."""

    reason = "CredentialsRejected"
    permanent = True


class Forbidden(CXoneError):
    """A 403 answer: the client lacks a scope."""

    reason = "Forbidden"
    permanent = True


class CampaignNotFound(CXoneError):
    """A 404 answer for the campaign."""

    reason = "CampaignNotFound"
    permanent = True


class NothingToControl(CXoneError):
    """The campaign has no skill that the operator may start and stop (ACD)."""

    reason = "NothingToControl"
    permanent = True
