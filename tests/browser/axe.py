"""Whether a screen keeps to WCAG, as far as a machine can tell: axe-core, run on the page as it stands."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).parents[1] / "vendor" / "axe-core"

# Each violation as one line: what is wrong, and the elements it is wrong with.
RUN = """async () => {
  const { violations } = await axe.run();
  const where = ({ target }) => target.join(" ");
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(where).join(", ")}`);
}"""


@cache
def source() -> str:
    """Return axe-core, after having compared it with its checksum."""
    data = (FOLDER / "axe.min.js").read_bytes()
    assert f"{hashlib.sha256(data).hexdigest()}  axe.min.js\n" in (FOLDER / "SHA256SUMS").read_text()
    return data.decode()


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page now."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(f"() => {{ {source()} }}")  # not as an element: the page's policy would refuse it
    found: list[str] = page.evaluate(RUN)
    return found
