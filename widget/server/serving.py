"""The web process: uvicorn on our own socket, with an orderly shutdown."""

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
    """uvicorn, which freezes what the garbage collector would scan, and on shutdown first stops taking rows."""

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
        """Start, and exempt all objects made so far from garbage collection: scanning them takes a tenth of a second,
        during which every request waits."""
        await super().startup(sockets)
        gc.freeze()

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop in order: taking rows, then connections, then (in the lifespan) the calls in progress."""
        if service := getattr(self._app.state, "service", None):
            service.dispatcher.drain()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError if the address cannot be used."""
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
