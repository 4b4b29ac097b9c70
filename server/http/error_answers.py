"""How a request is answered that went wrong."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import AppError, CapacityError
from server.http.security import add_security_headers, path_of


def error_response(error: AppError) -> JSONResponse:
    """Return an error as JSON with its code, and Retry-After where it says when."""
    told: dict[str, object] = {"code": error.code, "message": error.message}
    headers = None
    if isinstance(error, CapacityError):
        headers = {"Retry-After": str(error.retry_after_s)}
        told |= error.told
    body = {"error": told}
    return JSONResponse(body, status_code=error.http_status, headers=headers)


async def app_error(_request: Request, error: Exception) -> Response:
    """Answer a request that failed with an error of ours."""
    assert isinstance(error, AppError)  # noqa: S101 - registered for this type only
    return error_response(error)


async def our_fault(request: Request, _error: Exception) -> Response:
    """Answer a request that failed by a fault of ours, without internals."""
    response = error_response(AppError("something went wrong on our side; try again"))
    # It is answered outside of everything that else adds these.
    add_security_headers(response.headers, request.headers.get("host", ""), path_of(request.scope))
    return response


async def client_gone(_request: Request, _error: Exception) -> Response:
    """Answer nobody: the client went, or was cut off, before its request was whole. It is no fault of ours."""
    return Response(status_code=400)
