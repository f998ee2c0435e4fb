"""CXoneTenant and ClusterCXoneTenant: connections to CXone as resources."""

import hashlib
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from campaign_throttle.resources.condition import Condition, conditions_field, observed_generation_field
from campaign_throttle.resources.fields import (
    Duration,
    Resource,
    cel,
    duration_field,
    name_field,
    set_list,
    validated,
)
from campaign_throttle.resources.selectors import LabelSelector
from campaign_throttle.resources.throttle import COUNT_MAXIMUM, TenantKind

PLURALS = {TenantKind.NAMESPACED: "cxonetenants", TenantKind.CLUSTER: "clustercxonetenants"}

#: Printable ASCII without user, query and fragment; the operator's own grammar (cxone.endpoints) is narrower.
URL_PATTERN = r"^https?://[!$-.0->A-~]+(/[!$->A-~]*)?$"
#: RFC 1123 label: what Kubernetes takes as the name of a namespace.
NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SECRET_KEY_PATTERN = r"^[-._a-zA-Z0-9]+$"  # noqa: S105 - of names of keys
UUID_PATTERN = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
VERSION_PATTERN = r"^v(2[5-9]|3[0-9])[.]0$"


class Api(StrEnum):
    """Which of CXone's APIs a tenant speaks."""

    CAMPAIGNS = "Campaigns"
    ACD = "ACD"


class AcdGrant(StrEnum):
    """How a token of the ACD API is asked for."""

    PASSWORD = "Password"  # noqa: S105 - the name of a grant
    ACCESS_KEY = "AccessKey"


def _url_field(name: str, example: str, description: str) -> Any:
    return Field(
        default=None,
        alias=name,
        max_length=512,
        pattern=URL_PATTERN,
        description=description,
        json_schema_extra=validated(
            cel(
                f"self.matches('{URL_PATTERN}')",
                f"{name} must be a URL of scheme, host and perhaps path, without user, query and fragment, "
                f"for example {example}",
            )
        ),
    )


class Acd(Resource):
    """What the ACD API needs beside credentials."""

    tenant_id: str = Field(
        alias="tenantID",
        max_length=36,
        pattern=UUID_PATTERN,
        description="The tenant's UUID at NICE.",
        json_schema_extra=validated(
            cel(
                f"self.matches('{UUID_PATTERN}')",
                "tenantID must be the tenant's UUID, for example 11ea8c5b-6a3a-4d5b-9c0e-0242ac110003",
            )
        ),
    )
    issuer: str | None = _url_field(
        "issuer",
        "https://cxone.niceincontact.com",
        "Where discovery begins; absent means https://cxone.niceincontact.com. "
        "Government tenants use https://cxone-gov.niceincontact.com.",
    )
    token_url: str | None = _url_field(
        "tokenURL",
        "https://cxone.niceincontact.com/auth/token",
        "The token endpoint; absent means the one that discovery finds.",
    )
    api_version: str = Field(
        default="v33.0",
        max_length=5,
        pattern=VERSION_PATTERN,
        description="Version of the ACD API, v25.0 to v39.0.",
        json_schema_extra=validated(
            cel(f"self.matches('{VERSION_PATTERN}')", "apiVersion must be v25.0 to v39.0, for example v33.0")
        ),
    )
    grant: AcdGrant = Field(
        default=AcdGrant.PASSWORD,
        description="Password sends the access key through a registered client (clientID, clientSecret); AccessKey "
        "needs no client.",
    )


class SecretRef(Resource):
    """A Secret, in the namespace of the tenant; of a ClusterCXoneTenant, in the operator's own."""

    name: str = name_field("Name of the Secret.")


class SecretKeyRef(SecretRef):
    """One key of a Secret, in the namespace of the tenant; of a ClusterCXoneTenant, in the operator's own."""

    key: str = Field(
        default="ca.crt",
        min_length=1,
        max_length=253,
        pattern=SECRET_KEY_PATTERN,
        description="Key in the Secret.",
        json_schema_extra=validated(
            cel(
                f"self.matches('{SECRET_KEY_PATTERN}')",
                "key must be a key of a Secret: letters, digits, - _ and ., for example ca.crt",
            )
        ),
    )


class RateLimit(Resource):
    """How often the tenant may be asked, by all its throttles together."""

    requests_per_second: int = Field(
        ge=1, le=1000, strict=True, description="Requests per second, in the long run."
    )
    burst: int = Field(
        default=10, ge=1, le=1000, strict=True, description="So many requests may come at once, after a pause."
    )


