"""Writes the pages of this folder: `make generate`, or `python docs/reference/generate.py [FOLDER]`.

A test holds them equal to what this writes. Nothing of the operator imports it.
"""

import sys
from pathlib import Path

import decision_page
import resource_page

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    (target / "campaignthrottle.md").write_text(resource_page.render())
    (target / "cxonetenant.md").write_text(resource_page.render_tenants())
    (target / "decisions.md").write_text(decision_page.render())
