"""A page of ours with its styles, scripts and data in one file, which opens from a disk and asks nobody for anything.

Browsers load no module from a disk beside the page, so each becomes a `data:` address, and an import map says which
name stands for which. The page's own policy forbids every request.
"""

from __future__ import annotations

import base64
import json
import re
from html import escape
from pathlib import Path
from typing import Any

from server.paths import STATIC

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:; media-src blob:"
_IMPORT = re.compile(r'^((?:import|export|\})[^"\n]*)"(\.{1,2}/[^"\n]+)";$', re.MULTILINE)


def one_file(page: Path, name: str, data: Any) -> str:
    """Return a page with all that it links to inside, and `data` in its JSON script `name`.

    Text in the data is never markup: "<" stands in it as an escape.
    """
    text = page.read_text(encoding="utf-8")
    text = text.replace(
        "<head>", f'<head>\n    <meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}" />', 1
    )
    text = re.sub(r'<link rel="stylesheet" href="/static/([^"]+)" />', lambda link: _style(link[1]), text)
    text = re.sub(r'<script defer src="/static/([^"]+)"></script>', lambda script: _script(script[1]), text)
    text = re.sub(r'<script type="module" src="/static/([^"]+)"></script>', lambda script: _module(script[1]), text)
    empty = f'<script type="application/json" id="{name}"></script>'
    return text.replace(empty, f"{empty.removesuffix('</script>')}{_as_json(data)}</script>")


def _style(name: str) -> str:
    return f"<style>\n{_read(name)}</style>"


def _script(name: str) -> str:
    return f"<script>\n{_read(name)}</script>"


def _module(name: str) -> str:
    """Return a module and all that it imports, under their names below `static/`."""
    modules: dict[str, str] = {}
    _collect(name, modules)
    addresses = {
        each: f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"
        for each, source in modules.items()
    }
    imports = _as_json({"imports": addresses})
    return f'<script type="importmap">{imports}</script>\n    <script type="module">import "{name}";</script>'


def _collect(name: str, modules: dict[str, str]) -> None:
    if name in modules:
        return
    modules[name] = ""  # for modules that import each other
    imported: list[str] = []

    def below_static(found: re.Match[str]) -> str:
        target = (STATIC / name).parent / found[2]
        imported.append(target.resolve().relative_to(STATIC).as_posix())
        return f'{found[1]}"{imported[-1]}";'

    modules[name] = _IMPORT.sub(below_static, _read(name))
    for each in imported:
        _collect(each, modules)


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _as_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
