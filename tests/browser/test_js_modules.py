"""The page's pure modules, tested by Node's own runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "js"


@pytest.mark.browser
def test_pure_modules_pass_their_own_tests(node: str) -> None:
    files = sorted(str(path) for path in TESTS.glob("*.test.js"))
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
