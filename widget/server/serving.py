"""The web process: uvicorn on a socket of ours, stopped in the right order."""

import gc
import socket
from typing import Any

import uvicorn
from starlette.applications import Starlette

from widget.config.settings import Settings
from widget.errors import ConfigurationError, Problem
from widget.server.connections import Connections
from widget.server.protocol import protocol


class Server(uvicorn.Server):
    """uvicorn, which sets aside what was loaded, and takes no new rows from the outbox once it is asked to stop."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        self._app = app
        connections = Connections(settings.connections_per_client, settings.trusted_proxies)
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                # Not h11, which takes Content-Length and Transfer-Encoding together.
                http=protocol(settings.header_timeout, connections),
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                log_level="critical",  # what goes wrong is logged by us, once
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_keep_alive=settings.keep_alive,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_grace)),
            )
        )

    async def startup(self, sockets: Any = None) -> None:
        """Start. What is there by then stays, so the collector need not walk through all of it again and again: that
        would keep everybody waiting for a tenth of a second."""
        await super().startup(sockets)
        gc.freeze()

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop: first the taking of rows, then the connections, then (in the lifespan) what is being sent."""
        if service := getattr(self._app.state, "service", None):
            service.dispatcher.drain()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigurationError."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        problem = Problem("HOST, PORT", f"cannot listen on {host}:{port}: {error.strerror}")
        raise ConfigurationError([problem]) from error
    listening.listen(2048)
    return listening
