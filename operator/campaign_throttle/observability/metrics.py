"""Prometheus metrics of the operator."""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from campaign_throttle import __version__

#: Seconds; a poll should start within milliseconds of its tick.
_LAG_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics, in a registry of their own. Labels of a throttle are its ``namespace`` and ``name``."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        prefix = "campaignthrottle_"
        build = Gauge(f"{prefix}build_info", "The operator's version.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._polls = Counter(
            f"{prefix}polls",
            "Polls of a throttle, by how they ended.",
            ["namespace", "name", "result"],
            registry=registry,
        )
        self._lag = Histogram(
            f"{prefix}schedule_lag_seconds",
            "How late a poll started.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._requests = Counter(
            f"{prefix}cxone_requests",
            "Requests to CXone, by status code (or error, timeout, invalid, cancelled).",
            ["operation", "method", "code"],
            registry=registry,
        )
        self._rate_limited = Counter(f"{prefix}cxone_rate_limited", "Answers 429 of CXone.", registry=registry)
        self._tokens = Counter(
            f"{prefix}token_refreshes", "Renewals of a token, by how they ended.", ["result"], registry=registry
        )
        self._writes = Counter(
            f"{prefix}status_writes", "Writes of a status, by how they ended.", ["result"], registry=registry
        )

    def polled(self, namespace: str, name: str, result: str) -> None:
        """A poll ended."""
        self._polls.labels(namespace, name, result).inc()

    def late(self, seconds: float) -> None:
        """A poll started this many seconds after it was due."""
        self._lag.observe(max(seconds, 0.0))

    def requested(self, operation: str, method: str, code: str, seconds: float) -> None:
        """A request to CXone ended."""
        self._requests.labels(operation, method, code).inc()

    def rate_limited(self) -> None:
        """CXone answered 429."""
        self._rate_limited.inc()

    def token_renewed(self, result: str) -> None:
        """A renewal of a token ended."""
        self._tokens.labels(result).inc()

    def status_written(self, result: str) -> None:
        """A write of a status ended."""
        self._writes.labels(result).inc()

    def forget(self, namespace: str, name: str) -> None:
        """A throttle is gone, and its series with it."""
        with suppress(KeyError):
            self._polls.remove_by_labels({"namespace": namespace, "name": name})

    def render(self) -> bytes:
        """The metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
