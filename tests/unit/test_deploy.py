"""What deploy/ holds agrees with the product: settings, ports, users, addresses, times, and the recipes of the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from common.errors import SettingsError
from pipelines.models.catalogue import Catalogue
from server.cli.config import startup_faults
from server.http.routes import ROUTES
from server.settings.tree import LEAVES, load_settings
from tests.bench.dockerfile import parse
from tests.deploy.manifests import (
    DEPLOY,
    ROOT,
    Manifest,
    compose,
    kubernetes,
    lines,
    make_secrets,
    pairs,
    settings_of,
    unit,
)

DRAIN_S = load_settings(environ={}).server.drain_deadline_s
SERVERS = ("server", "server-gpu")
USER = "10001"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return make_secrets(tmp_path / "secrets")


def block(after: str, language: str) -> list[str]:
    """Return the lines of the first block of a language after some words of docs/operations.md, without comments."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition(after)[2]
    found = re.search(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.M | re.S)
    assert found is not None
    kept = (line.partition(" #")[0].strip() for line in found[1].splitlines())
    return [line for line in kept if line and not line.startswith("#")]


def container() -> Manifest:
    (found,) = pod()["containers"]
    return dict(found)


def pod() -> Manifest:
    return dict(kubernetes()["Deployment", "server"]["spec"]["template"]["spec"])


def variables_of_kubernetes() -> dict[str, str]:
    given = {one["name"]: one["value"] for one in container()["env"] if "value" in one}
    return {**pairs(DEPLOY / "k8s" / "settings.env"), **given}


def variables_of_systemd() -> dict[str, str]:
    given = (value.split("=", 1) for name, value in unit() if name == "Environment")
    return {name: value.replace("%d/", "/run/").replace("%S", "/var/lib") for name, value in given}


def deployments() -> dict[str, dict[str, str]]:
    of_compose: dict[str, str] = compose()["services"]["server"]["environment"]
    return {"compose": of_compose, "kubernetes": variables_of_kubernetes(), "systemd": variables_of_systemd()}


# ------------------------------------------------------------------ all three


@pytest.mark.parametrize("name", ["compose", "kubernetes", "systemd"])
def test_variables_are_settings_and_production_starts_with_them(name: str, secrets: Path) -> None:
    given = deployments()[name]
    ours = {each: value for each, value in given.items() if each != "PGPASSFILE"}
    # No model is here.
    accepted = {"INTERLOCUTOR__SERVER__ALLOW_EMBEDDED_IN_PRODUCTION": "true"}
    loaded = settings_of({**ours, **accepted}, secrets)
    assert loaded.notes == ()
    assert loaded.settings.environment == "production"
    assert startup_faults(loaded.settings) == []
    used = set(loaded.origins.values())
    assert {each for each, value in ours.items() if value} <= used, "some do nothing"


@pytest.mark.parametrize("name", ["compose", "kubernetes", "systemd"])
@pytest.mark.parametrize("missing", ["secret_key", "vault_key"])
def test_a_missing_secret_is_one_clear_line(name: str, missing: str, secrets: Path) -> None:
    files = {"secret_key": ("secret_key", "secret"), "vault_key": ("vault_key", "vault-key")}[missing]
    for file in files:
        (secrets / file).unlink()
    given = {each: value for each, value in deployments()[name].items() if each != "PGPASSFILE"}
    given["INTERLOCUTOR__SERVER__ALLOW_EMBEDDED_IN_PRODUCTION"] = "true"
    try:
        told = startup_faults(settings_of(given, secrets).settings)
    except SettingsError as error:
        told = str(error).splitlines()
    (line,) = told
    assert str(secrets) in line
    assert "can't be read (No such file or directory)" in line


@pytest.mark.parametrize("name", ["compose", "kubernetes", "systemd"])
def test_nobody_accepts_demonstration_engines_unasked(name: str, secrets: Path) -> None:
    ours = {each: value for each, value in deployments()[name].items() if each != "PGPASSFILE"}
    assert settings_of(ours, secrets).settings.server.allow_embedded_in_production is False


def test_whatever_stops_a_server_waits_until_it_has_drained() -> None:
    services = compose()["services"]
    (stops_s,) = (int(value) for name, value in unit() if name == "TimeoutStopSec")
    waits = [stops_s, pod()["terminationGracePeriodSeconds"]]
    waits += [int(services[name]["stop_grace_period"].removesuffix("s")) for name in (*SERVERS, "proxy")]
    assert min(waits) >= DRAIN_S + 30


