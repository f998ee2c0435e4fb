"""The Kubernetes API, beside what kopf does: the only place that imports ``kubernetes``."""
