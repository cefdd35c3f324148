"""Fixtures of every test: Insider Connect, the widget and a browser, each as a process of its own."""

import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from bed import Sandbox, Widget, plain_environ
from children import fork_from_now_on
from chromium import Chromium
from playwright.sync_api import Browser, ConsoleMessage, Page
from postgres import Postgres, memory

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine is no fault of a test case
hypothesis.settings.load_profile("tests")

LONGEST = ("test_chaos", "test_several_machines", "test_shell", "test_secrets", "test_fuzz")
"""The modules with the longest tests, begun first: else everybody would wait for the last of them."""
STARTS_PROCESSES = {"_sandbox", "postgres", "browser", "children", "subprocess", "Process", "Widget", "Examiner"}
"""Fixtures that do, and what a module imports in order to."""

BROWSER = Path(__file__).parent / "browser"
"""The tests of which nearly all need Chromium, and none the event loop."""


def pytest_configure(config: pytest.Config) -> None:
    """Have programs forked, by each process that runs tests. A shell that runs them in the background has them ignore
    signals that tests send to programs."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        fork_from_now_on(plain_environ())
    gc.disable()  # until all is collected, of which nothing is garbage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the modules, and mark what starts a process."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))
    for item in items:
        if _starts_processes(item):
            item.add_marker("process")


def _starts_processes(item: pytest.Item) -> bool:
    """Whether a test does by its fixtures, or may because its module has the means."""
    assert isinstance(item, pytest.Function)
    asked = {*item.fixturenames, *vars(item.module)}
    if hasattr(item, "callspec") and item.callspec.params.get("database_url") == "postgresql":
        asked.add("postgres")
    return bool(STARTS_PROCESSES & asked)


_chromium = Chromium()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Close Chromium where the next test may want the event loop for itself."""
    try:
        yield
    finally:
        if not isinstance(nextitem, pytest.Function) or (
            nextitem.path != item.path
            and "browser" not in nextitem.fixturenames
            and not nextitem.path.is_relative_to(BROWSER)
        ):
            _chromium.close()


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def insider(_sandbox: Sandbox) -> Sandbox:
    """Insider Connect, empty and well behaved. It is shared: its ids and tokens go on from test to test."""
    _sandbox.recover()
    _sandbox.clear()
    return _sandbox


@pytest.fixture
def start_widget(insider: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Widget]]:
    """Starts a widget with settings of the test's own: `start_widget(DELIVERY_WAIT="0")`."""
    with ExitStack() as stack:

        def start(*, config: str | None = None, command: Sequence[str] | None = None, **environ: str) -> Widget:
            given = {"config": config, "command": command}
            chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
            return stack.enter_context(Widget(tmp_path, insider.url, **chosen, **environ))

        yield start


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    """The widget, started and alive."""
    return start_widget()


def pytest_collection_finish() -> None:
    """Leave what was collected to itself: the garbage collector would look through it again and again, for a quarter of
    a second of whatever test is running."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, running; a test that stops it starts it again."""
    with Postgres(memory()) as server:
        yield server


@pytest.fixture(autouse=True)
def _databases() -> Iterator[None]:
    """Databases that a test asks for are dropped once everything else of the test is over."""
    before = len(Postgres.made)
    yield
    while len(Postgres.made) > before:
        server, name = Postgres.made.pop()
        server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: of either kind, one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'widget.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def browser() -> Browser:
    """Chromium. It is closed before a module that does without it."""
    return _chromium.browser()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own. An error in a script, or something that a page's policy blocked, fails the test."""
    context = browser.new_context(locale="en-GB")
    troubles: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            troubles.append(message.text)

    context.on("console", listen)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()
    assert not troubles
