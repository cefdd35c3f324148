"""A host page and a form on two origins: what the loader's tests stand on.

The form is a small stand-in that uses the real `host-link.js`, so that each message can be provoked at will; the
whole form has tests of its own.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import CDPSession, Page
from web_server import Answer, Request, WebServer

STATIC = Path(__file__).parents[2] / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml"}

_BROWSER = "URL CSS Map Set Event Element Node Text Image Option Range Selection Request Response Headers"
_NAMES = [*_BROWSER.split(), "MessageChannel", "Panel", "Widget"]
TAKEN = ";".join(f"var {name} = {{}}" for name in _NAMES)
"""A host page's script with names of its own that browsers have, too."""
HIDDEN = ";".join(f"const {name} = '/orders'" for name in _NAMES)
"""The same in the scope that all scripts share: the window's properties stay."""

FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Feedback on Northwind</title>
<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="/form.css">
<script type="module" src="/form.js"></script>
<body><main><h1>How is Northwind working for you?</h1><button id="leave" type="button">Close</button>
<form><label><input type="radio" name="rating" value="true"> I like it</label>
<label><input type="radio" name="rating" value="false"> Needs work</label>
<p><textarea name="description"></textarea></p><button id="send" type="button">Send feedback</button></form></main>"""

FORM_CSS = """:root { color-scheme: light dark; background: light-dark(#fff, #1f1d1b); font: 16px/1.5 sans-serif }
body { margin: 0 } main { padding: 28px; box-sizing: border-box; min-height: 300px } textarea { width: 100% }
main.tall { min-height: 500px } main.huge { min-height: 3000px }"""

FORM_JS = """import {HostLink} from '/static/form/host-link.js'
window.heard = []
addEventListener('message', event => { window.id = event.data?.id ?? window.id })
const link = window.link = new HostLink({origins: ORIGINS, box: document.querySelector('main'), close: 'Close'})
for (const type of ['hello', 'set', 'close', 'focus']) {
  link.addEventListener(type, event => window.heard.push([type, event.detail ?? null]))
}
link.addEventListener('reset', () => link.reset())
document.querySelector('#leave').addEventListener('click', () => link.escape())
document.querySelector('textarea').addEventListener('input', () => link.dirty(), {once: true})
document.querySelector('#send').addEventListener('click', () => {
  link.submit()
  link.success({receipt: 'r-1', status: 'accepted'})
})"""

Served = tuple[int, str, str, Mapping[str, str]]
"""Status, media type, body and further headers."""


class Server(WebServer):
    """Serves what is in `answers`, and static files where `static` says so; counts the requests."""

    def __init__(self, *, static: bool = False) -> None:
        self.answers: dict[str, Served] = {}
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.clear()
        self._static = static
        super().__init__(self._answer)
        self.url = f"http://localhost:{self.port}"

    def _answer(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        self.requests.append(request.path)
        status, kind, body, headers = self.answers.get(path) or self.file(path)
        fields = {"Cache-Control": "no-store", **self.headers, "Content-Type": kind, **headers}
        return Answer(status, fields, body.encode())

    def clear(self) -> None:
        """Have no more to serve than an icon."""
        self.answers = {"/favicon.ico": (204, "image/x-icon", "", {})}
        self.headers = {}
        self.requests.clear()

    def file(self, path: str) -> Served:
        name = "embed.js" if path == "/embed.js" else path.removeprefix("/static/")
        file = STATIC / name
        if not self._static or not file.is_file():
            return 404, "text/plain", "There is nothing here.", {}
        return 200, TYPES[file.suffix], file.read_text("utf-8"), {}


class Stage:
    """`host` and `form`, one on localhost and one on 127.0.0.1: two sites, as far as a browser is concerned."""

    def __init__(self, host: Server, form: Server) -> None:
        self.host, self.form = host, form
        self.host_url = host.url
        self.form_url = f"http://127.0.0.1:{form.port}"
        form.headers = {
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Access-Control-Allow-Origin": "*",
        }
        form.answers["/form.css"] = (200, "text/css", FORM_CSS, {})
        self.allow(self.host_url)
        self.script("")

    def allow(self, *origins: str) -> None:
        """Let these frame the form."""
        policy = {"Content-Security-Policy": f"frame-ancestors {' '.join(origins) or chr(39) + 'none' + chr(39)}"}
        for product in ("demo", "other"):
            self.form.answers[f"/form/{product}"] = (200, "text/html; charset=utf-8", FORM, policy)
        script = FORM_JS.replace("ORIGINS", json.dumps(origins))
        self.form.answers["/form.js"] = (200, "text/javascript", script, {})

    def script(self, text: str) -> None:
        """The host page's own script, which it loads before the loader."""
        self.host.answers["/host.js"] = (200, "text/javascript", text, {})

    def page(
        self, body: str = "", *, attributes: str = 'data-product="demo"', html: str = 'lang="en"', **headers: str
    ) -> str:
        """Put up a host page whose loader's tag has these attributes; answers its address."""
        loader = f'<script src="{self.form_url}/embed.js" async {attributes}></script>'
        text = (
            f'<!doctype html><html {html}><meta charset="utf-8"><title>Orders</title>'
            f'<meta name="viewport" content="width=device-width"><script src="/host.js"></script>{loader}'
            f'<body><h1>Orders</h1><button id="first">First</button>{body}<button id="last">Last</button>'
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.host.answers["/"] = (200, "text/html; charset=utf-8", text, named)
        return self.host_url + "/"


def end_motion(page: Page) -> CDPSession:
    """Have each transition and animation of the page end as soon as it begins. To draw the frames between would be a
    sixth of all the work of opening a form, sending it and closing it. Frames of other sites go on moving. Returns the
    browser's session that it lasts as long as."""
    session = page.context.new_cdp_session(page)
    session.send("Animation.enable")
    session.send("Animation.setPlaybackRate", {"playbackRate": 1000})
    return session