def test_models_that_are_brought_are_in_the_catalogue() -> None:
    known = {model.id for model in Catalogue.load(ROOT / "configs" / "models.yaml").models}
    job = kubernetes()["Job", "models of models"]["spec"]["template"]["spec"]["containers"][0]
    brought = compose()["services"]["models"]["environment"]["MODELS"].split()
    assert brought == job["env"][0]["value"].split()
    assert set(brought) <= known
    assert compose()["services"]["models"]["command"] == job["args"]


# ------------------------------------------------------------------ compose


def test_compose_wants_what_only_its_owner_knows() -> None:
    for name in ("HOST_NAME", "PUBLIC_ADDRESS"):
        with pytest.raises(LookupError, match=f"{name} is not set; copy example.env"):
            compose({other: "x" for other in ("HOST_NAME", "PUBLIC_ADDRESS") if other != name})
    assert set(pairs(DEPLOY / "example.env")) >= {"HOST_NAME", "PUBLIC_ADDRESS", "COMPOSE_PROFILES"}


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_containers_can_do_no_more_than_they_must(name: str) -> None:
    service: dict[str, Any] = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    if "build" not in service:  # ours say themselves who they run as
        assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", service["user"])
        assert service["healthcheck"]
    assert name == "models" or "pids_limit" in service


