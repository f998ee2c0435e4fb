"""What a request to the tenant is called: the classes of paths that faults, rate limits and the
journal go by.
"""

from enum import StrEnum, auto
from typing import Final, Literal


class PathClass(StrEnum):
    """Requests that share a rate budget at CXone. ``other`` is every path that the tenant doesn't
    have.
    """

    TOKEN = auto()
    AGENTS = auto()
    CAMPAIGN_READ = "campaign-read"
    CAMPAIGN_WRITE = "campaign-write"
    OTHER = auto()


#: Stands for every path class in a fault rule.
EVERY_PATH: Final = "*"
PathPattern = PathClass | Literal["*"]
