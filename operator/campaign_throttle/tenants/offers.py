"""To which namespaces a tenant of the cluster is offered: by name, or by their labels."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from campaign_throttle.cluster.namespaces import NamespaceNotRead, NamespaceReader
from campaign_throttle.cxone.flight import SingleFlight
from campaign_throttle.resources.tenant import AllowedNamespaces

#: The labels of a namespace are looked at again after this long.
LABELS_AGE = timedelta(seconds=5)


@dataclass
class _Labels:
    """The labels of a namespace, read once for all its throttles; after a failure those that were read before."""

    read_at: float = float("-inf")
    labels: Mapping[str, str] | None = None
    problem: NamespaceNotRead | None = None
    reading: SingleFlight[None] = field(default_factory=SingleFlight)


class Offers:
    """Knows the labels of the namespaces that were asked about.

    Args:
        namespaces: reads them.
    """

    def __init__(self, namespaces: NamespaceReader) -> None:
        self._namespaces = namespaces
        self._labels: dict[str, _Labels] = {}

    def known(self, allowed: AllowedNamespaces | None, namespace: str) -> bool:
        """Whether a namespace is allowed, as far as that is known without asking."""
        if allowed is None:
            return False
        if allowed.names is not None:
            return namespace in allowed.names
        known = self._labels.get(namespace)
        labels = known.labels if known else None
        return labels is not None and allowed.selector is not None and allowed.selector.matches(dict(labels))

    async def allows(self, allowed: AllowedNamespaces | None, namespace: str) -> bool:
        """Whether a namespace is allowed.

        Raises:
            NamespaceNotRead: its labels decide, and were never read.
        """
        if allowed is not None and allowed.selector is not None:
            await self._labels_of(namespace)
        return self.known(allowed, namespace)

    async def _labels_of(self, namespace: str) -> Mapping[str, str]:
        known = self._labels.setdefault(namespace, _Labels())
        if asyncio.get_running_loop().time() - known.read_at >= LABELS_AGE.total_seconds():
            await known.reading.join(lambda: self._read_labels(namespace, known))
        if known.labels is None:
            assert known.problem is not None
            raise known.problem.with_traceback(None)
        return known.labels  # while the API server is away, nobody can have changed them

    async def _read_labels(self, namespace: str, known: "_Labels") -> None:
        read_at = asyncio.get_running_loop().time()
        try:
            known.labels = await self._namespaces.labels(namespace)
        except NamespaceNotRead as problem:
            known.problem = problem
        known.read_at = read_at
