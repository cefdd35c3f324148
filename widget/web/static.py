"""GET /embed.js, the same under its version, and GET /static/…: scripts, styles, pictures."""

from starlette.requests import Request
from starlette.responses import Response

from widget.errors import Fault, Rejected
from widget.web.service import service_of


async def loader(request: Request) -> Response:
    """The script for host pages."""
    return _found(service_of(request).static.loader(request))


async def pinned_loader(request: Request) -> Response:
    """The script for host pages that state its hash."""
    return service_of(request).static.pinned_loader(request)


async def static_file(request: Request) -> Response:
    """A file by its path."""
    return _found(service_of(request).static.respond(request, request.path_params["path"]))


def _found(response: Response | None) -> Response:
    if response is None:
        raise Rejected(Fault("not_found"))
    return response
