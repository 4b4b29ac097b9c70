"""The document by which schemathesis asks the API has every route, and bodies for routes that there are."""

from __future__ import annotations

from server.http.routes import ROUTES
from tests.fuzz.schema import BODIES, document, plain


def test_every_route_is_asked_and_no_body_is_for_none() -> None:
    paths = document(session_id=["sess_1"])["paths"]
    asked = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    routes = {f"{method} {plain(route.path)}" for route in ROUTES for method in route.methods}
    assert asked == routes
    assert routes >= BODIES.keys()
    assert not any(":" in path for path in paths)
    session = paths["/api/sessions/{session_id}"]["get"]["parameters"][0]
    assert session["schema"]["anyOf"][0] == {"enum": ["sess_1"]}
    assert all("requestBody" in methods["post"] for methods in paths.values() if "post" in methods)
