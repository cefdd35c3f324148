"""Reads the environment and `widget.toml` into settings, and reports every problem at once.

The environment is an argument, so tests never touch the environment of the process.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from widget.config import secrets
from widget.config.products import SLUG, Chips, Events, Fields, Identity, Product
from widget.config.secrets import suffix
from widget.config.sentences import sentence, suggestion
from widget.config.settings import VARIABLES, Account, Settings
from widget.config.validators import goes_out_plain
from widget.errors import ConfigurationError, Problem
from widget.telemetry import tracing
from widget.theming.themes import Theme

_OFF_TOGETHER = ("rate_limit_network", "rate_limit_unmarked", "rate_limit_total", "proof_surge")


def load(environ: Mapping[str, str]) -> Settings:
    """Read `environ`, and the files of secrets and products that it names.

    An empty variable counts as absent; blanks around a value are not part of it. A product whose theme cannot be used
    gets the default theme: one product's colours must not stop the feedback of the others. Raises ConfigurationError
    with every problem found.
    """
    problems: list[Problem] = []
    unusable: list[Problem] = []
    products = _products(places(environ)[0], problems, unusable)
    environ = secrets.with_files(environ, secrets.names(products), problems)
    environ = secrets.bare(environ, _ours(products), problems)
    given: dict[str, Any] = {name: text for name in VARIABLES if (text := environ.get(name.upper()))}
    if given.get("rate_limit", "").lower() == "off":
        given = {**dict.fromkeys(_OFF_TOGETHER, "off"), **given}
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({**given, "products": products})
    except ValidationError as error:
        named = {problem.name for problem in problems}
        problems += [
            Problem(_variable(fault["loc"]), sentence(fault))
            for fault in error.errors()
            if not (fault["type"] == "missing" and named.intersection(secrets.spellings(_variable(fault["loc"]))))
        ]
    problems += _misspelled(environ, products)
    accounts = {slug: _account(environ, slug, problems) for slug in products}
    identity_keys = {slug: _identity_keys(environ, product, problems) for slug, product in products.items()}
    event_secrets = {slug: _event_secrets(environ, product, problems) for slug, product in products.items()}
    if settings is not None:
        problems += _contradictions(settings)
    if settings is None or problems:
        raise ConfigurationError(problems + unusable)
    found = {
        "accounts": accounts,
        "identity_keys": identity_keys,
        "event_secrets": event_secrets,
        "unusable_themes": tuple(unusable),
    }
    return settings.model_copy(update=found)


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """Problems between two settings that are each fine alone."""
    if goes_out_plain(settings.insider_url) and not settings.insider_allow_http:
        yield Problem(
            "INSIDER_URL",
            "needs https, because it carries a secret; plain http is for localhost, or for a sandbox with "
            "INSIDER_ALLOW_HTTP=true",
        )
    if settings.sqlite_path and settings.web_concurrency > 1:
        yield Problem(
            "WEB_CONCURRENCY",
            "more than one process needs PostgreSQL; set DATABASE_URL=postgresql://… or WEB_CONCURRENCY=1",
        )
    if settings.alert_email and not settings.smtp_url:
        yield Problem("ALERT_EMAIL", "needs a mail server; give SMTP_URL, such as smtp://USER:PASSWORD@HOST:587")
    if settings.traces and not tracing.is_installed():
        yield Problem("TRACES", "needs OpenTelemetry; install it with pip install 'insider-feedback-widget[otel]'")
    if settings.sqlite_path and not settings.web_delivers:
        yield Problem("WEB_DELIVERS", "has to be true with SQLite, where only the web process can deliver")
    if settings.database_direct_url and not settings.database_direct_url.startswith("postgresql"):
        yield Problem("DATABASE_DIRECT_URL", "give postgresql://USER:PASSWORD@HOST/NAME")
    if settings.retry_min > settings.retry_max:
        yield Problem(
            "RETRY_MIN", f"is above RETRY_MAX ({settings.retry_max:g}); give at most that, or raise the other"
        )
    if settings.min_fill_time >= settings.token_max_age:
        yield Problem(
            "MIN_FILL_TIME", f"is not below TOKEN_MAX_AGE ({settings.token_max_age:g}): nobody could send a form"
        )
    if settings.delivery_timeout > 0.75 * settings.lease:
        longer = settings.delivery_timeout / 0.75
        yield Problem(
            "LEASE", f"is too short for DELIVERY_TIMEOUT={settings.delivery_timeout:g}; give at least {longer:g}"
        )
    elif settings.clamd and settings.delivery_timeout + settings.clamd_timeout > 0.95 * settings.lease:
        yield Problem("CLAMD_TIMEOUT", f"is too long: with DELIVERY_TIMEOUT it exceeds LEASE ({settings.lease:g} s)")


def places(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """The path of the products' file, and the folder with the products' own templates and static files."""
    config = Path(environ.get("WIDGET_CONFIG", "").strip() or "widget.toml")
    return config, Path(environ.get("CUSTOM_FOLDER", "").strip() or config.parent)


def load_products(path: Path, unusable: list[Problem] | None = None) -> Mapping[str, Product]:
    """Read the products' file alone. Raises ConfigurationError; for a theme that cannot be used as well, unless there
    is a list, which then gets the problem while the product gets the default theme."""
    problems: list[Problem] = []
    products = _products(path, problems, problems if unusable is None else unusable)
    if problems:
        raise ConfigurationError(problems)
    return products


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "environment"


_SHORT = 4
"""Letters of a setting's name up to which one letter more or less makes another word."""
_PER_PRODUCT = ("INSIDER_CLIENT_ID", "INSIDER_CLIENT_SECRET", "IDENTITY_KEY", "EVENTS_SECRET")


