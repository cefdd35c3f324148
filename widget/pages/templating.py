"""Templates: a product's own folder first, ours behind it, and nothing that a template does can harm anybody else.

A template sees plain, frozen values. It may read their fields and call what is meant to be called; it can neither loop
for ever nor fill the memory, for every step, every call and every written character is paid from a budget that a
render begins with. Whatever goes wrong in a product's template, the page is rendered from ours, and the log names file
and line, once for each change. What the pages say is left to `pages`.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any, cast

import structlog
from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    nodes,
    pass_context,
    pass_eval_context,
)
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import do_replace
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup, escape

from widget.errors import Problem, WidgetError

log = structlog.get_logger("widget.pages.templating")

DEFAULT = "default:"
"""Before a template's name: ours, whatever the product has."""

MAX_SOURCE = 64 * 1024
"""Bytes of one template; our largest has ten thousand."""
MAX_STEPS = 20_000
"""Turns of loops, calls, filters and pieces of output in one render. The form takes some hundreds."""
MAX_SIZE = 2_000_000
"""Characters and items of everything that one render writes or calculates, put together."""
MAX_VALUE = 100_000
"""Characters or items of one value."""
MAX_TIME = 0.25
"""Seconds of processor time that one render may take; ours takes some thousandths."""
MAX_COMPILE = 3.0
"""Seconds of processor time beside it in which the files of one render are compiled, which comes once; ours take some
hundredths."""
PAUSE = 60.0
"""Seconds for which a product that spent a budget gets our template, before its own is tried again."""

_TEXT_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower", "isspace",
    "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rpartition", "rsplit", "rstrip",
    "split", "splitlines", "startswith", "strip", "title", "upper",
})  # fmt: skip
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
_LOOP = frozenset({
    "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
    "revindex", "revindex0",
})  # fmt: skip
_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat", "first", "float",
    "forceescape", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "title", "tojson", "trim",
    "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""Jinja's filters whose work grows no faster than what they are given. `join` and `replace` are our own."""


class BudgetSpent(WidgetError):
    """A template wants more than a page may take."""


class TemplateBroken(WidgetError):
    """A product's template makes no page; `problem` names file and line."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.name}: {problem.message}")


class _Budget:
    """What one render, or one file that is compiled, may still spend."""

    def __init__(self, seconds: float = MAX_TIME) -> None:
        self._seconds = seconds
        self._steps = MAX_STEPS
        self._size = MAX_SIZE
        self._end = time.thread_time() + seconds
        self._compiling = MAX_COMPILE

    def step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise BudgetSpent(f"it takes more than {MAX_STEPS} steps: is there a loop without an end?")
        if self._steps % 8 == 0 and time.thread_time() > self._end:
            raise BudgetSpent(f"it takes more than {self._seconds:g} seconds")

    def pay(self, size: int) -> None:
        self._size -= size
        if self._size < 0:
            raise BudgetSpent(f"it makes more than {MAX_SIZE} characters and items")

    def compiled(self, seconds: float) -> None:
        """A file was compiled meanwhile: that is paid for apart."""
        self._end += seconds
        self._compiling -= seconds
        if self._compiling < 0:
            raise BudgetSpent(f"its files take more than {MAX_COMPILE:g} seconds to compile")


_budget: ContextVar[_Budget] = ContextVar("budget")


class Templates:
    """The templates of all products. `products` is the folder that holds one folder for each slug."""

    def __init__(
        self,
        ours: Path,
        products: Path | None,
        *,
        slugs: Iterable[str],
        static: Callable[[str], str],
        reload: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._reload = reload
        self._default = _SandboxedEnvironment(_Loader(ours, None), static, None, reload)
        self._products = {
            slug: _SandboxedEnvironment(_Loader(ours, products / slug), static, slug, reload)
            for slug in slugs
            if products is not None and (reload or (products / slug).is_dir())
        }
        self._paused: dict[tuple[str, str], tuple[float, object]] = {}
        self._named: set[tuple[object, ...]] = set()

    def render(self, slug: str | None, name: str, values: Mapping[str, object]) -> str:
        """The page, from the product's own templates as long as these work."""
        page = self.render_own(slug, name, values)
        return _render(self._default, name, values) if page is None else page

    def render_own(self, slug: str | None, name: str, values: Mapping[str, object]) -> str | None:
        """The page from the templates that are meant for it; None when the product's own make none, for now."""
        environment = self._products.get(slug) if slug is not None else None
        if environment is None or slug is None:
            return _render(self._default, name, values)
        until, state = self._paused.get((slug, name), (0.0, None))
        if until > self._clock() and state == self._state(environment):
            return None
        try:
            return _render(environment, name, values)
        except Exception as error:  # whatever it is: it is theirs, and the person must not notice
            if isinstance(error, _LASTING):
                self._paused[slug, name] = (self._clock() + PAUSE, self._state(environment))
            self._tell(slug, environment, name, error)
            return None

    def problems(self, slug: str) -> Iterator[Problem]:
        """What is wrong with a product's templates, as far as can be told without a page: file and line, and reason."""
        environment = self._products.get(slug)
        if environment is None:
            return
        for name in environment.loader.own_names():
            try:
                environment.get_template(name)
            except Exception as error:
                yield _problem(environment, name, error)

    def _state(self, environment: "_SandboxedEnvironment") -> object:
        return environment.loader.state() if self._reload else None

    def _tell(self, slug: str, environment: "_SandboxedEnvironment", name: str, error: Exception) -> None:
        problem = _problem(environment, name, error)
        known = (slug, problem, self._state(environment))
        if known not in self._named:
            if len(self._named) > _MOST_NAMED:
                self._named.clear()
            self._named.add(known)
            log.error("template.failed", product=slug, template=name, at=problem.name, reason=problem.message)


