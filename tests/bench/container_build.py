"""Carries out a Dockerfile's instructions in plain folders, by chroot; see `tests/bench/container.py`.

What this machine's package managers need (their configuration, local folders of packages, certificates, proxies) is
lent to the roots while something is installed, and nothing of it stays there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from tests.bench.dockerfile import Instruction, Stage, expanded, left_out, needed, parse

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "bookworm"  # as the image of Python is
# What the image of Python has: the interpreter with venv, under the name `python`, and certificates.
PACKAGES = "python3,python3-venv,ca-certificates"
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = ("null", "zero", "full", "random", "urandom")
LENT_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
LENT_FOLDERS = ("/etc/apt", "/usr/share/keyrings")
LENT_VARIABLES = re.compile(r"PIP_\w+|(https?|ftp|all|no)_proxy|(SSL|REQUESTS|CURL)_\w+|HF_\w+", re.IGNORECASE)


@dataclass(slots=True)
class Built:
    """What came of a stage: its root, and how it is run."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def as_user(self, *words: str) -> list[str]:
        """Return the command that runs these words in the root as its user, in its folder."""
        inside = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.folder, *words]
        return ["chroot", f"--userspec={self.user}", "--groups=", str(self.root), *inside]


def bare_root(root: Path, kept: Path | None) -> Path:
    """Return a bare Debian with Python; `kept` is a tar file of one, made if it is not there."""
    if kept is not None and kept.is_file():
        with tarfile.open(kept) as archive:
            archive.extractall(root, filter="fully_trusted")
        return root
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root), _mirror()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for rubbish in (*(root / "var/cache/apt").rglob("*.*"), *(root / "var/lib/apt/lists").rglob("*.*")):
        if rubbish.is_file():
            rubbish.unlink()
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    if kept is not None:
        with tarfile.open(kept, "w") as archive:
            archive.add(root, "")
    return root


def _mirror() -> str:
    """Return where this machine's apt has the release from."""
    asked = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)"]
    for line in subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines():
        release, _, address = line.partition(" ")
        if release == RELEASE:
            return address
    raise RuntimeError(f"apt of this machine knows no {RELEASE}")


def build(base: Path, work: Path, arguments: Mapping[str, str], target: str) -> Built:
    """Carry out the stages that a target of the Dockerfile needs, on copies of `base`; return what came of it."""
    done: dict[str, Built] = {}
    for stage in needed(parse((ROOT / "Dockerfile").read_text(encoding="utf-8")), target):
        before = done.get(stage.base, Built(base))
        done[stage.name] = _carry_out(stage, before, work / f"stage-{stage.name}", done, arguments)
    return done[target]


def _carry_out(stage: Stage, base: Built, root: Path, done: Mapping[str, Built], arguments: Mapping[str, str]) -> Built:
    subprocess.run(["cp", "--archive", "--reflink=auto", base.root, root], check=True)
    built = replace(base, root=root, environ=dict(base.environ), arguments={})
    for one in stage.instructions:
        say(f"{stage.name}: {one.name} {one.text[:90]}")
        match one.name:
            case "ENV":
                built.environ |= {name: expanded(value, built.environ) for name, value in one.pairs.items()}
            case "ARG":
                built.arguments |= {name: arguments.get(name, value) for name, value in one.pairs.items()}
            case "WORKDIR":
                built.folder = one.text
                (root / one.text[1:]).mkdir(parents=True, exist_ok=True)
            case "USER":
                built.user = one.text
            case "RUN":
                with _lent(root) as variables, _proc(root):
                    command = built.as_user("/bin/sh", "-c", one.text)
                    subprocess.run(command, env=variables | built.environ | built.arguments, check=True)
            case "COPY":
                _copy(one, built, done)
            case "VOLUME":
                for folder in one.words:
                    (root / folder[1:]).mkdir(parents=True, exist_ok=True)
            case "ENTRYPOINT":
                built.entrypoint = one.words
            case "CMD":
                built.command = one.words
            case "HEALTHCHECK":
                built.healthcheck = [str(word) for word in json.loads(one.text.removeprefix("CMD "))]
            case "EXPOSE":
                pass
            case _:
                raise ValueError(f"{one.name} is not carried out here")
    return built


