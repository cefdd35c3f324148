"""No secret and no personal text appears where it does not belong."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bed import COMMAND, FROM_SHELL, STOP, TWO_PRODUCTS, Sandbox, Widget
from canaries import ENVIRON, SECRETS, WORDS, Spill, session

from widget.config import loading, resources
from widget.delivery.policy import fit_to_show
from widget.errors import ConfigurationError, Fault
from widget.i18n import messages as words
from widget.pages.pages import Pages
from widget.pages.state import FormState, ReceiptState
from widget.pages.templating import Templates


def test_a_whole_life_spills_nothing(tmp_path: Path) -> None:
    """Responses with their headers, the log at its most detailed level, and the process list."""
    spill = Spill()
    accounts = {"test-client": SECRETS["client secret"], "other-client": SECRETS["other client secret"]}
    with (
        Sandbox(tmp_path, accounts) as insider,
        Widget(
            tmp_path, insider.url, config=TWO_PRODUCTS, **{**ENVIRON, "DELIVERY_WAIT": "2"}, command=FROM_SHELL
        ) as widget,
    ):
        listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(widget.pid)], capture_output=True, text=True)
        assert "widget" in listed.stdout
        spill.scan("the process list", listed.stdout, {**SECRETS, **WORDS})
        widget.command = COMMAND  # of the restarts, which are many
        statuses = set()
        for name, answer, theirs in session(widget, insider):
            statuses.add(answer.status_code)
            spill.scan(f"headers of {name}", str(answer.headers.raw), {**SECRETS, **WORDS})
            spill.scan(f"answer: {name}", answer.text, {**SECRETS, **WORDS}, but=theirs)
            assert "Traceback" not in answer.text
        log = widget.log()
        spill.scan("the log", log, {**SECRETS, **WORDS})
        assert '"level": "debug"' in log or "submission.accepted" in log
        assert "/receipt/" not in log
        assert {200, 201, 202, 403, 404, 405, 413, 415, 422} <= statuses
        assert statuses & {500, 503}
    assert not spill.found


class Watched(Templates):
    """Templates that remember the values they were given."""

    given = ""

    def render(self, slug: str | None, name: str, values: Mapping[str, object]) -> str:
        self.given = repr(dict(values))
        return super().render(slug, name, values)


def test_a_template_is_given_no_secret(tmp_path: Path) -> None:
    """Everything that a product's template may print, or could print if its sandbox had a hole."""
    (tmp_path / "widget.toml").write_text(TWO_PRODUCTS)
    loaded = loading.load({
        **ENVIRON, "INSIDER_URL": "https://insider.example.com", "INSIDER_CLIENT_ID": "client",
        "WIDGET_CONFIG": str(tmp_path / "widget.toml"),
    })  # fmt: skip
    templates = Watched(resources.path("templates"), None, slugs=["demo"], static="/static/{}".format)
    pages, product, english = Pages(templates), loaded.products["demo"], words.choose("en")
    spill = Spill()
    for name, make in {
        "form": lambda: pages.form(product, english, FormState("t")),
        "receipt": lambda: pages.receipt(product, english, ReceiptState("accepted")),
        "problem": lambda: pages.problem(english, Fault("internal"), product),
    }.items():
        page = make()
        assert product.name in templates.given
        spill.scan(name, page, SECRETS)
        spill.scan(f"what {name} is made of", templates.given, SECRETS)
    assert not spill.found


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "widget.toml").write_text(TWO_PRODUCTS)
    loaded = loading.load({
        **ENVIRON, "INSIDER_URL": "https://insider.example.com", "INSIDER_CLIENT_ID": "client",
        "WIDGET_CONFIG": str(tmp_path / "widget.toml"),
        "DATABASE_URL": f"postgresql://me:{SECRETS['storage password']}@db.example.com/widget",
        "RATE_LIMIT_STORAGE": f"redis://me:{SECRETS['storage password']}@redis.example.com/0",
    })  # fmt: skip
    spill = Spill()
    for shown in (repr(loaded), str(loaded), repr(loaded.accounts), f"{loaded.products}"):
        spill.scan("settings", shown, SECRETS)
    assert not spill.found


def test_no_complaint_about_the_configuration_repeats_a_secret(tmp_path: Path) -> None:
    secret = SECRETS["storage password"]
    for name, value in {
        "DATABASE_URL": f"mysql://me:{secret}@db.example.com/x",
        "RATE_LIMIT_STORAGE": f"mongodb://me:{secret}@db.example.com",
        "INSIDER_URL": f"https://me:{secret}@insider.example.com",
        "PUBLIC_URL": f"https://me:{secret}@feedback.example.com/x?{secret}",
        "SECRET_KEY": secret,
        "TRUSTED_PROXIES": "everyone",
    }.items():
        with pytest.raises(ConfigurationError) as caught:
            loading.load({**ENVIRON, "INSIDER_CLIENT_ID": "c", "WIDGET_CONFIG": str(tmp_path / "no"), name: value})
        assert secret not in str(caught.value), name


def test_no_core_is_left_when_the_process_is_brought_down(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget()
    limits = Path(f"/proc/{widget.pid}/limits")
    if limits.exists():
        (core,) = [line for line in limits.read_text().splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
    os.kill(widget.pid, signal.SIGABRT)
    assert widget.process.popen.wait(STOP) == -signal.SIGABRT
    assert not [path for path in widget.folder.rglob("*") if "core" in path.name]


@pytest.mark.parametrize(
    ("status", "reasons", "message"),
    [
        (400, ["Contact Consent is required."], "Contact Consent is required."),
        (422, ["One.", "Two."], "One. Two."),
        (400, ["Line\r\none\x00\x1b[31m  and\ttwo."], "Line one [31m and two."),
        (400, ["Right\u202eto left."], "Right to left."),
        (400, ["<script>alert(1)</script>", "Plain."], "Plain."),
        (400, ["System.NullReferenceException at Api.Program.Main()"], None),
        (400, ["See https://evil.example."], None),
        (400, ["The token Bearer abc is wrong."], None),
        (400, ["long " * 500], ("long " * 120).strip()),
        (400, [], None),
        (409, ["Duplicate key."], None),
        (413, ["Too large for node 7."], None),
        (200, ["Whatever."], None),
    ],
)
def test_people_see_only_validation_messages(status: int, reasons: list[str], message: str | None) -> None:
    assert fit_to_show(reasons, status) == message