class StrictTemplates(Templates):
    """The same for those who write templates: nothing stands in for a product's own that is broken."""

    def render_own(self, slug: str | None, name: str, values: Mapping[str, object]) -> str:
        """The page. Raises TemplateBroken."""
        environment = self._products.get(slug, self._default) if slug is not None else self._default
        try:
            return _render(environment, name, values)
        except Exception as error:
            raise TemplateBroken(_problem(environment, name, error)) from error


_LASTING = (BudgetSpent, MemoryError, RecursionError, SyntaxError, TemplateSyntaxError, TemplateNotFound)
"""Errors that would come again at once, and cost."""
_MOST_NAMED = 1000


def _render(environment: "_SandboxedEnvironment", name: str, values: Mapping[str, object]) -> str:
    reset = _budget.set(_Budget())
    try:
        return environment.get_template(name).render(values)
    finally:
        _budget.reset(reset)


def _problem(environment: "_SandboxedEnvironment", name: str, error: Exception) -> Problem:
    """File and line of an error in a template, and what it is."""
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
            return "it calls or includes itself without an end"
        case MemoryError():
            return "it takes too much memory"
        case SyntaxError():
            return f"it is nested too deeply: {error.msg}"
        case TemplateNotFound():
            return str(error.message or f"there is no template {error.name!r}")
        case _:
            return str(error.args[0]) if error.args else type(error).__name__


class _Loader(BaseLoader):
    """Reads a template from the product's folder, else from ours. Nothing outside of both can be named."""

    def __init__(self, ours: Path, product: Path | None) -> None:
        self._ours = ours.resolve()
        self.product = product.resolve() if product else None

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template, where it lies, and whether it is still the same."""
        path = self._find(template)
        if path is None:
            raise TemplateNotFound(template)
        stat = path.stat()
        if stat.st_size > MAX_SOURCE:
            raise TemplateNotFound(template, f"{template} has more than {MAX_SOURCE} bytes")
        stamp = (path, stat.st_mtime_ns, stat.st_size)

        def is_current() -> bool:
            found = self._find(template)
            if found is None:
                return False
            now = found.stat()
            return (found, now.st_mtime_ns, now.st_size) == stamp

        try:
            return path.read_text("utf-8"), str(path), is_current
        except UnicodeDecodeError:
            raise TemplateNotFound(template, f"{template} is not written in UTF-8") from None

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:  # noqa: A002
        """The template, compiled at its own expense: a first page must not fail because a machine is slow."""
        rendering, began = _budget.get(None), time.thread_time()
        reset = _budget.set(_Budget(MAX_COMPILE))
        try:
            template = super().load(environment, name, globals)
        finally:
            _budget.reset(reset)
        if rendering:
            rendering.compiled(time.thread_time() - began)
        return template

    def holds(self, filename: str) -> bool:
        """Whether a file is one of the templates."""
        folders = (self._ours, self.product) if self.product else (self._ours,)
        return any(Path(filename).is_relative_to(folder) for folder in folders)

    def shown(self, filename: str) -> str:
        """A file of the product by its path within the folder of products; one of ours by its name."""
        path = Path(filename)
        if self.product and path.is_relative_to(self.product):
            return path.relative_to(self.product.parent).as_posix()
        return DEFAULT + path.name

    def own_names(self) -> list[str]:
        """The templates in the product's own folder."""
        if self.product is None:
            return []
        return sorted(path.relative_to(self.product).as_posix() for path in self.product.rglob("*.html"))

    def state(self) -> frozenset[tuple[str, int]]:
        """What changes whenever a file of the product does."""
        if self.product is None:
            return frozenset()
        return frozenset((str(path), path.stat().st_mtime_ns) for path in self.product.rglob("*") if path.is_file())

    def _find(self, template: str) -> Path | None:
        name = template.removeprefix(DEFAULT)
        parts = name.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise TemplateNotFound(template, f"{template!r} leads out of the templates' folder")
        folders = [self.product] if self.product and name == template else []
        for folder in (*folders, self._ours if len(parts) == 1 else None):
            if folder is not None and (path := folder.joinpath(*parts)).is_file():
                if not path.resolve().is_relative_to(folder):
                    raise TemplateNotFound(template, f"{template!r} is a link out of the templates' folder")
                return path
        return None


