"""What the operator hooks into kopf: a table of contents. Everything else is called from here."""

import itertools
import random
import socket
from collections.abc import Iterator
from typing import Any

import kopf

from campaign_throttle.engine import Engine
from campaign_throttle.resources import FINALIZER, GROUP, VERSION
from campaign_throttle.resources.tenant import PLURALS
from campaign_throttle.resources.throttle import PLURAL, TenantKind

THROTTLES = (GROUP, VERSION, PLURAL)
#: kopf's timer runs the handler again this many seconds after it returned; the handler itself waits until the
#: throttle is due, since a timer's interval is one number for all objects.
AT_ONCE = 0.001


class EndlessBackoffs:
    """Delays between kopf's tries to reach the API server, in seconds: it must never give up.

    With kopf's own finite list a patch that fails for a minute ends the object's timer for good.
    """

    def __iter__(self) -> Iterator[float]:
        for delay in itertools.chain((0.5, 1, 2, 3), itertools.repeat(5)):
            yield delay * random.uniform(0.8, 1.2)


@kopf.on.startup()
async def configure(*, settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Make kopf behave as a controller of many objects should."""
    settings.persistence.finalizer = FINALIZER
    settings.networking.error_backoffs = EndlessBackoffs()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.posting.loggers = False
    settings.posting.reporting_component = "campaign-throttle-operator"
    settings.posting.reporting_instance = socket.gethostname()
    settings.posting.event_name_prefix = "campaign-throttle-"
    settings.background.instant_exit_timeout = Engine.EXIT_TIMEOUT
    settings.background.cancellation_polling = 1
    # With namespaces named one by one nothing of the whole cluster is watched, which may not be allowed.
    settings.scanning.disabled = memo.namespaced


@kopf.on.cleanup()
async def close(*, memo: Any, **_: Any) -> None:
    """Let go of the tenants' connections."""
    await memo.engine.close()


def follow_tenants(kind: TenantKind) -> None:
    """Hook in the tenants of a kind; only called if the operator may watch them."""
    resource = (GROUP, VERSION, PLURALS[kind])

    @kopf.index(*resource, id=f"register {kind.value}")
    async def register_tenant(*, body: kopf.Body, memo: Any, **_: Any) -> None:
        """Every tenant goes through here before its throttles are polled; one that is declared anew wakes them."""
        memo.engine.register_tenant(kind, body)

    @kopf.on.event(*resource, id=f"notice {kind.value}")
    async def notice_tenant(*, type: str | None, body: kopf.Body, memo: Any, **_: Any) -> None:
        """A tenant is looked at from now on, until it is deleted."""
        memo.engine.notice_tenant(kind, type, body)


@kopf.index(*THROTTLES)
async def register(*, body: kopf.Body, memo: Any, **_: Any) -> None:
    """Every object goes through here before anything is done about it; and, at the start, before any other's turn.

    So conflicts are known before the first poll. A changed spec or a reconcile request is polled at once.
    """
    memo.engine.register(body)


@kopf.on.event(*THROTTLES)
async def notice(*, type: str | None, body: kopf.Body, memo: Any, **_: Any) -> None:
    """A deleted object gets its campaign released, if it wants that, and is forgotten."""
    await memo.engine.notice(type, body)


@kopf.timer(*THROTTLES, interval=AT_ONCE)
async def poll(*, body: kopf.Body, memo: Any, stopped: Any = None, **_: Any) -> None:
    """Wait until this throttle is due, and poll it once; kopf sets ``stopped`` on deletion and at exit."""
    await memo.engine.poll_when_due(body, stopped)