def _ours(products: Mapping[str, Product]) -> list[str]:
    """The names of all variables with a value."""
    return [
        *map(str.upper, VARIABLES),
        *(f"{base}__{suffix(slug)}" for base in _PER_PRODUCT for slug in products),
    ]


def _misspelled(environ: Mapping[str, str], products: Mapping[str, Product]) -> Iterator[Problem]:
    """Variables that were meant for us but that nothing reads: almost a setting, or for a product that does not exist.

    A misspelled product in the name of a credential would otherwise send its feedback to the default account, silently.
    """
    slugs = [suffix(slug) for slug in products]
    wanted = secrets.names(products)
    ours = {*_ours(products), *wanted, *(secrets.spellings(name)[1] for name in wanted)}
    known = [name for name in ours if "_" in name]
    words = [name for name in ours if "_" not in name]
    for name in secrets.credentials(environ):
        if name in ours and name not in wanted:
            yield Problem(name, "is a credential, but only secrets are read from files; set it as a variable")
    for name in (*environ, *secrets.credentials(environ)):
        base, separator, slug = name.partition("__")
        if name in ours:
            continue
        if (plain := name.removesuffix("_FILE")) in known:
            yield Problem(name, f"is not read, because only secrets come from files; set {plain} instead")
        elif separator and base in _PER_PRODUCT:
            if products:
                slug = slug.removesuffix("_FILE")
                hint = suggestion(slug, slugs)
                yield Problem(name, f"there is no product {slug.lower().replace('_', '-')!r} in widget.toml{hint}")
        elif hint := suggestion(name.upper(), known):
            yield Problem(name, f"is not a setting{hint}")
        elif meant := next((word for word in words if _is_slip(name, word)), None):
            yield Problem(name, f"is not a setting; did you mean {meant}?")


def _is_slip(name: str, word: str) -> bool:
    """Whether `name` is a setting of one word after one slip of the finger: a letter is typed twice or, behind the
    first, two letters are exchanged or, if the word is long enough, one is missing or too many. Anything else that is
    close to so short a name may be an ordinary variable, such as HOSTS, POOL or TRACKS."""
    places = range(1, len(word))
    doubled = {word[:at] + word[at - 1] + word[at:] for at in range(1, len(word) + 1)}
    exchanged = {word[:at] + word[at : at + 2][::-1] + word[at + 2 :] for at in places}
    longer, shorter = (name, word) if len(name) > len(word) else (word, name)
    without_one = {longer[:at] + longer[at + 1 :] for at in range(1, len(longer))}
    return name in doubled | exchanged or (len(word) > _SHORT and shorter in without_one)


def _account(environ: Mapping[str, str], slug: str, problems: list[Problem]) -> Account:
    """The product's own credentials, or the default account's. Half a pair is reported as a problem."""
    names = (f"INSIDER_CLIENT_ID__{suffix(slug)}", f"INSIDER_CLIENT_SECRET__{suffix(slug)}")
    client_id, client_secret = (environ.get(name, "") for name in names)
    if bool(client_id) != bool(client_secret):
        missing = names[0] if client_secret else names[1]
        other = names[1] if client_secret else names[0]
        problems.append(Problem(missing, f"is not set, but {other} is; set both or neither"))
    if not (client_id and client_secret):
        client_id = environ.get("INSIDER_CLIENT_ID", "")
        client_secret = environ.get("INSIDER_CLIENT_SECRET", "")
    return Account(client_id=client_id, client_secret=SecretStr(client_secret))


