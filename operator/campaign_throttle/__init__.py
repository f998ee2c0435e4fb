"""CampaignThrottle: a Kubernetes operator that keeps outbound dialing campaigns safe."""

from importlib.metadata import version

__version__ = version("campaign-throttle")
