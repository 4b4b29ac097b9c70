"""Whether a screen keeps to WCAG, as far as a machine can tell: axe-core, run on the page as it stands."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

# Each violation as one line: what is wrong, and the elements it is wrong with.
RUN = """async () => {
  const { violations } = await axe.run();
  const where = ({ target }) => target.join(" ");
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(where).join(", ")}`);
}"""


@cache
def source() -> str:
    """Return axe-core, as a package of the test environment brings it."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page now."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(f"() => {{ {source()} }}")  # not as an element: the page's policy would refuse it
    found: list[str] = page.evaluate(RUN)
    return found
