"""Renders templates: a product's own, or ours if these fail.

A template gets plain, frozen values. It may read their fields and call what may be called (`sandbox`), within `limits`.
Whatever goes wrong in a product's template, the page is rendered from ours, and the log names file and line, once for
each change. `pages` decides what a page says.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import structlog
from jinja2 import TemplateNotFound, TemplateSyntaxError

from widget.errors import Problem, WidgetError
from widget.pages.limits import MAX_PAGE, MAX_SECONDS, Deadline, LimitExceeded, deadline
from widget.pages.loader import DEFAULT, Loader
from widget.pages.sandbox import SandboxedEnvironment

log = structlog.get_logger("widget.pages.templating")

PAUSE = 60.0
"""Seconds for which a product whose template exceeded a limit gets our templates before its own are tried again."""


class TemplateBroken(WidgetError):
    """A product's template fails. `problem` names file and line."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.name}: {problem.message}")


class Templates:
    """The templates of all products. `products` is the folder with one folder for each slug."""

    def __init__(
        self,
        ours: Path,
        products: Path | None,
        *,
        slugs: Iterable[str],
        static: Callable[[str], str],
        reload: bool = False,
        seconds: float = MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._reload = reload
        self._default = SandboxedEnvironment(Loader(ours, None), static, None, reload)
        self._products = {
            slug: SandboxedEnvironment(Loader(ours, products / slug), static, slug, reload)
            for slug in slugs
            if products is not None and (reload or (products / slug).is_dir())
        }
        self._paused: dict[tuple[str, str], tuple[float, object]] = {}
        self._named: set[tuple[object, ...]] = set()

    def render(self, slug: str | None, name: str, values: Mapping[str, object]) -> str:
        """The page, from the product's own templates unless they fail."""
        page = self.render_own(slug, name, values)
        return self._render(self._default, name, values) if page is None else page

    def render_own(self, slug: str | None, name: str, values: Mapping[str, object]) -> str | None:
        """The page from the product's own templates; None while these fail. Without own ones, from ours."""
        environment = self._products.get(slug) if slug is not None else None
        if environment is None or slug is None:
            return self._render(self._default, name, values)
        until, state = self._paused.get((slug, name), (0.0, None))
        if until > self._clock() and state == self._state(environment):
            return None
        try:
            return self._render(environment, name, values)
        except Exception as error:  # whatever it is, it is the template's, and the person must not notice
            if isinstance(error, _LASTING):
                self._paused[slug, name] = (self._clock() + PAUSE, self._state(environment))
            self._tell(slug, environment, name, error)
            return None

    def problems(self, slug: str) -> Iterator[Problem]:
        """What is wrong with a product's templates, as far as it shows without rendering: file and line, and reason."""
        environment = self._products.get(slug)
        if environment is None:
            return
        for name in environment.loader.own_names():
            try:
                environment.get_template(name)
            except Exception as error:
                yield _problem(environment, name, error)

    def _render(self, environment: SandboxedEnvironment, name: str, values: Mapping[str, object]) -> str:
        reset = deadline.set(Deadline(self._seconds))
        try:
            return "".join(_within_a_page(environment.get_template(name).generate(values)))
        finally:
            deadline.reset(reset)

    def _state(self, environment: SandboxedEnvironment) -> object:
        return environment.loader.state() if self._reload else None

    def _tell(self, slug: str, environment: SandboxedEnvironment, name: str, error: Exception) -> None:
        problem = _problem(environment, name, error)
        known = (slug, problem, self._state(environment))
        if known not in self._named:
            if len(self._named) > _MOST_NAMED:
                self._named.clear()
            self._named.add(known)
            log.error("template.failed", product=slug, template=name, at=problem.name, reason=problem.message)


class StrictTemplates(Templates):
    """The same for authors of templates: a broken template is an error, and ours do not replace it."""

    def render_own(self, slug: str | None, name: str, values: Mapping[str, object]) -> str:
        """The page. Raises TemplateBroken."""
        environment = self._products.get(slug, self._default) if slug is not None else self._default
        try:
            return self._render(environment, name, values)
        except Exception as error:
            raise TemplateBroken(_problem(environment, name, error)) from error


_LASTING = (LimitExceeded, MemoryError, RecursionError, SyntaxError, TemplateSyntaxError, TemplateNotFound)
"""Errors that would recur at once, and are costly."""
_MOST_NAMED = 1000


def _within_a_page(pieces: Iterable[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_PAGE:
            raise LimitExceeded(f"it makes more than {MAX_PAGE} characters")
        yield piece


def _problem(environment: SandboxedEnvironment, name: str, error: Exception) -> Problem:
    """The file and line of an error in a template, and what is wrong."""
    loader = environment.loader
    if isinstance(error, TemplateSyntaxError):
        return Problem(f"{loader.shown(error.filename or name)}:{error.lineno}", error.message or "is no template")
    places = [
        f"{loader.shown(frame.f_code.co_filename)}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if loader.holds(frame.f_code.co_filename)
    ]
    theirs = [place for place in places if not place.startswith(DEFAULT)]
    return Problem((theirs or places or [name])[-1], _reason(error))


def _reason(error: Exception) -> str:
    match error:
        case RecursionError():
            return "it calls or includes itself endlessly"
        case MemoryError():
            return "it takes too much memory"
        case SyntaxError():
            return f"it is nested too deeply: {error.msg}"
        case TemplateNotFound():
            is_named_only = error.message in (None, error.name)
            return f"there is no template {error.name!r}" if is_named_only else str(error.message)
        case _:
            return str(error.args[0]) if error.args else type(error).__name__