class _SandboxedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja, with nothing in reach but what is documented, and every step counted."""

    loader: _Loader
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, loader: _Loader, static: Callable[[str], str], slug: str | None, reload: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=reload,
            finalize=_written,
        )
        known = self.filters
        self.filters = {name: _paid(known[name]) for name in _FILTERS} | {"join": _paid(_join)}
        self.filters |= {"replace": _replace, "sum": _sum, _TURNS: _turns, _JOINED: _joined, _SAID: _say}
        self.globals = {
            "static": static,
            "asset": _asset(static, slug),
            "range": _range,
            "cycler": Cycler,
            "joiner": Joiner,
            "namespace": Namespace,
        }
        self.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}

    def join_path(self, template: str, parent: str) -> str:
        """A template that extends or includes its own name means ours."""
        _step()
        return DEFAULT + template if template == parent else template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _counted(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Fields of frozen values, and little else."""
        return super().is_safe_attribute(obj, attr, value) and _is_open(obj, attr)

    def wrap_str_format(self, value: Any) -> None:
        """`format` is no method that a template has: widths could ask for any amount of memory."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what may be called, for a step."""
        _step()
        return _bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers; join texts and lists, as far as they stay small."""
        _step()
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" and (not numbers or abs(left) > 1000 or abs(right) > 100):
            raise BudgetSpent("the power is too large")
        if operator != "+" and not numbers:
            raise SecurityError(f"{operator} is for numbers")
        return _bounded(super().call_binop(context, operator, left, right))


def _is_open(obj: object, name: str) -> bool:
    """Whether a template may read this attribute. Items of mappings, and so blocks, are not asked for here."""
    match obj:
        case str():
            return name in _TEXT_METHODS
        case dict():
            return name in _MAPPING_METHODS
        case LoopContext():
            return name in _LOOP
        case BlockReference():
            return name == "super"
        case Cycler():
            return name in ("next", "reset", "current")
        case Namespace() | TemplateModule():
            return not name.startswith("_")
    if is_dataclass(obj) and not isinstance(obj, type):
        return name in {field.name for field in fields(obj)} and not name.startswith("_")
    return False


# --- the budget -------------------------------------------------------------------------------------------------

# No template can write these names, so no template can take them away.
_TURNS, _JOINED, _SAID = " turns", " joined", " said"


def _counted(template: nodes.Template) -> nodes.Template:
    """The template, with its loops, its `~` and its plain text made to pay."""
    for loop in template.find_all(nodes.For):
        loop.iter = _filtered(cast(nodes.Expr, loop.iter), _TURNS)
    for concat in [*template.find_all(nodes.Concat)]:
        items = nodes.List(concat.nodes, lineno=concat.lineno)
        concat.nodes = [_filtered(items, _JOINED)]
    for output in template.find_all(nodes.Output):
        size = sum(len(node.data) for node in output.nodes if isinstance(node, nodes.TemplateData))
        if size:
            output.nodes.insert(0, _filtered(nodes.Const(size, lineno=output.lineno), _SAID))
    return template


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    found = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    found.set_environment(node.environment) if node.environment else None
    return found


def _step() -> None:
    if budget := _budget.get(None):
        budget.step()


def _bounded(value: Any) -> Any:
    """A value that was calculated, as long as it is small, and paid for."""
    if isinstance(value, str | list | tuple | dict):
        if len(value) > MAX_VALUE:
            raise BudgetSpent(f"a value has more than {MAX_VALUE} characters or items")
        if budget := _budget.get(None):
            budget.pay(len(value))
    if isinstance(value, int) and value.bit_length() > 1024:
        raise BudgetSpent("a number is too large")
    return value


def _paid(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that costs a step, and whose result is bounded."""

    @wraps(function)  # takes along what Jinja has marked it with
    def paid(*args: Any, **kwargs: Any) -> Any:
        _step()
        return _bounded(function(*args, **kwargs))

    return paid