def test_secrets_are_files_that_the_script_makes() -> None:
    whole = compose()
    script = (ROOT / "scripts" / "deploy-secrets").read_text(encoding="utf-8")
    for name, secret in whole["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert re.search(rf"\b{name}\b", script), name
    for service in whole["services"].values():
        assert set(service.get("secrets", ())) <= set(whole["secrets"])
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD$|SECRET$|KEY$", variable), variable
            if variable.endswith(("_FILE", "PASSFILE")):
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_a_card_changes_nothing_but_the_image() -> None:
    services = compose()["services"]
    cpu, gpu = (dict(services[name]) for name in SERVERS)
    assert (cpu.pop("profiles"), gpu.pop("profiles")) == (["cpu"], ["gpu"])
    assert [stage.name for stage in parse((ROOT / "Dockerfile").read_text()) if stage.name in ("cpu", "gpu")] == [
        gpu.pop("build")["target"],
        cpu.pop("build")["target"],
    ]
    for one in (cpu, gpu):
        del one["image"], one["mem_limit"]
    del gpu["deploy"]
    assert cpu == gpu


def test_calls_come_through_the_ports_that_are_published(secrets: Path) -> None:
    whole = compose()
    server = whole["services"]["server"]
    ours = {name: value for name, value in server["environment"].items() if name != "PGPASSFILE"}
    rtc = settings_of(ours, secrets).settings.rtc
    assert server["ports"] == [f"{rtc.udp_port_min}-{rtc.udp_port_max}:{rtc.udp_port_min}-{rtc.udp_port_max}/udp"]
    (outside,) = whole["networks"]["outside"]["ipam"]["config"]
    assert list(rtc.host_networks) == [outside["subnet"]]
    turn = lines(DEPLOY / "turnserver.conf")
    assert {url.split(":")[2].partition("?")[0] for url in rtc.ice_servers} == {
        line.partition("=")[2] for line in turn if "listening-port=" in line
    }


def test_the_server_believes_its_proxy_alone(secrets: Path) -> None:
    whole = compose()
    ours = {name: value for name, value in whole["services"]["server"]["environment"].items() if name != "PGPASSFILE"}
    trusted = settings_of(ours, secrets).settings.server.trusted_proxies
    assert list(trusted) == [whole["services"]["proxy"]["networks"]["inside"]["ipv4_address"]]
    assert whole["networks"]["inside"]["internal"] is True
    assert "8000" not in str(whole["services"]["server"]["ports"]), "nobody comes to it but through the proxy"


# ------------------------------------------------------------------ nginx, coturn, systemd: the docs' recipes


def test_nginx_has_the_lines_of_the_docs() -> None:
    recipe = [line.replace("http://127.0.0.1:8000", "$server") for line in block("For nginx:", "nginx")]
    assert len(recipe) > 15
    has = lines(DEPLOY / "nginx.conf")
    assert [line for line in recipe if line not in has] == []


def test_coturn_has_the_lines_of_the_docs() -> None:
    recipe = block("share a secret with coturn:", "ini")
    assert len(recipe) > 20
    has = lines(DEPLOY / "turnserver.conf")
    (command,) = compose()["services"]["turn"]["command"]
    missing = [line for line in recipe if line not in has]
    assert [line.partition("=")[0] for line in missing] == ["static-auth-secret", "realm"]
    assert "static-auth-secret=" in command
    assert "--realm" in command


def test_systemd_keeps_the_server_from_what_it_does_not_need() -> None:
    given = dict(unit())
    assert given["User"] == "interlocutor"
    assert given["NoNewPrivileges"] == given["ProtectHome"] == given["PrivateTmp"] == "yes"
    assert given["ProtectSystem"] == "strict"
    assert given["CapabilityBoundingSet"] == ""
    assert given["ExecStart"].endswith("/bin/interlocutor serve")
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    for part in ("deploy/systemd/interlocutor.service", f"TimeoutStopSec={given['TimeoutStopSec']}", "PrivateDevices"):
        assert part in page
    for credential in (value.partition(":")[2] for name, value in unit() if name == "LoadCredential"):
        assert credential in page, credential
    assert given["EnvironmentFile"].removeprefix("-") in page


# ------------------------------------------------------------------ Kubernetes


def test_probes_ask_routes_that_are_there_and_each_the_right_one() -> None:
    server = container()
    probes = {name: server[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    assert {probe["path"] for probe in probes.values()} <= {entry.path for entry in ROUTES if "GET" in entry.methods}
    (port,) = server["ports"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert port["containerPort"] == 8000
    start = server["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 300, "a database may be brought to a new form"


def test_there_is_one_server_and_nothing_makes_it_more() -> None:
    objects = kubernetes()
    spec = objects["Deployment", "server"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert not {kind for kind, _ in objects} & {"HorizontalPodAutoscaler", "PodDisruptionBudget"}
    comments = (DEPLOY / "k8s" / "deployment.yaml").read_text(encoding="utf-8")
    assert "locks" in comments.partition("replicas: 1")[0], "the reason stands above it"


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "server"), ("Job", "models of models")])
def test_pods_can_do_no_more_than_they_must(kind: str, name: str) -> None:
    spec = kubernetes()[kind, name]["spec"]["template"]["spec"]
    who = spec["securityContext"]
    assert who["runAsNonRoot"] is True
    assert {str(who[part]) for part in ("runAsUser", "runAsGroup", "fsGroup")} == {USER}
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {USER}:{USER}" in dockerfile
    assert spec["automountServiceAccountToken"] is False
    (one,) = spec["containers"]
    limits = one["securityContext"]
    assert (limits["readOnlyRootFilesystem"], limits["allowPrivilegeEscalation"]) == (True, False)
    assert limits["capabilities"] == {"drop": ["ALL"]}
    assert set(one["resources"]["limits"]) == set(one["resources"]["requests"]) >= {"cpu", "memory"}
    mounted = {mount["mountPath"] for mount in one["volumeMounts"]}
    assert {"/data", "/models", "/tmp"} <= mounted, "what it must write"
    assert {mount["name"] for mount in one["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_the_pod_waits_for_its_secrets() -> None:
    (volume,) = (each for each in pod()["volumes"] if each["name"] == "secrets")
    assert not volume["secret"].get("optional", False)
    kept = {item["path"] for item in volume["secret"]["items"]}
    (mount,) = (each for each in container()["volumeMounts"] if each["name"] == "secrets")
    named = {value for name, value in variables_of_kubernetes().items() if name.endswith("_FILE")}
    assert named == {f"{mount['mountPath']}/{path}" for path in kept}
    assert volume["secret"]["defaultMode"] & 0o007 == 0, "the server refuses a secret that everybody may read"


def test_the_server_reaches_names_and_a_database_and_nothing_else() -> None:
    spec = kubernetes()["NetworkPolicy", "server"]["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    selected = spec["podSelector"]["matchLabels"]
    assert selected.items() <= kubernetes()["Deployment", "server"]["spec"]["template"]["metadata"]["labels"].items()
    assert all(rule["to"] and "ipBlock" not in str(rule["to"]) for rule in spec["egress"])
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53, 5432}
    assert {port["port"] for rule in spec["ingress"] for port in rule["ports"]} == {8000}


def test_names_lead_to_what_is_there() -> None:
    objects = kubernetes()
    claims = {name for kind, name in objects if kind == "PersistentVolumeClaim"}
    assert {
        each["persistentVolumeClaim"]["claimName"] for each in pod()["volumes"] if "persistentVolumeClaim" in each
    } == claims
    ingress = objects["Ingress", "server"]["spec"]["rules"][0]
    assert ingress["host"] == pairs(DEPLOY / "k8s" / "settings.env")["INTERLOCUTOR__SERVER__ALLOWED_HOSTS"]
    leads = {path["path"]: path["backend"]["service"]["name"] for path in ingress["http"]["paths"]}
    assert leads["/"] == objects["Service", "server"]["metadata"]["name"]
    assert leads["/metrics"] not in {name for kind, name in objects if kind == "Service"}
    assert (
        float(objects["Ingress", "server"]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"])
        > load_settings(environ={}).session.idle_s
    )
    assert "session.idle_s" in LEAVES
