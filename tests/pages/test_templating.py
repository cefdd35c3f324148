"""A product's own templates: what they may do, and which page people get if they do anything else."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from widget.i18n import messages as words
from widget.pages import loader, templating, views
from widget.pages.templating import Templates

OURS = "<main>{% block one %}one{% endblock %}{% block two %}two{% endblock %}</main>\n"
SPEECH = views.Speech("en", "ltr", words.choose("en"))
Write = Callable[..., Path]


@dataclass(frozen=True)
class Secretive:
    shown: str = "shown"
    _hidden: str = "hunter2"

    @property
    def computed(self) -> str:
        return "hunter2"


VALUES = {
    "words": SPEECH,
    "product": views.Product("acme", "Acme", ("https://acme.example",), None, None, "on"),
    "thing": Secretive(),
    "text": "x" * 1000,
    "names": ("a", "b"),
    "errors": {"a": ("b",)},
}


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "form.html").write_text(OURS)
    (folder / "other.html").write_text("other")
    (tmp_path / "secret.txt").write_text("hunter2")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "form.html", slug: str = "acme") -> Path:
        path = tmp_path / "products" / slug / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    (tmp_path / "products").mkdir()
    return write


def templates(
    ours: Path, *, reload: bool = True, seconds: float = 0.25, clock: Callable[[], float] = time.monotonic
) -> Templates:
    return Templates(
        ours,
        ours.parent / "products",
        slugs=("acme", "zebra"),
        static=lambda name: f"/static/1/{name}",
        reload=reload,
        seconds=seconds,
        clock=clock,
    )


def rendered(ours: Path, *, seconds: float = 0.25) -> tuple[str, list[dict[str, object]]]:
    """The page, and the log."""
    with capture_logs() as logs:
        page = templates(ours, seconds=seconds).render("acme", "form.html", VALUES)
    return page, [dict(line) for line in logs]


def test_a_product_replaces_a_block_and_ours_stays_reachable_by_two_names(ours: Path, write: Write) -> None:
    for name in ("default:form.html", "form.html"):
        write(f'{{% extends "{name}" %}}{{% block one %}}ONE {{{{ super() }}}}{{% endblock %}}')
        assert rendered(ours)[0] == "<main>ONE onetwo</main>"


def test_a_partial_of_a_product_comes_before_ours(ours: Path, write: Write) -> None:
    (ours / "form.html").write_text('{% include "other.html" %}{% include "default:other.html" %}')
    write("theirs", "other.html")
    assert rendered(ours)[0] == "theirsother"


def test_what_is_put_in_is_escaped_whatever_the_file_is_called(ours: Path, write: Write) -> None:
    write("{{ '<b>' }}", "note.txt")
    write('{% include "note.txt" %}')
    assert rendered(ours)[0] == "&lt;b&gt;"


BROKEN = {
    "syntax": ("\n{% if %}", 2, "expression"),
    "an unknown filter": ("\n\n{{ 1|lipsum }}", 3, "No filter named 'lipsum'"),
    "an undefined value": ("\n{{ nothing }}", 2, "'nothing' is undefined"),
    "an undefined attribute": ("{{ product.colour }}", 1, "no attribute 'colour'"),
    "a text that there is not": ("{{ words('nope') }}", 1, "there is no text 'nope'"),
    "none shown": ("{{ product.consent }}", 1, "NoneType"),
    "a list shown": ("{{ names }}", 1, "tuple"),
    "a division by zero": ("\n{{ 1 // 0 }}", 2, "division"),
    "an include upward": ('{% include "../secret.txt" %}', 1, "is outside the templates' folder"),
    "an include by a whole path": ('{% include "/etc/passwd" %}', 1, "outside the templates"),
    "an include of another product's": ('{% include "../zebra/form.html" %}', 1, "outside the templates"),
    "an include of nothing": ('{% include "nothing.html" %}', 1, "nothing.html"),
    "an include of itself through another": ('{% include "a.html" %}', 1, "endlessly"),
    "a hidden field": ("{{ thing._hidden }}", 1, "unsafe"),
    "a property": ("{{ thing.computed }}", 1, "unsafe"),
    "the words' own object": ("{{ words._words.texts }}", 1, "unsafe"),
    "the class of something": ("{{ ''.__class__.__mro__ }}", 1, "unsafe"),
    "the globals of a function": ("{{ static.__globals__ }}", 1, "unsafe"),
    "a secret through format": ("{{ '{0.__class__}'.format(thing) }}", 1, "unsafe"),
    "a secret through map": ("{{ [thing]|map(attribute='_hidden')|join }}", 1, "unsafe"),
    "a change of a list": ("{% set l = [1] %}{{ l.append(2) }}", 1, "unsafe"),
    "the request": ("{{ request.headers }}", 1, "'request' is undefined"),
    "the environment": ("{{ self.environ }}", 1, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_template_gets_ours_and_its_file_and_line_are_named(name: str, ours: Path, write: Write) -> None:
    text, line, reason = BROKEN[name]
    write(text)
    write('{% include "b.html" %}', "a.html")
    write('{% include "a.html" %}', "b.html")
    page, logs = rendered(ours, seconds=60)  # so that a slow machine does not reach this limit before the fault
    assert page == OURS.replace("{% block one %}one{% endblock %}{% block two %}two{% endblock %}", "onetwo").strip()
    (entry,) = logs
    assert entry["event"] == "template.failed"
    assert entry["product"] == "acme"
    assert reason in str(entry["reason"])
    if "itself" not in name:
        assert entry["at"] == f"acme/form.html:{line}"
    assert "hunter2" not in str(logs)


GREEDY = {
    "loops in loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a %}{% endfor %}{% endfor %}",
    "loops over a text": "{% for a in text %}{% for b in text %}{% set c = a %}{% endfor %}{% endfor %}" * 9,
    "a macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "filters by the hundred": "{% set l = range(19999)|list %}" + "{% set m = l|sort(reverse=true) %}" * 900,
    "a macro without an end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a recursive loop": "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "a long range": "{% for a in range(10 ** 9) %}{% endfor %}",
    "a text doubled by adding": (
        "{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}"
    ),
    "a text doubled by joining": (
        "{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}"
    ),
    "a text doubled by printing": "{% set a %}xxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40,
    "a list doubled": "{% set ns = namespace(l=[1]) %}{% for a in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "a multiplied text": "{{ 'x' * 10 ** 9 }}",
    "a large power": "{{ 9 ** 9 ** 9 }}",
    "a wide format": "{{ '{:1000000000}'.format(1) }}",
    "a wide centre": "{{ 'x'|center(1000000000) }}",
    "much written": "{% for a in range(9999) %}{{ text }}{% endfor %}",
    "deep parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "many nested loops": "{% for a in names %}" * 30 + "{% endfor %}" * 30,
    "a large file": "x" * (loader.MAX_SOURCE + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", GREEDY)
def test_a_template_without_an_end_or_a_measure_is_stopped(name: str, ours: Path, write: Write) -> None:
    write(GREEDY[name])
    tracemalloc.start()
    try:
        page, logs = rendered(ours)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert page == "<main>onetwo</main>"
    assert [line["event"] for line in logs] == ["template.failed"]
    assert peak < 150_000_000


def test_the_time_in_which_a_template_is_compiled_is_not_taken_from_its_page(ours: Path, write: Write) -> None:
    slow = "{% if false %}" + "{{ a }}" * 9000 + "{% endif %}"  # some hundreds of milliseconds, once
    write('{% include "slow.html" %}' + "{{ text }}" * 20)
    write(slow, "slow.html")
    with capture_logs() as logs:
        page = templates(ours, seconds=0.1).render("acme", "form.html", VALUES)
    assert logs == []
    assert page == "x" * 20_000


def test_a_broken_template_of_one_product_leaves_the_others_alone(ours: Path, write: Write) -> None:
    write("{{ nothing }}")
    write("zebra's", slug="zebra")
    known = templates(ours)
    assert known.render("acme", "form.html", VALUES) == "<main>onetwo</main>"
    assert known.render("zebra", "form.html", VALUES) == "zebra's"


def test_an_error_is_logged_once_for_each_change(ours: Path, write: Write) -> None:
    write("{{ nothing }}")
    known = templates(ours)
    with capture_logs() as logs:
        for _ in range(3):
            known.render("acme", "form.html", VALUES)
        assert len(logs) == 1
        time.sleep(0.01)
        write("\n{{ nothing }}")
        for _ in range(3):
            known.render("acme", "form.html", VALUES)
    assert [line["at"] for line in logs] == ["acme/form.html:1", "acme/form.html:2"]


def test_a_change_is_seen_at_once_in_development_and_not_otherwise(ours: Path, write: Write) -> None:
    write("before")
    live, fixed = templates(ours), templates(ours, reload=False)
    assert {known.render("acme", "form.html", VALUES) for known in (live, fixed)} == {"before"}
    time.sleep(0.01)
    write("after!")
    assert live.render("acme", "form.html", VALUES) == "after!"
    assert fixed.render("acme", "form.html", VALUES) == "before"


def test_a_template_that_was_put_right_is_used_at_once_in_development(ours: Path, write: Write) -> None:
    path = write("{% for a in range(10 ** 9) %}{% endfor %}")
    known = templates(ours)
    assert known.render("acme", "form.html", VALUES) == "<main>onetwo</main>"
    time.sleep(0.01)
    path.write_text("right")
    assert known.render("acme", "form.html", VALUES) == "right"


def test_a_template_that_exceeded_a_limit_is_not_tried_again_for_a_while(ours: Path, write: Write) -> None:
    now = [1000.0]
    write("{% if text|length > 5 %}{{ range(999)|join(text) }}{% endif %}theirs")
    known = templates(ours, reload=False, clock=lambda: now[0])
    short = {**VALUES, "text": ""}
    assert known.render("acme", "form.html", VALUES) == "<main>onetwo</main>"
    assert known.render("acme", "form.html", short) == "<main>onetwo</main>"
    now[0] += templating.PAUSE + 1
    assert known.render("acme", "form.html", short) == "theirs"


def test_a_link_out_of_the_folder_is_not_followed(ours: Path, write: Write) -> None:
    path = write('{% include "link.html" %}')
    path.with_name("link.html").symlink_to(ours.parent / "secret.txt")
    page, logs = rendered(ours)
    assert "hunter2" not in page
    assert "link to outside" in str(logs)


def test_ordinary_templates_have_what_they_need(ours: Path, write: Write) -> None:
    write(
        "{% set ns = namespace(n=0) %}{% macro tag(x) %}<i>{{ x }}</i>{{ caller() if caller is defined }}{% endmacro %}"
        "{% for name in names %}{{ loop.index }}/{{ loop.length }}{{ name|upper }}{% set ns.n = ns.n + 1 %}{% endfor %}"
        "{{ tag('<') }}{% call tag(1) %}!{% endcall %}{{ names|join(', ') }}{{ 'a' ~ 1 ~ '<' }}{{ ns.n * 2 }}"
        "{{ ' x'.strip() }}{{ product.name|replace('A', 'B') }}{{ [3, 1]|sort|first }}"
        "{{ [1, 2]|sum }}{{ names|tojson }}"
        "{{ 'y' if false }}{{ errors.a|first }}{{ asset('logo.svg') }}{{ words('send') }}{{ names[0] }}"
        "{% for key, value in errors.items() %}{{ key }}{% endfor %}{% for x in [] %}{% else %}none{% endfor %}"
    )
    page, logs = rendered(ours)
    assert logs == []
    assert page == (
        '1/2A2/2B<i>&lt;</i><i>1</i>!a, ba1&lt;4xBcme13["a", "b"]b/static/1/products/acme/logo.svgSend feedbackaanone'
    ).replace('["a", "b"]', '["a","b"]')


def test_problems_are_found_before_anybody_asks_for_a_page(ours: Path, write: Write) -> None:
    write("fine", "_fine.html")
    write("\n{% if %}", "thanks.html")
    (problem,) = templates(ours).problems("acme")
    assert problem.name == "acme/thanks.html:2"
    assert list(templates(ours).problems("zebra")) == []
