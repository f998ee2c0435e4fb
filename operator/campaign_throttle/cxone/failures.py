"""What a connection that failed is told as, whatever aiohttp, httpx or the system raised."""

import ssl

import aiohttp

from campaign_throttle.cxone.errors import CXoneUnreachable

REFUSED, UNKNOWN_HOST = "refused", "the host name is not known"


def unreachable(operation: str, error: BaseException, *, proxied: bool) -> CXoneUnreachable:
    """The error for a request whose connection failed, with whether its outcome is unknown."""
    kind, sent = _kind(error, proxied=proxied)
    failure = CXoneUnreachable(
        f"the connection for the {operation} request failed ({kind}): check that CXone is up and reachable"
    )
    failure.outcome_unknown = sent
    return failure


def _kind(error: BaseException, *, proxied: bool) -> tuple[str, bool]:
    """What failed, and whether anything may have been sent.

    In stable words: an exception's text may hold addresses, ports and times that vary.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectorCertificateError):
            cause = cause.certificate_error  # itself it is only by name one of the kind below
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {cause.verify_message}", False
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            return f"the proxy answered {cause.status}", False
        if isinstance(cause, aiohttp.ClientProxyConnectionError):
            return "the proxy can't be reached", False
        if isinstance(cause, aiohttp.ClientConnectorDNSError):
            return f"{UNKNOWN_HOST}{', that of the proxy' if proxied else ''}", False
        if isinstance(cause, ssl.SSLError):
            return "TLS", True
        if isinstance(cause, ConnectionRefusedError):
            return REFUSED, False
        cause = cause.__cause__ or cause.__context__
    return "broken off", True
