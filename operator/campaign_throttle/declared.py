"""Tenants that a person names to a command: in the cluster, or in a file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from campaign_throttle.cluster.connection import connect
from campaign_throttle.cluster.namespaces import own_namespace
from campaign_throttle.cluster.objects import ObjectNotRead, read_object
from campaign_throttle.cluster.secrets import SecretReader, decoded
from campaign_throttle.resources import GROUP, VERSION
from campaign_throttle.resources.tenant import PLURALS, CXoneTenantSpec
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.tenants import Access, SecretAccess, read_spec

#: Where credentials of a tenant in a file are taken from, if the file has no Secret of them.
VARIABLES = {
    "clientID": "CXONE_CLIENT_ID",
    "clientSecret": "CXONE_CLIENT_SECRET",
    "accessKeyID": "CXONE_ACCESS_KEY_ID",
    "accessKeySecret": "CXONE_ACCESS_KEY_SECRET",
}


class TenantNotDeclared(Exception):
    """There is no such tenant, or what there is isn't one; the message says what was expected."""


@dataclass(frozen=True)
class _Texts:
    """Secrets that are known already, by name; anything else is taken from the environment."""

    known: Mapping[str, Mapping[str, str]]

    async def read(self, namespace: str, name: str) -> Mapping[str, str] | None:
        found = self.known.get(name)
        if found is not None:
            return found
        environment = {
            key: os.environ[variable] for key, variable in VARIABLES.items() if os.environ.get(variable)
        }
        return environment or None


def tenant_in_file(path: Path) -> SecretAccess:
    """The tenant in a YAML file, with its Secrets if they are there too, else with those of the environment.

    Raises:
        TenantNotDeclared: the file has no tenant, or more than one, or can't be read.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # Without its text, which may quote a Secret.
        raise TenantNotDeclared(f"{path} can't be read as YAML ({type(error).__name__})") from None
    objects = [found for found in documents if isinstance(found, dict)]
    tenants = [found for found in objects if found.get("kind") in list(TenantKind)]
    if len(tenants) != 1:
        raise TenantNotDeclared(
            f"{path} holds {len(tenants)} tenants: one CXoneTenant or ClusterCXoneTenant was expected"
        )
    secrets = {
        str(_mapping(found.get("metadata")).get("name")): {
            **decoded(_texts(found.get("data"))),
            **_texts(found.get("stringData")),
        }
        for found in objects
        if found.get("kind") == "Secret"
    }
    return SecretAccess(_spec(TenantKind(tenants[0]["kind"]), tenants[0]), "", _Texts(secrets))


def _mapping(value: object) -> Mapping[str, Any]:
    """What should be a mapping; a file may hold anything."""
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    """The texts of a mapping; what else is in there is no value of a Secret."""
    return {
        str(key): str(found)
        for key, found in _mapping(value).items()
        if isinstance(found, str | int | float) and not isinstance(found, bool)
    }


async def tenant_in_cluster(kind: TenantKind, name: str, namespace: str | None) -> Access:
    """The access to a tenant of the cluster, with the rights of whoever runs the command.

    Args:
        kind: of the tenant.
        name: of the tenant.
        namespace: of the tenant, and of its Secrets; of the cluster kind, the operator's own. None for the
            current one.

    Raises:
        TenantNotDeclared: there is no such tenant, or it can't be read.
        ClusterUnavailable: there is no cluster to connect to.
        CXoneError: its Secrets can't be had.
    """
    where = namespace or own_namespace()
    async with await connect() as api:
        try:
            body = await read_object(
                api,
                group=GROUP,
                version=VERSION,
                plural=PLURALS[kind],
                namespace=where if kind is TenantKind.NAMESPACED else None,
                name=name,
            )
        except ObjectNotRead as problem:
            raise TenantNotDeclared(str(problem)) from None
        return await SecretAccess(_spec(kind, body), where, SecretReader(api)).look()


def _spec(kind: TenantKind, body: Mapping[str, Any]) -> CXoneTenantSpec:
    spec, problem = read_spec(kind, body)
    if spec is None:
        raise TenantNotDeclared(f"{kind.value}: {problem}")
    return spec
