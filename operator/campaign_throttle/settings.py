"""Every setting of the operator, read once, in one place: from flags, else from the environment."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from campaign_throttle.cxone import endpoints
from campaign_throttle.cxone.endpoints import DEFAULT_SUFFIXES, EndpointPolicy
from campaign_throttle.cxone.errors import EndpointNotAllowed
from campaign_throttle.resources.fields import parse_duration
from campaign_throttle.resources.tenant import CXoneTenantSpec, SecretRef
from campaign_throttle.tenants import Access

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

_SUFFIX = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)+")


class SettingsError(Exception):
    """Settings that are missing, malformed or contradictory: one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _namespaces(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise ValueError(
                f"{name[:64]!r} is no name of a namespace: lower-case letters, digits and -, up to 63"
            )
    return names


def _suffixes(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            EndpointPolicy((name,))
        except ValueError:
            valid = False
        else:
            valid = _SUFFIX.fullmatch(name) is not None
        if not valid:
            raise ValueError(f"{name[:64]!r} is no suffix of a host name, for example nicecxone.com")
    if not names:
        raise ValueError("at least one suffix of a host name is needed, for example nicecxone.com")
    return tuple(name.lower() for name in names)


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not HOST:PORT, for example 0.0.0.0:8080")
    return (host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - the documented meaning of ":8080"


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]
Address = Annotated[tuple[str, int] | None, NoDecode, BeforeValidator(_address)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class OperatorSettings(BaseSettings):
    """How the operator runs: ``CAMPAIGN_THROTTLE_*``."""

    model_config = SettingsConfigDict(env_prefix="CAMPAIGN_THROTTLE_", frozen=True)

    namespaces: Annotated[Names, AfterValidator(_namespaces)] = Field(
        default=(), description="Namespaces to watch; none means all."
    )
    minimum_interval: Duration = Field(
        default=timedelta(seconds=5),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="No throttle is polled more often than this, whatever its spec says.",
    )
    heartbeat: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=10),
        description="status.lastPollTime is never older than this, plus an interval.",
    )
    allow_insecure_hosts: Names = Field(
        default=(), description="host:port list that may be plain http: simulators and tests only."
    )
    allowed_hosts: Annotated[Names, AfterValidator(_suffixes)] = Field(
        default=DEFAULT_SUFFIXES,
        description="Suffixes of the hosts that tenants may be reached at.",
    )
    metrics_address: Address = Field(default=None, description="HOST:PORT of /metrics.")
    health_address: Address = Field(default=None, description="HOST:PORT of /healthz and /readyz.")
    log_format: Literal["text", "json"] = Field(default="text", description="text or json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level.")

    @property
    def endpoint_policy(self) -> EndpointPolicy:
        """Where credentials may be sent."""
        return EndpointPolicy(self.allowed_hosts, frozenset(self.allow_insecure_hosts))


class DefaultTenantSettings(BaseSettings):
    """The tenant of the throttles that name none: ``CXONE_*``; each also read from a file, ``CXONE_*_FILE``."""

    model_config = SettingsConfigDict(env_prefix="CXONE_", frozen=True)

    base_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    base_url_file: Path | None = None
    client_id_file: Path | None = None
    client_secret_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        found = dict(values)
        for name in ("base_url", "client_id", "client_secret"):
            path = found.get(f"{name}_file")
            if not path:
                continue
            if found.get(name):
                raise ValueError(
                    f"CXONE_{name.upper()} and CXONE_{name.upper()}_FILE are both set: set one of them"
                )
            try:
                found[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                # Without the path, which may be a secret that was put into the wrong variable.
                raise ValueError(
                    f"CXONE_{name.upper()}_FILE: the file can't be read ({type(error).__name__})"
                ) from None
        return found

    @field_validator("base_url")
    @classmethod
    def _is_a_base_url(cls, value: str | None) -> str | None:
        return None if not value else checked_base_url(value)

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "DefaultTenantSettings":
        given = {
            "CXONE_BASE_URL": self.base_url,
            "CXONE_CLIENT_ID": self.client_id,
            "CXONE_CLIENT_SECRET": self.client_secret and self.client_secret.get_secret_value(),
        }
        missing = [name for name, value in given.items() if not value]
        if missing and len(missing) < len(given):
            raise ValueError(
                f"the default tenant is only half configured: set {' and '.join(missing)} too (or its _FILE), "
                "or none of the three"
            )
        return self

    @property
    def access(self) -> Access | None:
        """What it takes to reach it; None where no default tenant is configured."""
        if not self.base_url or not self.client_id or self.client_secret is None:
            return None
        spec = CXoneTenantSpec(
            base_url=self.base_url, credentials_secret_ref=SecretRef(name="environment-of-the-operator")
        )
        return Access(spec, {"clientID": SecretStr(self.client_id), "clientSecret": self.client_secret})


def checked_base_url(value: str) -> str:
    """A URL of scheme, host and perhaps path, and nothing else.

    Raises:
        ValueError: it is none; the message says what was expected.
    """
    try:
        return endpoints.parse(value.strip()).url.rstrip("/")
    except EndpointNotAllowed:
        raise ValueError("expected https://host[:port][/path] with no user, query or fragment") from None


def load_operator_settings(flags: Mapping[str, Any]) -> OperatorSettings:
    """The settings of ``run``; a flag that is None was not given.

    Raises:
        SettingsError: with every problem at once.
    """
    return _load(OperatorSettings, {name: value for name, value in flags.items() if value is not None})


def load_default_tenant(operator: OperatorSettings) -> DefaultTenantSettings:
    """The default tenant; one that isn't configured is no error while no throttle needs it.

    Raises:
        SettingsError: half configured, malformed, or an address that credentials are not sent to.
    """
    tenant = _load(DefaultTenantSettings, {})
    if tenant.base_url:
        try:
            operator.endpoint_policy.check(tenant.base_url)
        except EndpointNotAllowed as error:
            raise SettingsError([f"CXONE_BASE_URL: {error}"]) from None
    return tenant


S = TypeVar("S", bound=BaseSettings)


def _load(settings: type[S], flags: Mapping[str, Any]) -> S:
    try:
        return settings(**flags)
    except ValidationError as error:
        prefix = settings.model_config["env_prefix"]
        raise SettingsError([_problem(prefix, found) for found in error.errors()]) from None


def _problem(prefix: str, error: ErrorDetails) -> str:
    """One line that names the variable; never its value, which may be a secret."""
    text = error["msg"].removeprefix("Value error, ")
    return f"{prefix}{str(error['loc'][0]).upper()}: {text}" if error["loc"] else text
