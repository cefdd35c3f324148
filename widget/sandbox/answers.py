"""JSON that may contain any text, even a lone surrogate."""

import json
from typing import Any

from starlette.responses import Response


def json_response(value: Any) -> Response:
    """A response of the sandbox, escaped to ASCII."""
    return Response(json.dumps(value), media_type="application/json", headers={"Cache-Control": "no-store"})
