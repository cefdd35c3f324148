"""Jinja, with nothing in reach but what is documented, and every step paid from the render's budget."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context, pass_eval_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import do_replace
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup, escape

from widget.pages.budget import MAX_STEPS, MAX_VALUE, Budget, BudgetSpent, bounded, current, paid, step
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
    "forceescape", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "title", "tojson", "trim",
    "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""Jinja's filters whose work grows no faster than what they are given. `join` and `replace` are our own."""


class SandboxedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja, with nothing in reach but what is documented, and every step counted."""

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
        )
        known = self.filters
        self.filters = {name: paid(known[name]) for name in _FILTERS} | {"join": paid(_join)}
        self.filters |= {"replace": _replace, "sum": _sum, TURNS: _turns, JOINED: _joined, SAID: _say}
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
        step()
        return DEFAULT + template if template == parent else template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return counted(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Fields of frozen values, and little else."""
        return super().is_safe_attribute(obj, attr, value) and _is_open(obj, attr)

    def wrap_str_format(self, value: Any) -> None:
        """`format` is no method that a template has: widths could ask for any amount of memory."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call what may be called, for a step."""
        step()
        return bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers; join texts and lists, as far as they stay small."""
        step()
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" and (not numbers or abs(left) > 1000 or abs(right) > 100):
            raise BudgetSpent("the power is too large")
        if operator != "+" and not numbers:
            raise SecurityError(f"{operator} is for numbers")
        return bounded(super().call_binop(context, operator, left, right))


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


# No template can write these names, so no template can take them away.
TURNS, JOINED, SAID = " turns", " joined", " said"


def counted(template: nodes.Template) -> nodes.Template:
    """The template, with its loops, its `~` and its plain text made to pay."""
    for loop in template.find_all(nodes.For):
        loop.iter = _filtered(cast(nodes.Expr, loop.iter), TURNS)
    for concat in [*template.find_all(nodes.Concat)]:
        items = nodes.List(concat.nodes, lineno=concat.lineno)
        concat.nodes = [_filtered(items, JOINED)]
    for output in template.find_all(nodes.Output):
        size = sum(len(node.data) for node in output.nodes if isinstance(node, nodes.TemplateData))
        if size:
            output.nodes.insert(0, _filtered(nodes.Const(size, lineno=output.lineno), SAID))
    return template


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    found = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    found.set_environment(node.environment) if node.environment else None
    return found


@pass_context
def _say(_: Context, size: int) -> Markup:
    """Pays for plain text of the template, and writes nothing."""
    if budget := current.get(None):
        budget.pay(size)
    return Markup("")


@pass_context
def _turns(_: Context, values: Iterable[object]) -> Iterable[object]:
    """What a loop goes through: a list as a list, so that `loop.length` works, and anything else step by step."""
    budget = current.get(None)
    if budget is None:
        return values
    return _Turns(values, budget)


class _Turns:
    """An iterable that pays for each turn, and knows its length if what it goes through does."""

    def __init__(self, values: Iterable[object], budget: Budget) -> None:
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
    step()
    return bounded(_text(value))


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
    step()
    return _join(context.eval_ctx, values)


@pass_eval_context
def _join(context: EvalContext, values: Iterable[object], between: str = "", attribute: str | None = None) -> str:
    """Jinja's `join`, which stops before the text is too long."""
    pieces: list[str] = []
    size = 0
    for value in values:
        step()
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
    step()
    text = _text(text)
    if len(text) + text.count(old) * len(new) * _ESCAPED > MAX_VALUE:
        raise BudgetSpent(f"a value has more than {MAX_VALUE} characters or items")
    return cast(str, bounded(do_replace(context, text, old, new, None if count < 0 else count)))


_ESCAPED = 6
"""Characters that one character may become when it is escaped."""


def _sum(values: Iterable[float], start: float = 0) -> float:
    """Jinja's `sum`, of numbers."""
    total = start
    for value in values:
        step()
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
