import pytest
from tenacity import wait_none

from campaign_throttle.cxone import gates, session


@pytest.fixture
def no_backoff(monkeypatch):
    """Retries follow at once; how long they wait is a rule of its own."""
    monkeypatch.setattr(session, "_BACKOFF", wait_none())
    monkeypatch.setattr(gates, "BACKOFF", (0.01, 0.02, 0.04))
