"""The pages of docs/reference are what their generator writes."""

import subprocess
import sys
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs/reference"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, REFERENCE / "generate.py", folder], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("page", ["campaignthrottle.md", "decisions.md"])
def test_a_page_is_up_to_date(page, fresh):
    assert (REFERENCE / page).read_text() == (fresh / page).read_text(), (
        f"docs/reference/{page} is not up to date: run `make generate`"
    )
