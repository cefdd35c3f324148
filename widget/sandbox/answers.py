"""JSON that may hold any text at all, a lone surrogate too."""

import json
from typing import Any

from starlette.responses import Response


def json_response(value: Any) -> Response:
    """An answer of the sandbox's own, escaped to ASCII."""
    return Response(json.dumps(value), media_type="application/json", headers={"Cache-Control": "no-store"})
