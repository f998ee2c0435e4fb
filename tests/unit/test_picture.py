"""The picture in the README is what the simulator and the policy really do."""

import runpy
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def test_the_picture_is_up_to_date():
    picture = runpy.run_path(str(IMAGES / "generate.py"))["picture"]()
    assert (IMAGES / "lunch-break.svg").read_text() == picture, "run `make generate`"
