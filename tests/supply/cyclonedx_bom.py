"""Writes the bill of materials in CycloneDX's form from the parts on standard input, and proves it by its schema.

`python -m tests.supply.parts | python -m tests.supply.cyclonedx_bom --output sbom.json`, the second in the environment
of requirements/supply.lock (scripts/sbom does both). The same parts on the same date make the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import uuid
from pathlib import Path
from typing import Any


def main() -> None:
    """Write the file; exit 1 with what the schema does not allow, and write nothing then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--date", help="YYYY-MM-DD; today unless given")
    given = parser.parse_args()
    try:
        day = datetime.date.fromisoformat(given.date) if given.date else datetime.datetime.now(datetime.UTC).date()
    except ValueError:
        parser.error(f"{given.date} is no date; write it as 2026-12-01")
    parts = json.load(sys.stdin)
    text, fault = written(parts, day)
    if fault:
        sys.exit(f"the bill of materials is not as CycloneDX wants it: {fault}")
    try:
        given.output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        sys.exit(f"{given.output} can't be written ({error.strerror})")
    counts = ", ".join(f"{len(parts[kind])} {kind}" for kind in ("packages", "models", "natives", "debian", "kept"))
    sys.stdout.write(f"{given.output}: {counts}\n")


def written(parts: dict[str, Any], day: datetime.date) -> tuple[str, str]:
    """Return the text, and what is wrong with it by the schema, or nothing."""
    from cyclonedx.model.bom import Bom, BomMetaData  # type: ignore[import-not-found]
    from cyclonedx.output.json import JsonV1Dot6  # type: ignore[import-not-found]
    from cyclonedx.schema import SchemaVersion  # type: ignore[import-not-found]
    from cyclonedx.validation.json import JsonStrictValidator  # type: ignore[import-not-found]

    made = Maker()
    product = made.product(parts["product"])
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, parts["digest"]),
        metadata=BomMetaData(
            component=product,
            timestamp=datetime.datetime.combine(day, datetime.time(), datetime.UTC),
        ),
        components=made.components(parts),
    )
    bom.register_dependency(product, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    return text, str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) or "")


class Maker:
    """Makes components of parts."""

    def __init__(self) -> None:
        from cyclonedx.contrib.license.factories import LicenseFactory  # type: ignore[import-not-found]

        self._licences = LicenseFactory()

    def _licence(self, text: str) -> list[Any]:
        return [self._licences.make_from_string(text)]

    def product(self, product: dict[str, str]) -> Any:
        """Return what it is all for."""
        from cyclonedx.model.component import Component, ComponentType  # type: ignore[import-not-found]

        name, version = product["name"], product["version"]
        licences = self._licence(product["licence"])
        return Component(type=ComponentType.APPLICATION, name=name, version=version, bom_ref=name, licenses=licences)

    def components(self, parts: dict[str, Any]) -> list[Any]:
        """Return a component for each part."""
        return [
            *(self._package(one) for one in parts["packages"]),
            *(self._model(one) for one in parts["models"]),
            *(self._native(one) for one in parts["natives"]),
            *(self._debian(one) for one in parts["debian"]),
            *(self._kept(one) for one in parts["kept"]),
        ]

    def _package(self, one: dict[str, Any]) -> Any:
        from cyclonedx.model import (  # type: ignore[import-not-found]
            ExternalReference,
            ExternalReferenceType,
            HashAlgorithm,
            HashType,
            XsUri,
        )
        from cyclonedx.model.component import Component, ComponentType
        from packageurl import PackageURL  # type: ignore[import-not-found]

        purl = PackageURL("pypi", name=one["name"], version=one["version"])
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in one["sha256"]]
        files = ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(str(purl)),
            comment=f"the files that requirements/{one['lock']}.lock allows",
            hashes=hashes,
        )
        return Component(
            type=ComponentType.LIBRARY,
            name=one["name"],
            version=one["version"],
            purl=purl,
            bom_ref=str(purl),
            licenses=self._licence(one["licence"]),
            external_references=[files],
        )

    def _model(self, one: dict[str, Any]) -> Any:
        from cyclonedx.model import Property
        from cyclonedx.model.component import Component, ComponentType

        return Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            name=one["id"],
            version=one["revision"] or None,
            bom_ref=f"model/{one['id']}",
            licenses=self._licence(one["licence"]),
            properties=[Property(name="interlocutor:kind", value=one["kind"])],
            components=self._files(f"model/{one['id']}", one["files"]),
        )

    def _kept(self, one: dict[str, Any]) -> Any:
        from cyclonedx.model.component import Component, ComponentType

        ref = f"static/vendor/{one['name']}"
        return Component(
            type=ComponentType.LIBRARY, name=one["name"], bom_ref=ref, components=self._files(ref, one["files"])
        )

    def _native(self, one: dict[str, Any]) -> Any:
        from cyclonedx.model.component import Component, ComponentType

        return Component(
            type=ComponentType.LIBRARY,
            name=one["name"],
            bom_ref=f"notice/{one['name']}",
            licenses=self._licence(one["licence"]),
            description=one["text"],
        )

    def _debian(self, name: str) -> Any:
        from cyclonedx.model.component import Component, ComponentType
        from packageurl import PackageURL

        purl = PackageURL("deb", "debian", name, qualifiers={"distro": "bookworm"})
        return Component(type=ComponentType.LIBRARY, name=name, purl=purl, bom_ref=str(purl))

    def _files(self, ref: str, files: list[dict[str, str]]) -> list[Any]:
        from cyclonedx.model import HashAlgorithm, HashType
        from cyclonedx.model.component import Component, ComponentType

        return [
            Component(
                type=ComponentType.FILE,
                name=file["path"],
                bom_ref=f"{ref}/{file['path']}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file["sha256"])],
            )
            for file in files
        ]


if __name__ == "__main__":
    main()