def _identity_keys(environ: Mapping[str, str], product: Product, problems: list[Problem]) -> tuple[SecretStr, ...]:
    """The secrets that verify HS256 signatures. A product with signed identities needs one, or a public key."""
    name = f"IDENTITY_KEY__{suffix(product.slug)}"
    given = environ.get(name, "")
    if given and product.identity is None:
        problems.append(Problem(name, f"is set, but products.{product.slug} has no [identity] table; add one"))
    if not given:
        if product.identity is not None and not product.identity.public_keys:
            problems.append(
                Problem(name, f"is not set, and products.{product.slug}.identity has no public_keys; one is needed")
            )
        return ()
    try:
        return tuple(SecretStr(key) for key in secrets.keys(given))
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return ()


def _event_secrets(environ: Mapping[str, str], product: Product, problems: list[Problem]) -> tuple[SecretStr, ...]:
    """The secrets that sign a product's events, newest first. A product with an address for them needs one."""
    name = f"EVENTS_SECRET__{suffix(product.slug)}"
    given = environ.get(name, "")
    if given and product.events is None:
        problems.append(Problem(name, f"is set, but products.{product.slug} has no [events] table; add one"))
    if not given:
        if product.events is not None:
            words = f"is not set, and products.{product.slug}.events needs it; `widget secret --events` makes one"
            problems.append(Problem(name, words))
        return ()
    try:
        return tuple(SecretStr(each) for each in secrets.signing_secrets(given))
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return ()


def _products(path: Path, problems: list[Problem], unusable: list[Problem]) -> dict[str, Product]:
    """The products that can be read. Problems with a theme go to `unusable`, and its product gets the default theme."""
    try:
        whole = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        words = f"there is no file {path.absolute()}; create one with `widget new SLUG`, or name another"
        problems.append(Problem("WIDGET_CONFIG", words))
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem("WIDGET_CONFIG", f"{path} cannot be read: {error}"))
        return {}
    tables = whole.get("products")
    astray = [(key, hint) for key in whole if key != "products" and (hint := _meant_above(key))]
    problems += [Problem(f"{path}: {key}", f"nothing reads this{hint}") for key, hint in astray]
    if astray and not tables:
        return {}
    if not isinstance(tables, dict) or not tables:
        problems.append(Problem(str(path), "names no product; add a [products.SLUG] table"))
        return {}
    products = {}
    for slug, table in tables.items():
        where = f"{path}: products.{slug}"
        if not SLUG.fullmatch(slug):
            problems.append(Problem(where, "a slug may have up to 50 small letters, digits and hyphens"))
        elif not isinstance(table, dict):
            problems.append(Problem(where, "is not a table"))
        else:
            try:
                products[slug] = Product.model_validate({**table, "slug": slug})
            except ValidationError as error:
                faults = error.errors()
                is_look = all(fault["loc"][:1] == ("theme",) for fault in faults)
                (unusable if is_look else problems).extend(
                    Problem(".".join([where, *filter(None, map(str, fault["loc"]))]), sentence(fault) + _meant(fault))
                    for fault in faults
                )
                if is_look:
                    products[slug] = Product.model_validate({**table, "slug": slug, "theme": {}})
    return products


_KEYS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): Product, ("theme",): Theme, ("fields",): Fields, ("identity",): Identity, ("events",): Events, ("chips",): Chips
}  # fmt: skip
"""The tables of a product."""


def _meant_above(key: str) -> str:
    """For a key outside all products: what was probably meant. Others may be somebody else's."""
    if key in Product.model_fields and key != "slug":
        return "; it belongs in [products.SLUG]" if (key,) not in _KEYS else f"; write [products.SLUG.{key}]"
    return suggestion(key, ["products"], 0.8)


def _meant(fault: Mapping[str, Any]) -> str:
    """For a key that a table does not have: the one that was probably meant, perhaps of another table."""
    if fault["type"] != "extra_forbidden":
        return ""
    *table, key = map(str, fault["loc"])
    known = _KEYS.get(tuple(table), Product).model_fields
    if hint := suggestion(key, known, 0.6):
        return hint
    others = {name: path for path, model in _KEYS.items() for name in model.model_fields}
    if key in others and key != "slug":
        return f"; it belongs in {'.'.join(('[products.SLUG', *others[key]))}]"
    return f"; the table has {', '.join(name for name in known if name != 'slug')}"
