"""``python -m campaign_throttle``: the same as the ``campaign-throttle`` console script."""

from campaign_throttle.cli import main

main()