def _copy(one: Instruction, built: Built, done: Mapping[str, Built]) -> None:
    *sources, last = one.words
    target = built.root / (PurePosixPath(built.folder) / last).as_posix()[1:]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if "from" not in one.flags else []
    origin = done[one.flags["from"]].root if "from" in one.flags else ROOT
    for source in (origin / each.removeprefix("/") for each in sources):

        def ignore(folder: str, names: list[str]) -> list[str]:
            inside = PurePosixPath(Path(folder).relative_to(origin))
            return [name for name in names if left_out(inside / name, ignored)]

        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignore)
            copied = [target, *target.rglob("*")]
        else:
            copied = [target / source.name if last.endswith("/") or len(sources) > 1 else target]
            copied[0].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied[0])
        uid, gid = (int(part) for part in one.flags.get("chown", "0:0").split(":"))
        for path in copied:
            os.chown(path, uid, gid, follow_symlinks=False)


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def size_mb(root: Path) -> float:
    """Return what the files of a root take, in megabytes of a million bytes, each counted once."""
    seen = {(found.st_dev, found.st_ino): found.st_size for found in (path.lstat() for path in root.rglob("*"))}
    return sum(seen.values()) / 1e6


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show a folder or a file at another place as well."""
    subprocess.run(["mount", "--bind", source, target], check=True)
    if read_only:
        subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


@contextmanager
def _proc(root: Path) -> Iterator[None]:
    """Show the processes in a root, as every container engine does while it builds."""
    (root / "proc").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", root / "proc"], check=True)


@contextmanager
def _lent(root: Path) -> Iterator[dict[str, str]]:
    """Lend a root what this machine's package managers work with; yield the variables that go with it."""
    variables = {name: value for name, value in os.environ.items() if LENT_VARIABLES.fullmatch(name)}
    own = [Path(path) for path in (os.environ.get("PIP_CONFIG_FILE"), Path.home() / ".config/pip/pip.conf") if path]
    texts = [path.read_text(encoding="utf-8") for path in (*own, Path("/etc/pip.conf")) if path.is_file()]
    texts += variables.values()
    named = {Path(found) for text in texts for found in re.findall(r"(?<![\w:/])/\w[\w./-]*", text)}
    # The pages of a local index name files that lie beside them.
    named |= {Path(found).parent for text in texts for found in re.findall(r"file://(/[\w.-]+/[\w./-]+)", text)}
    wanted = {path for path in (*own, *named, *(Path(each) for each in (*LENT_FILES, *LENT_FOLDERS))) if path.exists()}
    # A folder that holds another is lent first, and the other is then there.
    wanted = {path for path in wanted if not any(above in wanted for above in path.parents)}
    with ExitStack() as stack:
        for device in DEVICES:
            (root / "dev" / device).touch()
            _lend(stack, Path("/dev") / device, root / "dev" / device)
        for path in sorted(wanted):
            _lend(stack, path.resolve(), _place(stack, root, path))
        yield variables


def _place(stack: ExitStack, root: Path, path: Path) -> Path:
    """Return where in the root a path of this machine is; what has to be made for it is taken away afterwards."""
    target = root / path.as_posix()[1:]
    if target.is_symlink():
        target = root / os.path.normpath(os.path.join(path.parent, os.readlink(target))).lstrip("/")
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    if not made:
        return target
    if path.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    for each in reversed(made):
        stack.callback(each.rmdir if each.is_dir() else each.unlink)
    return target


def _lend(stack: ExitStack, source: Path, target: Path) -> None:
    bind(source, target, read_only=not str(source).startswith("/dev/"))
    stack.callback(lambda: subprocess.run(["umount", target], check=True))
