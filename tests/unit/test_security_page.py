"""Every sentence of docs/security.md on what can't be done is held by tests, and each of them is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
REFERENCES = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
#: The numbered sentences, each up to the next one or to an empty line.
SENTENCES = re.findall(r"^(\d+)\. (.+?)(?=^\d+\. |^\n|^$)", PAGE, re.MULTILINE | re.DOTALL)


def test_there_are_sentences_and_tests():
    """Else the tests below would pass on nothing."""
    assert len(SENTENCES) >= 15
    assert len(REFERENCES) >= 20


def test_sentences_are_numbered_in_order():
    assert [int(number) for number, _ in SENTENCES] == list(range(1, len(SENTENCES) + 1))


@pytest.mark.parametrize(("number", "sentence"), SENTENCES, ids=[number for number, _ in SENTENCES])
def test_a_sentence_has_a_test(number, sentence):
    assert sentence.startswith("He can't ")
    assert re.search(r"\.py::\w+`", sentence), f"sentence {number} names no test"


@pytest.mark.parametrize(("file", "name"), REFERENCES, ids=["::".join(reference) for reference in REFERENCES])
def test_a_test_that_is_named_exists(file, name):
    tree = ast.parse((ROOT / "tests" / file).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in found
