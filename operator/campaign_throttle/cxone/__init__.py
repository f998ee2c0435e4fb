"""NICE CXone: the only place that speaks to it, and the only one that imports httpx."""
