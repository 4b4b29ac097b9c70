"""Whether a file that would be released holds a secret: `python -m bench.promotion.secret_scan [FOLDER]`.

Looks at what git knows and at what it would take in (not at its history). Says where a secret is and of which kind,
never what it is. What is none, such as a value that tests use, stands in `deploy/not-secret.txt` by its digest.
"""

from __future__ import annotations

import hashlib
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import typer

FOUND, NO_TREE = 1, 2
LARGEST_BYTES = 2_000_000
NOT_SECRET = Path("deploy") / "not-secret.txt"
DIGEST_DIGITS = 16

KINDS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=\\]"),
    "a key of OpenAI or Anthropic": re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    "a key of AWS": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a key of Google": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "a master key": re.compile(r"^[A-Za-z0-9+/]{43}=$", re.MULTILINE),
    "a password in an address": re.compile(r"\b[a-z+]{3,}://[^\s:/@]+:(?!PASSWORD|password|[{$<])[^\s:/@]{12,}@[\w.]"),
}
# What is given to a name that speaks of a secret, and looks as chance made it.
NAMED = re.compile(
    r"(?i)(?:secret|password|passwd|token|api_?key|private_?key|vault__key)[\w-]*[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/_=.-]{24,})"
)
# Of 24 letters that a person writes some come again; random ones of 64 have 4.1 bits and more.
RANDOM_BITS = 4.0
NEVER = re.compile(r"(?:^|/)(?:\.env(?:\.(?!example)\w+)?|vault\.key|id_(?:rsa|ed25519|ecdsa)|[^/]+\.(?:p12|pfx))$")


def main() -> None:
    """Look at a tree; exit 1 with a line for each secret."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    try:
        paths = released(root)
    except (OSError, subprocess.CalledProcessError):
        typer.echo(f"{root} is no tree of git", err=True)
        raise SystemExit(NO_TREE) from None
    known = not_secret(root)
    found = [line for path in paths for line in secrets_in(root, path, known)]
    for line in found:
        typer.echo(line)
    typer.echo(f"{len(paths)} files hold {len(found) or 'no'} secret{'s' if len(found) > 1 else ''}")
    raise SystemExit(FOUND if found else 0)


def released(root: Path) -> list[Path]:
    """Return the files that git knows or would take in."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(words, cwd=root, check=True, capture_output=True).stdout  # noqa: S603 - no word of others
    return sorted({Path(name) for name in told.decode().split("\0") if name and (root / name).is_file()})


def not_secret(root: Path) -> set[str]:
    """Return the digests of what looks like a secret and is none."""
    try:
        lines = (root / NOT_SECRET).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def digest_of(value: str) -> str:
    """Return the digits by which a value is known without being told."""
    return hashlib.sha256(value.encode()).hexdigest()[:DIGEST_DIGITS]


def secrets_in(root: Path, path: Path, known: Collection[str] = ()) -> Iterator[str]:
    """Yield where a file holds what looks like a secret and is not known to be none."""
    if NEVER.search(path.as_posix()):
        yield f"{path}: such a file holds secrets"
        return
    content = (root / path).read_bytes()[:LARGEST_BYTES]
    if b"\0" in content[:8000]:
        return
    text = content.decode("utf-8", errors="replace")
    looks = [(kind, match.start(), match[0]) for kind, pattern in KINDS.items() for match in pattern.finditer(text)]
    named = [match for match in NAMED.finditer(text) if looks_random(match[1])]
    looks += [("what a name calls secret, and chance made", match.start(), match[1]) for match in named]
    for kind, start, value in looks:
        if (digest := digest_of(value)) not in known:
            yield f"{path}:{line_of(text, start)}: {kind} ({digest})"


def looks_random(value: str) -> bool:
    """Return whether a value has capitals, small letters and digits, as mixed as chance makes them."""
    mixed = all(any(test(letter) for letter in value) for test in (str.isupper, str.islower, str.isdigit))
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return mixed and bits >= RANDOM_BITS


def line_of(text: str, place: int) -> int:
    """Return the number of the line at a place of a text, from 1."""
    return text.count("\n", 0, place) + 1


if __name__ == "__main__":
    main()
