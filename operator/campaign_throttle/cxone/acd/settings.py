"""What the ACD dialect must know of a tenant before it can ask."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

ISSUER = "https://cxone.niceincontact.com"
API_VERSION = "v33.0"

GrantName = Literal["Password", "AccessKey"]


@dataclass(frozen=True)
class AcdSettings:
    """A tenant of NICE's ACD API and how to get a token for it.

    Args:
        tenant_id: the tenant's UUID.
        issuer: who grants tokens and answers discovery; government tenants have one of their own.
        token_url: where tokens are granted, instead of what discovery says.
        api_base: where the API lives (``https://api-na1.niceincontact.com``), instead of what discovery says.
        api_version: of the API, as in its paths.
        grant: ``Password`` needs a registered client and an access key, ``AccessKey`` only the access key.
    """

    tenant_id: str
    access_key_id: str
    access_key_secret: SecretStr
    client_id: str = ""
    client_secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    issuer: str = ISSUER
    token_url: str | None = None
    api_base: str | None = None
    api_version: str = API_VERSION
    grant: GrantName = "Password"
