"""TLS towards CXone."""

import functools
import ssl

from campaign_throttle.cxone.errors import TenantNotReady


@functools.lru_cache(maxsize=256)
def tls_context(ca: str | None) -> ssl.SSLContext:
    """What a server must show. It knows nothing of a tenant but its CA, and is nearly 1 MiB: so it is shared.

    Args:
        ca: PEM text of authorities that are trusted beside the well-known ones.

    Raises:
        TenantNotReady: the CA holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # NICE's token endpoint fails with HTTP/2
    if ca is not None:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError, TypeError):
            raise TenantNotReady(
                "the CA of the tenant holds no PEM certificate: put one between -----BEGIN CERTIFICATE----- and "
                "-----END CERTIFICATE-----"
            ) from None
    return context
