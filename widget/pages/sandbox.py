"""Jinja, with access to what is documented and nothing else, within the limits of a render."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import wraps
from types import CodeType
from typing import Any, cast

from jinja2 import BytecodeCache, StrictUndefined, Undefined, nodes, pass_eval_context
from jinja2.bccache import Bucket
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

from widget.pages.limits import LimitExceeded, bounded, check_time
from widget.pages.loader import DEFAULT, Loader

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
    "forceescape", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "sum",
    "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""Jinja's filters, except those that access attributes by name or make text of any length from a number."""


class _Compiled(BytecodeCache):
    """The code of each template file, compiled once for all products and languages."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, CodeType]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code, unless the file has changed since."""
        checksum, code = self._codes.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code."""
        if bucket.code is not None:
            self._codes[bucket.key] = (bucket.checksum, bucket.code)


_compiled = _Compiled()


class SandboxedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja, with access to what is documented and nothing else."""

    loader: Loader
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, loader: Loader, static: Callable[[str], str], slug: str | None, reload: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=reload,
            finalize=_written,
            bytecode_cache=_compiled,
        )
        known = self.filters | {"join": _join}
        self.filters = {name: _timed(known[name]) for name in _FILTERS} | {_TURNS: _Turns, _JOINED: _timed(_join)}
        self.globals = {
            "static": static,
            "asset": _asset(static, slug),
            "range": self.globals["range"],
            "cycler": Cycler,
            "joiner": Joiner,
            "namespace": Namespace,
        }
        self.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}

    def join_path(self, template: str, parent: str) -> str:
        """A template that extends or includes its own name means ours."""
        check_time()
        return DEFAULT + template if template == parent else template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _limited(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Fields of frozen values, and little else."""
        return super().is_safe_attribute(obj, attr, value) and _is_open(obj, attr)

    def wrap_str_format(self, value: Any) -> None:
        """Templates have no `format` method, because a width could ask for any amount of memory."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what may be called."""
        check_time()
        return bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers; join texts and lists while they stay small."""
        check_time()
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" and (not numbers or abs(left) > 1000 or abs(right) > 100):
            raise LimitExceeded("the power is too large")
        if operator != "+" and not numbers:
            raise SecurityError(f"{operator} is for numbers")
        return bounded(super().call_binop(context, operator, left, right))


def _is_open(obj: object, name: str) -> bool:
    """Whether a template may read this attribute. Items of mappings, such as blocks, are not checked here."""
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


_TURNS, _JOINED = " turns", " joined"
"""Our own filters. Templates cannot write names that begin with a blank, so none can replace them."""


def _limited(template: nodes.Template) -> nodes.Template:
    """The template, with loops that check the time at each turn, and a `~` that bounds what it joins."""
    for loop in template.find_all(nodes.For):
        loop.iter = _filtered(cast(nodes.Expr, loop.iter), _TURNS)
    for concat in [*template.find_all(nodes.Concat)]:
        items = nodes.List(concat.nodes, lineno=concat.lineno)
        concat.nodes = [_filtered(items, _JOINED)]
    return template


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    found = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    found.set_environment(node.environment) if node.environment else None
    return found


class _Turns:
    """What a loop iterates over. It checks the time at each turn, and has the length that `loop.length` needs."""

    def __init__(self, values: Iterable[object]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[object]:
        for value in self._values:
            check_time()
            yield value


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with a check of the time and a bounded result."""

    @wraps(function)  # keeps the marks that Jinja has set
    def timed(*args: Any, **kwargs: Any) -> Any:
        check_time()
        return bounded(function(*args, **kwargs))

    return timed


def _written(value: object) -> object:
    """Checks everything that a template outputs, to the page or into the text of a macro or a `set` block."""
    check_time()
    return bounded(_text(value))


def _text(value: object) -> str:
    if isinstance(value, str | int | float):
        return value if isinstance(value, str) else str(value)
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what is missing; for an `if` without `else` it is empty
    if hasattr(value, "__html__"):
        return Markup(value)  # noqa: S704 - it declares itself as markup
    raise SecurityError(f"a {type(value).__name__} cannot be shown")


@pass_eval_context
def _join(context: EvalContext, values: Iterable[object], between: str = "", attribute: str | None = None) -> str:
    """Jinja's `join`, of values that may be shown."""
    return cast(str, do_join(context, map(_text, values) if attribute is None else values, between, attribute))


def _asset(static: Callable[[str], str], slug: str | None) -> Callable[[str], str]:
    def asset(name: str) -> str:
        """The address of one of the product's own files."""
        if slug is None:
            raise KeyError("without a product, there are no files of its own")
        return static(f"products/{slug}/{name}")

    return asset