class CXoneTenantSpec(Resource):
    """CXoneTenantSpec declares a connection to one CXone tenant."""

    api: Api = Field(
        default=Api.CAMPAIGNS,
        description="Campaigns is the contract of /api/v2/campaigns; ACD is NICE's published ACD API.",
    )
    base_url: str | None = _url_field(
        "baseURL",
        "https://api-na1.niceincontact.com",
        "Where the API is. https, and a host that the operator allows. Required for Campaigns; for ACD it overrides "
        "the API endpoint that discovery finds.",
    )
    acd: Acd | None = Field(default=None, description="What the ACD API needs. Required for ACD.")
    credentials_secret_ref: SecretRef = Field(
        description="The Secret with the credentials: clientID and clientSecret; for ACD also accessKeyID and "
        "accessKeySecret (with grant AccessKey these two alone)."
    )
    ca_secret_ref: SecretKeyRef | None = Field(
        default=None, description="A PEM certificate of an authority to be trusted beside the well-known ones."
    )
    timeout: Duration = duration_field(
        "timeout",
        default="15s",
        minimum="1s",
        maximum="60s",
        description="How long one request to CXone may take.",
        examples=("10s", "15s"),
    )
    rate_limit: RateLimit | None = Field(
        default=None,
        description="How often the tenant may be asked, by all its throttles together; absent means no limit of "
        "ours. That of CXone (429) is always obeyed.",
    )
    suspend: bool = Field(
        default=False,
        strict=True,
        description="While true, all its throttles behave as if they were suspended.",
    )

    rules: ClassVar[list[dict[str, Any]]] = [
        cel(
            "self.api != 'Campaigns' || has(self.baseURL)",
            "baseURL is required for api Campaigns: set it, or set api to ACD",
        ),
        cel("self.api != 'ACD' || has(self.acd)", "acd is required for api ACD: set acd.tenantID"),
        cel("self.api == 'ACD' || !has(self.acd)", "acd is only for api ACD: remove it, or set api to ACD"),
    ]

    @model_validator(mode="after")
    def _fits_its_api(self) -> "CXoneTenantSpec":
        if self.api is Api.CAMPAIGNS and self.base_url is None:
            raise ValueError("baseURL is required for api Campaigns")
        if (self.api is Api.ACD) is not (self.acd is not None):
            raise ValueError("acd is required for api ACD, and only for it")
        return self

    @property
    def identity(self) -> str:
        """Which tenant of CXone this is, whatever the resource is called: throttles of one are in conflict."""
        if self.acd is not None:
            return f"ACD {self.acd.tenant_id.lower()}"
        address = (self.base_url or "").lower()
        try:
            url = urlsplit(address)
            host, port = (url.hostname or "").rstrip("."), url.port
        except ValueError:
            return f"Campaigns {address}"
        place = host if (url.scheme, port) in {("https", 443), ("http", 80)} or not port else f"{host}:{port}"
        return f"Campaigns {url.scheme}://{place}{url.path.rstrip('/')}"

    @property
    def digest(self) -> str:
        """A digest of the identity, which tells nothing of it."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:32]


NamespaceName = Annotated[
    str,
    Field(
        max_length=63,
        pattern=NAMESPACE_PATTERN,
        json_schema_extra=validated(
            cel(
                f"self.matches('{NAMESPACE_PATTERN}')",
                "names must be names of namespaces: lower case letters, digits and -, for example team-a",
            )
        ),
    ),
]


class AllowedNamespaces(Resource):
    """The namespaces whose throttles may use the tenant: by name, or by label."""

    names: Annotated[list[NamespaceName], Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Names of namespaces.", json_schema_extra=set_list()
    )
    selector: LabelSelector | None = Field(
        default=None, description="Selects namespaces by their labels; an empty one selects all."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "AllowedNamespaces":
        if (self.names is None) is (self.selector is None):
            raise ValueError("set either names or selector")
        return self


class ClusterCXoneTenantSpec(CXoneTenantSpec):
    """ClusterCXoneTenantSpec declares a connection that the platform offers to namespaces."""

    allowed_namespaces: AllowedNamespaces | None = Field(
        default=None,
        description="The namespaces whose throttles may use it; absent means none.",
        json_schema_extra=validated(
            cel("has(self.names) != has(self.selector)", "set either names or selector of allowedNamespaces")
        ),
    )


class TenantStatus(Resource):
    """TenantStatus is what the operator found out about the tenant. Only the operator writes it."""

    observed_generation: int = observed_generation_field()
    api_endpoint: str | None = Field(
        default=None, max_length=512, description="Where the API is, as declared or as discovery found it."
    )
    throttles: int | None = Field(
        default=None, ge=0, le=COUNT_MAXIMUM, description="How many throttles use the tenant."
    )
    granted_scopes: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=64)] | None = Field(
        default=None,
        description="The scopes that came with the last token, where CXone tells (Campaigns).",
        json_schema_extra=set_list(),
    )
    conditions: list[Condition] | None = conditions_field("Ready, Reconciling or Stalled.")
