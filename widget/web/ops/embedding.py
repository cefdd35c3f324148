"""The snippet builder for signed-in operators."""

from starlette.responses import Response

from widget.web.builder import Builder, Endpoint
from widget.web.ops.access import Visit, for_operators
from widget.web.service import service_of


def _guard(endpoint: Endpoint) -> Endpoint:
    async def answer(visit: Visit) -> Response:
        return await endpoint(visit.request)

    return for_operators(answer, shows_rows=False)


ROUTES = Builder(
    "/ops/embed",
    lambda request: service_of(request).settings.products,
    lambda request, name: service_of(request).static.url(name),
    lambda request: service_of(request).settings.public_url or "",
    back=("/ops", "Overview"),
).routes(_guard)
