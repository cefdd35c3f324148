"""The real Caddy with the example file of `deploy/caddy`, but without TLS, which needs a public name."""

from pathlib import Path
from typing import Self

from bed import ROOT, Process, free_port, plain_environ, until

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"


class Caddy:
    """Caddy in front of the web processes at `ports` of this machine.

    `url` is the address of the service on a host of its own. At `site` it lies below `/feedback`. Only what an operator
    would adapt is changed.
    """

    def __init__(self, folder: Path, *ports: int, site: str = "http://localhost:0") -> None:
        self._folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        config = CADDYFILE.read_text("utf-8")
        for there, here in {
            "reverse_proxy 127.0.0.1:8000 127.0.0.1:8001": " ".join(
                ["reverse_proxy", *(f"127.0.0.1:{port}" for port in ports)]
            ),
            "www.example.com {": f"{site} {{",
            "feedback.example.com {": f"{self.url} {{",
            "root * /var/www/html": f"root * {folder}",
        }.items():
            assert there in config, there
            config = config.replace(there, here)
        (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + config)

    def __enter__(self) -> Self:
        command = ["caddy", "run", "--config", str(self._folder / "Caddyfile")]
        environ = plain_environ(XDG_DATA_HOME=str(self._folder), XDG_CONFIG_HOME=str(self._folder))
        self._process = Process(command, self._folder / "caddy.log", environ, self._folder)
        until(lambda: "serving initial configuration" in self.log())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        print(self.log())  # noqa: T201 - pytest shows it where a test fails

    def log(self) -> str:
        """What it tells of itself and of the processes behind it."""
        return self._process.log()
