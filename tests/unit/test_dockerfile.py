"""The images: pinned, small, for one user without rights, and nothing in them that compiles."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from server.settings.tree import LEAVES, load_with_origins
from tests.bench.dockerfile import Instruction, Stage, expanded, left_out, needed, parse

ROOT = Path(__file__).resolve().parents[2]
BASE = "python:3.11-slim-bookworm"
COMPILES = {
    "build-essential",
    "gcc",
    "g++",
    "clang",
    "cpp",
    "make",
    "cmake",
    "rustc",
    "cargo",
    "python3-dev",
    "libc6-dev",
}


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def image(stages: list[Stage], request: pytest.FixtureRequest) -> list[Instruction]:
    """What makes a target: the instructions of the stages that it begins with, and its own."""
    known = {stage.name: stage for stage in stages}
    found: list[Instruction] = []
    name = str(request.param)
    while name != BASE:
        found = [*known[name].instructions, *found]
        name = known[name].base
    return found


def of(image: list[Instruction], name: str) -> list[Instruction]:
    return [one for one in image if one.name == name]


def test_every_stage_begins_with_the_same_python_or_another_stage(stages: list[Stage]) -> None:
    known = {BASE}
    for stage in stages:
        assert stage.base in known
        known.add(stage.name)


def test_a_build_without_a_target_is_for_a_processor(stages: list[Stage]) -> None:
    assert stages[-1].name == "cpu"
    parts = [stage.name for stage in needed(stages, "cpu")]
    assert parts == ["builder", "wheel", "packages-cpu", "models", "database-programs", "runtime", "cpu"]
    assert {"gpu", "packages-gpu"} <= {stage.name for stage in needed(stages, "gpu")}
    with pytest.raises(ValueError, match="there is no target tpu"):
        needed(stages, "tpu")


def test_the_two_targets_differ_in_their_packages_alone(stages: list[Stage]) -> None:
    cpu, gpu = (
        [(one.name, one.text, dict(one.flags)) for one in stage.instructions]
        for stage in stages
        if stage.name in ("packages-cpu", "packages-gpu")
    )
    told = [(name, text.replace("base.lock", "gpu.lock"), flags) for name, text, flags in cpu]
    assert told == gpu
    copies = {stage.name: [one.flags.get("from") for one in stage.all("COPY")] for stage in stages}
    assert copies["cpu"] == ["packages-cpu", "models"]
    assert copies["gpu"] == ["packages-gpu", "models"]


def test_they_run_as_a_user_without_rights_by_number(image: list[Instruction]) -> None:
    (user,) = of(image, "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user.text), "a number, so that a cluster can see it is not root"
    assert image[-1] is user
    number = user.text.partition(":")[0]
    assert any(f"useradd --uid {number}" in one.text for one in of(image, "RUN"))


def test_every_package_of_pythons_index_is_checked_by_its_hash_and_none_is_compiled(stages: list[Stage]) -> None:
    installs = [
        part
        for stage in stages
        for one in stage.all("RUN")
        for part in one.text.split("&&")
        if re.search(r"\bpip3? install\b", part)
    ]
    assert installs
    for part in installs:
        locked = "--require-hashes" in part and "--only-binary :all:" in part and re.search(r"-r \S+\.lock\b", part)
        assert locked or "--no-index --no-deps dist/" in part, part
    for lock in re.findall(r"-r (\S+)", " ".join(installs)):
        lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
        assert all(re.match(r"[\w.-]+==|    --hash=sha256:[0-9a-f]{64}", line) for line in lines), lock


def test_nothing_that_compiles_is_in_the_images(image: list[Instruction]) -> None:
    installs = [found for one in of(image, "RUN") for found in re.findall(r"apt-get install ([^&]+)", one.text)]
    packages = {word for text in installs for word in text.split() if not word.startswith("-")}
    assert packages == {"flite", "libpq5"}
    assert not packages & COMPILES
    assert all("--no-install-recommends" in text for text in installs)
    assert not any("pip" in one.text for one in of(image, "RUN"))


def test_they_say_whether_they_are_well_and_serve(image: list[Instruction]) -> None:
    (check,) = of(image, "HEALTHCHECK")
    assert "http://127.0.0.1:8000/health" in check.text
    assert (of(image, "ENTRYPOINT")[0].words, of(image, "CMD")[0].words) == (["interlocutor"], ["serve"])
    assert of(image, "EXPOSE")[0].text == "8000"
    assert of(image, "VOLUME")[0].words == ["/data", "/models"]


def test_their_variables_are_settings_and_production_asks_for_its_secret_only(
    image: list[Instruction], tmp_path: Path
) -> None:
    given = {name: value for one in of(image, "ENV") for name, value in one.pairs.items()}
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789ABCDEF-+")
    secret.chmod(0o400)
    given["INTERLOCUTOR__SECRET_KEY_FILE"] = str(secret)
    given["INTERLOCUTOR__SERVER__ALLOW_EMBEDDED_IN_PRODUCTION"] = "true"
    loaded = load_with_origins(environ=given)
    settings = loaded.settings
    assert (settings.environment, settings.server.host, settings.server.port) == ("production", "0.0.0.0", 8000)
    assert (settings.data_path, settings.models.path) == (Path("/data"), Path("/models"))
    assert (loaded.notes, settings.production_faults()) == ((), [])
    assert set(loaded.origins) == set(LEAVES)


def test_models_come_by_a_build_argument_or_not_at_all(stages: list[Stage]) -> None:
    (stage,) = (stage for stage in stages if stage.all("ARG"))
    assert stage.all("ARG")[0].pairs == {"MODELS": ""}
    assert "interlocutor models pull" in stage.all("RUN")[0].text
    assert all("models pull" not in one.text for other in stages if other is not stage for one in other.instructions)


def test_what_is_copied_is_there_and_reaches_the_build(stages: list[Stage]) -> None:
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for stage in stages:
        for one in stage.all("COPY"):
            for source in [] if "from" in one.flags else one.words[:-1]:
                assert (ROOT / source).exists(), source
                assert not left_out(PurePosixPath(source), patterns), source
    for name in (".git/config", ".data/sessions/a/recording.flac", ".venv/bin/python", "tests/unit/test_dockerfile.py"):
        assert left_out(PurePosixPath(name), patterns), name
    assert left_out(PurePosixPath("server/http/__pycache__/pages.pyc"), patterns)
    assert not left_out(PurePosixPath("server/http/page_routes.py"), patterns)


def test_a_dockerfile_is_read_as_it_is_meant() -> None:
    text = (
        'FROM a AS one\n# no\nENV A=1 \\\n  # nor this\n  B="2 3"\nRUN x \\\n    && y\n'
        "FROM one\nCOPY --from=one --chown=1:2 /a /b\n"
    )
    one, two = parse(text)
    assert (one.base, one.name, two.base, two.name) == ("a", "one", "one", "1")
    assert one.all("ENV")[0].pairs == {"A": "1", "B": "2 3"}
    assert one.all("RUN")[0].text == "x && y"
    assert (two.all("COPY")[0].flags, two.all("COPY")[0].words) == ({"from": "one", "chown": "1:2"}, ["/a", "/b"])
    assert expanded("/x:$PATH:${A}$NONE", {"PATH": "/bin", "A": "1"}) == "/x:/bin:1"
    with pytest.raises(ValueError, match="before FROM"):
        parse("RUN x")
