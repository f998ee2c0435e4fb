"""What can go wrong with CXone, as a tree of errors.

Each error's ``reason`` is a condition reason of the API. Each message names the thing, what was expected and
what to do, and is the same for the same fault (it ends up in a status that is written on change only).
Messages never hold anything of a body, a token, a secret or an agent.
"""

from typing import ClassVar


class CXoneError(Exception):
    """Base of all: CXone answered, but not with what was asked for (5xx, an unexpected 4xx)."""

    reason: ClassVar[str] = "CXoneError"
    #: Only a person can mend it; the condition ``Stalled`` says so.
    permanent: ClassVar[bool] = False
    #: The same request may succeed a moment later; reads are repeated within their poll.
    transient: ClassVar[bool] = False
    #: A change that ended like this may have been made all the same. Set on the error where more is known.
    outcome_unknown: bool = False


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


class RateLimited(CXoneError):
    """A 429 answer, or a path that is closed because of an earlier one and opens too late for this poll."""

    reason = "RateLimited"
    transient = False


class InvalidResponse(CXoneError):
    """A redirect, a body that is too long or not what it should be, a page that repeats: not to be believed."""

    reason = "InvalidResponse"
    outcome_unknown = True


class CredentialsMissing(CXoneError):
    """No credentials are configured for the tenant."""

    reason = "CredentialsMissing"
    permanent = True


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