@pass_context
def _say(_: Context, size: int) -> Markup:
    """Pays for plain text of the template, and writes nothing."""
    if budget := _budget.get(None):
        budget.pay(size)
    return Markup("")


@pass_context
def _turns(_: Context, values: Iterable[object]) -> Iterable[object]:
    """What a loop goes through: a list as a list, so that `loop.length` works, and anything else step by step."""
    budget = _budget.get(None)
    if budget is None:
        return values
    return _Turns(values, budget)


class _Turns:
    """An iterable that pays for each turn, and knows its length if what it goes through does."""

    def __init__(self, values: Iterable[object], budget: _Budget) -> None:
        self._values = values
        self._budget = budget

    def __len__(self) -> int:
        return len(self._values)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[object]:
        for value in self._values:
            self._budget.step()
            yield value


@pass_context
def _written(_: Context, value: object) -> object:
    """Whatever a template writes passes here, be it to the page, or into the text of a macro or a `set` block."""
    _step()
    return _bounded(_text(value))


def _text(value: object) -> str:
    if isinstance(value, str | int | float):
        return value if isinstance(value, str) else str(value)
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what there is not; of an `if` without `else` it is nothing
    if hasattr(value, "__html__"):
        return Markup(value)  # noqa: S704 - it says itself that it is markup
    raise SecurityError(f"a {type(value).__name__} is nothing to be shown")


@pass_context
def _joined(context: Context, values: list[object]) -> str:
    """`a ~ b`."""
    _step()
    return _join(context.eval_ctx, values)


@pass_eval_context
def _join(context: EvalContext, values: Iterable[object], between: str = "", attribute: str | None = None) -> str:
    """Jinja's `join`, which stops before the text is too long."""
    pieces: list[str] = []
    size = 0
    for value in values:
        _step()
        pieces.append(_text(context.environment.getattr(value, attribute) if attribute else value))
        size += len(pieces[-1]) + len(between)
        if size > MAX_VALUE:
            raise BudgetSpent(f"a value has more than {MAX_VALUE} characters or items")
    if any(isinstance(piece, Markup) for piece in (between, *pieces)):
        return escape(between).join(pieces)
    return between.join(pieces)


@pass_eval_context
def _replace(context: EvalContext, text: object, old: str, new: str, count: int = -1) -> str:
    """Jinja's `replace`, which looks first how long the text becomes."""
    _step()
    text = _text(text)
    if len(text) + text.count(old) * len(new) * _ESCAPED > MAX_VALUE:
        raise BudgetSpent(f"a value has more than {MAX_VALUE} characters or items")
    return cast(str, _bounded(do_replace(context, text, old, new, None if count < 0 else count)))


_ESCAPED = 6
"""Characters that one character may become when it is escaped."""


def _sum(values: Iterable[float], start: float = 0) -> float:
    """Jinja's `sum`, of numbers."""
    total = start
    for value in values:
        _step()
        if not isinstance(value, int | float):
            raise SecurityError("sum is for numbers")
        total += value
    return total


def _range(*bounds: int) -> range:
    values = range(*bounds)
    if len(values) > MAX_STEPS:
        raise BudgetSpent(f"a range has more than {MAX_STEPS} numbers")
    return values


def _asset(static: Callable[[str], str], slug: str | None) -> Callable[[str], str]:
    def asset(name: str) -> str:
        """The address of a file of the product's own."""
        if slug is None:
            raise KeyError("there is no product whose file this could be")
        return static(f"products/{slug}/{name}")

    return asset
