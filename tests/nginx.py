"""The real nginx with the example files of `deploy/nginx`, in a folder and on a port of its own."""

import os
import shutil
import socket
import ssl
from pathlib import Path
from typing import Self

import trustme
from bed import ROOT, Process, plain_environ, until

EXAMPLES = ROOT / "deploy" / "nginx"
_MAIN = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def _binary() -> str:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, "nginx is not installed; scripts/setup does that"
    return found


class Nginx:
    """nginx with an example `site` in front of the web processes at `ports` of this machine.

    Only what an operator would adapt is changed: host, certificate, ports. Each of `changes` replaces a text that must
    exist.
    """

    def __init__(self, folder: Path, site: str, port: int, ports: tuple[int, int], **changes: str) -> None:
        self._folder, self.port = folder, port
        self.origin = f"https://127.0.0.1:{port}"
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(str(folder / "key.pem"))
        issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(self.tls)
        text = (EXAMPLES / site).read_text("utf-8")
        name = "www.example.com" if "www.example.com" in text else "feedback.example.com"
        shutil.copy(EXAMPLES / "feedback-proxy.conf", folder)
        for there, here in {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            f"/etc/ssl/certs/{name}.pem": str(folder / "cert.pem"),
            f"/etc/ssl/private/{name}.key": str(folder / "key.pem"),
            "/etc/nginx/snippets/": f"{folder}/",
            "127.0.0.1:8000": f"127.0.0.1:{ports[0]}",
            "127.0.0.1:8001": f"127.0.0.1:{ports[1]}",
            **changes,
        }.items():
            assert there in text, f"{site} has no {there}"
            text = text.replace(there, here)
        self._configure(text)

    def _configure(self, site: str) -> None:
        folder = self._folder
        (folder / "site.conf").write_text(site, "utf-8")
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user), "utf-8")

    def __enter__(self) -> Self:
        command = [_binary(), "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        self._process = Process(command, self._folder / "nginx.log", plain_environ(), self._folder)
        until(self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        print(self.log())  # noqa: T201 - pytest shows it where a test fails
        self._process.stop()

    def _listens(self) -> bool:
        assert self._process.popen.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        """Its errors and warnings."""
        return self._process.log()


class BareNginx(Nginx):
    """nginx without TLS in front of the web process at `upstream`, with only these `lines` in its `location`."""

    def __init__(self, folder: Path, port: int, upstream: int, *lines: str) -> None:
        self._folder, self.port = folder, port
        self.origin = f"http://127.0.0.1:{port}"
        place = "\n".join((f"proxy_pass http://127.0.0.1:{upstream};", *lines))
        self._configure(f"server {{ listen 127.0.0.1:{port}; location / {{ {place} }} }}")
