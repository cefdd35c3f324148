"""Environment and `widget.toml`, read once into frozen values.

`load` takes the environment as an argument and names everything that is wrong, all at once. Using the values is left
to others; a secret stays a `SecretStr` until it is used.
"""

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from widget.config.products import LOCAL, SLUG, Product
from widget.errors import ConfigurationError, Problem

MIN_SECRET_LENGTH = 32


def _insider_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give an address such as https://api.example.com")
    if parts.username or parts.password:
        raise ValueError("an address here holds no user or password")
    if parts.scheme == "http" and not LOCAL.fullmatch(parts.hostname if ":" not in parts.hostname else "[::1]"):
        raise ValueError("needs https, for it carries a secret; plain http is for localhost alone")
    return value.rstrip("/")


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("give scheme, host and perhaps port, such as https://feedback.example.com")
    return value.rstrip("/")


def _secret_keys(value: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in value.split(","))
    if any(len(key) < MIN_SECRET_LENGTH for key in keys):
        raise ValueError(f"each key needs at least {MIN_SECRET_LENGTH} characters")
    return keys


def _database_url(value: str) -> str:
    value = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME") from None
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ValueError("an outbox in memory would lose submissions; give sqlite:///PATH")
    elif url.drivername != "postgresql+psycopg":
        raise ValueError("give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return value


def _networks(value: str) -> tuple[str, ...]:
    entries = tuple(entry.strip() for entry in value.split(",") if entry.strip())
    for entry in entries:
        try:
            ipaddress.ip_network(entry)
        except ValueError:
            raise ValueError(f"{entry!r} is no IP address and no network") from None
    return entries


def _rate_limit(value: str) -> str:
    if value != "off":
        try:
            parse_many(value)
        except ValueError:
            raise ValueError("write it like 20/minute; 200/hour, or off") from None
    return value


def _clamd(value: str) -> str:
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = None
    is_path = parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc
    is_host = parts.scheme == "tcp" and parts.hostname and port and not (parts.path or parts.username)
    if not (is_path or is_host):
        raise ValueError("write it like unix:///run/clamav/clamd.ctl or tcp://scanner:3310")
    return value


_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Everything that an operator may turn. Names are those of the environment, in small letters."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    insider_url: Annotated[str, AfterValidator(_insider_url), Field(description="Insider Connect's base address.")]
    insider_client_id: Annotated[str, Field(min_length=1, description="The account's client id.")]
    insider_client_secret: Annotated[SecretStr, Field(min_length=1, description="The account's client secret.")]
    secret_key: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(_secret_keys),
        Field(
            description="Signs tokens and receipts; 32 characters at least. Several, newest first, separated by "
            "commas, while one is rotated out."
        ),
    ]
    database_url: Annotated[
        str,
        AfterValidator(_database_url),
        Field(repr=False, description="The outbox: `sqlite:///PATH` or `postgresql://…`."),
    ] = "sqlite:///var/widget.db"
    database_direct_url: Annotated[
        Annotated[str, AfterValidator(_database_url)] | None,
        Field(
            repr=False,
            description="PostgreSQL's own address, where `DATABASE_URL` is that of a pooler: waking up on a notice "
            "needs a connection of one's own. Without it, `DATABASE_URL`.",
        ),
    ] = None
    database_connections: Annotated[
        int, Field(ge=1, le=100, description="Connections to PostgreSQL that a process uses at once, and three more.")
    ] = 8
    pending_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Bytes of attachments that may wait at once. Beyond that a submission with files is answered "
            "503; one without is stored all the same.",
        ),
    ] = 1024**3
    spool: Annotated[
        Path | None,
        Field(
            description="The folder for uploads that are coming in, with PostgreSQL; without it, one in the system's "
            "folder for temporary files. SQLite has its own, beside the database."
        ),
    ] = None
    widget_config: Annotated[Path, Field(description="The products' file.")] = Path("widget.toml")
    custom_folder: Annotated[
        Path | None,
        Field(
            description="The folder with the products' own `templates/products/SLUG` and `static/products/SLUG`; "
            "without it, the one that `WIDGET_CONFIG` lies in."
        ),
    ] = None
    reload: Annotated[
        bool,
        Field(description="Whether changed templates and static files are seen at once: for development."),
    ] = False
    public_url: Annotated[
        Annotated[str, AfterValidator(_public_url)] | None,
        Field(description="The address browsers use for this service; without it, taken from the request."),
    ] = None
    host: Annotated[str, Field(min_length=1, description="The address it listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="The port it listens on.")] = 8000
    web_concurrency: Annotated[
        int, Field(ge=1, le=256, description="How many web processes; above 1 it needs PostgreSQL.")
    ] = 1
    trusted_proxies: Annotated[
        tuple[str, ...],
        BeforeValidator(_networks),
        Field(description="Addresses or networks whose `X-Forwarded-*` headers are believed."),
    ] = ()
    rate_limit: Annotated[
        str,
        AfterValidator(_rate_limit),
        Field(
            description="Submissions a client may make, per product, in the notation of the `limits` library; "
            "`off` for none."
        ),
    ] = "20/minute; 200/hour"
    rate_limit_unmarked: Annotated[
        str,
        AfterValidator(_rate_limit),
        Field(
            description="The same for requests that say neither `Sec-Fetch-Site` nor `Origin`, as no browser of today "
            "does; `off`, also by `RATE_LIMIT=off`, for none of its own."
        ),
    ] = "10/minute; 60/hour"
    rate_limit_total: Annotated[
        str,
        AfterValidator(_rate_limit),
        Field(
            description="Submissions that a product takes from everybody together; `off`, also by `RATE_LIMIT=off`, "
            "for no limit."
        ),
    ] = "600/minute"
    rate_limit_clients: Annotated[
        int,
        Field(
            ge=1000,
            le=10_000_000,
            description="Counts kept in memory at once, about 400 bytes each; when there are more, the oldest go.",
        ),
    ] = 100_000
    rate_limit_storage: Annotated[
        str,
        Field(
            repr=False,
            pattern=r"^(memory|rediss?)://",
            description="Where the counts are kept: `memory://`, or `redis://…` for several machines.",
        ),
    ] = "memory://"
    min_fill_time: Annotated[
        _Seconds,
        Field(description="Seconds between handing out a form and taking it back under which it was no person."),
    ] = 2
    proof_surge: Annotated[
        str,
        AfterValidator(_rate_limit),
        Field(
            description="Submissions to a product beyond which its forms ask for a proof of work, for ten minutes; "
            "`off`, also by `RATE_LIMIT=off`, for never."
        ),
    ] = "120/minute"
    proof_cost: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="PBKDF2 iterations of one guess at a proof of work; it takes 256 guesses on average.",
        ),
    ] = 2000
    token_max_age: Annotated[_Seconds, Field(ge=60, description="Seconds after which a form has to be renewed.")] = (
        86400
    )
    unknown_policy: Annotated[
        Literal["retry", "park"],
        Field(
            description="What happens to a submission when nobody can know whether Insider Connect took it: `retry` "
            "(once, flagged as a possible duplicate) or `park` (left to the operator)."
        ),
    ] = "retry"
    unknown_hold: Annotated[_Seconds, Field(description="Seconds before such a submission is tried once more.")] = 900
    delivery_wait: Annotated[
        _Seconds,
        Field(
            le=30,
            description="Seconds that Send waits for Insider Connect's own answer before it is thanked for a stored "
            "submission.",
        ),
    ] = 2.5
    web_delivers: Annotated[
        bool,
        Field(description="Whether web processes deliver too; if not, `widget worker` has to, and Send does not wait."),
    ] = True
    delivery_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Submissions on their way to Insider Connect at once.")
    ] = 16
    delivery_timeout: Annotated[
        _Seconds, Field(gt=0, le=90, description="Seconds that one call to Insider Connect may take in all.")
    ] = 60
    lease: Annotated[
        _Seconds,
        Field(
            gt=0,
            description="Seconds that a process has a submission to itself; after that it counts as dead, and what it "
            "was sending as unknown. A call may take three quarters of it.",
        ),
    ] = 120
    retry_min: Annotated[
        _Seconds,
        Field(gt=0, description="Seconds within which the first repeat of an attempt falls; then twice as many."),
    ] = 5
    retry_max: Annotated[_Seconds, Field(gt=0, description="Seconds within which any repeat of an attempt falls.")] = (
        900
    )
    probe_interval: Annotated[
        _Seconds,
        Field(gt=0, description="Seconds between two probes while Insider Connect cannot be reached or refuses us."),
    ] = 30
    retry_days: Annotated[
        float,
        Field(gt=0, le=90, description="Days that a submission is tried before it is left to the operator."),
    ] = 7
    sweep_interval: Annotated[
        _Seconds,
        Field(gt=0, description="Seconds between two looks for rows that are due and that nobody holds."),
    ] = 30
    receipt_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a receipt can be looked at after its end.")
    ] = 30
    retention_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="Days that a submission which was refused, discarded or left to the operator keeps its text, "
            "e-mail and files; then they are erased.",
        ),
    ] = 30
    context_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days that a delivered submission keeps what the host page told about itself, for products "
            'with `context = "store"`; with 0 it is erased on delivery, as all else is.',
        ),
    ] = 0
    header_timeout: Annotated[
        _Seconds, Field(gt=0, le=600, description="Seconds within which a request's head has to be there.")
    ] = 10
    keep_alive: Annotated[
        int, Field(ge=1, le=600, description="Seconds that a connection is kept open between two requests.")
    ] = 5
    hsts: Annotated[
        int,
        Field(
            ge=0,
            description="Seconds for which browsers are told to come back over TLS alone, once they came over it; "
            "0 for none.",
        ),
    ] = 31_536_000
    read_timeout: Annotated[
        _Seconds, Field(gt=0, description="Seconds without a byte after which an upload is given up.")
    ] = 20
    body_timeout: Annotated[_Seconds, Field(gt=0, description="Seconds that a whole upload may take.")] = 600
    health_interval: Annotated[
        _Seconds, Field(gt=0, description="Seconds between two looks at the database, for `/readyz` to know.")
    ] = 5
    shutdown_grace: Annotated[_Seconds, Field(description="Seconds that a stop waits for what is being sent.")] = 20
    max_pixels: Annotated[
        int, Field(ge=1_000_000, le=250_000_000, description="Pixels that a picture may have, width times height.")
    ] = 64_000_000
    pdf_encrypted: Annotated[
        Literal["refuse", "pass"],
        Field(
            description="What happens to a PDF that is encrypted: `refuse`, or `pass`, which nobody has looked into."
        ),
    ] = "refuse"
    pdf_active_content: Annotated[
        Literal["refuse", "pass"],
        Field(
            description="What happens to a PDF that holds scripts, other files, forms that send themselves, or what "
            "starts a program: `refuse` or `pass`."
        ),
    ] = "refuse"
    file_checkers: Annotated[
        int,
        Field(
            ge=1, le=32, description="Processes that look at files: so many at once, each with memory for one picture."
        ),
    ] = 2
    file_check_timeout: Annotated[
        int,
        Field(ge=1, le=60, description="Seconds that looking at one file may take; beyond, it counts as unreadable."),
    ] = 10
    clamd: Annotated[
        Annotated[str, AfterValidator(_clamd)] | None,
        Field(
            description="A ClamAV daemon that every file has to pass before it is forwarded: `unix:///PATH` or "
            "`tcp://HOST:PORT`; without it, none."
        ),
    ] = None
    clamd_timeout: Annotated[
        float, Field(gt=0, le=25, description="Seconds that scanning the files of one submission may take.")
    ] = 20
    ops_token: Annotated[
        SecretStr | None,
        Field(min_length=16, description="Opens `/ops` and `/metrics`, which are closed without it, and lets `/readyz` say why."),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level that is logged.")
    ] = "info"

    products: Mapping[str, Product] = Field(default_factory=dict, exclude=True)
    accounts: Mapping[str, "Account"] = Field(default_factory=dict, exclude=True)
    identity_keys: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict, exclude=True)
    unusable_themes: tuple[Problem, ...] = Field(default=(), exclude=True)

    @property
    def keys(self) -> tuple[str, ...]:
        """The signing keys, newest first."""
        return tuple(key.get_secret_value() for key in self.secret_key)

    @property
    def custom(self) -> Path:
        """The folder of the products' own templates and static files."""
        return self.custom_folder or self.widget_config.parent

    @property
    def sqlite_path(self) -> Path | None:
        """The outbox's file, or None when it lies in PostgreSQL."""
        url = make_url(self.database_url)
        return Path(url.database) if url.drivername == "sqlite" and url.database else None


class Account(BaseModel):
    """The credentials by which a product's feedback goes to Insider Connect."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    client_secret: SecretStr


def suffix(slug: str) -> str:
    """How a product's slug is written at the end of an environment variable's name."""
    return slug.upper().replace("-", "_")


_OFF_TOGETHER = ("rate_limit_unmarked", "rate_limit_total", "proof_surge")
_NOT_FROM_ENVIRONMENT = {"products", "accounts", "identity_keys", "unusable_themes"}
VARIABLES = tuple(name for name in Settings.model_fields if name not in _NOT_FROM_ENVIRONMENT)
"""The settings that are read from the environment, in small letters."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read `environ` and the products' file that it names.

    An empty variable counts as absent. A theme that cannot be used costs its product its look and no more: it is no
    reason to stop the feedback of others. Raises ConfigurationError with every problem that was found.
    """
    given: dict[str, Any] = {name: environ[name.upper()] for name in VARIABLES if environ.get(name.upper())}
    if given.get("rate_limit") == "off":
        given = {**dict.fromkeys(_OFF_TOGETHER, "off"), **given}
    problems: list[Problem] = []
    unusable: list[Problem] = []
    products = _products(Path(given.get("widget_config", "widget.toml")), problems, unusable)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({**given, "products": products})
    except ValidationError as error:
        problems += [Problem(_variable(fault["loc"]), _sentence(fault)) for fault in error.errors()]
    accounts = {slug: _account(environ, slug, problems) for slug in products}
    identity_keys = {slug: _identity_keys(environ, product, problems) for slug, product in products.items()}
    if settings is not None:
        problems += _contradictions(settings)
    if settings is None or problems:
        raise ConfigurationError(problems + unusable)
    found = {"accounts": accounts, "identity_keys": identity_keys, "unusable_themes": tuple(unusable)}
    return settings.model_copy(update=found)


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """What is wrong between two settings, each fine by itself."""
    if settings.sqlite_path and settings.web_concurrency > 1:
        yield Problem(
            "WEB_CONCURRENCY",
            "several processes need PostgreSQL: set DATABASE_URL=postgresql://…, or WEB_CONCURRENCY=1",
        )
    if settings.sqlite_path and not settings.web_delivers:
        yield Problem("WEB_DELIVERS", "with SQLite nobody but the web process can deliver")
    if settings.database_direct_url and not settings.database_direct_url.startswith("postgresql"):
        yield Problem("DATABASE_DIRECT_URL", "give postgresql://USER:PASSWORD@HOST/NAME")
    if settings.delivery_timeout > 0.75 * settings.lease:
        yield Problem("LEASE", f"has to be a third longer than DELIVERY_TIMEOUT ({settings.delivery_timeout:g} s)")
    elif settings.clamd and settings.delivery_timeout + settings.clamd_timeout > 0.95 * settings.lease:
        yield Problem("CLAMD_TIMEOUT", f"has to fit with DELIVERY_TIMEOUT into LEASE ({settings.lease:g} s)")


def places(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Where the products' file lies, and the folder of their own templates and static files."""
    config = Path(environ.get("WIDGET_CONFIG") or "widget.toml")
    return config, Path(environ.get("CUSTOM_FOLDER") or config.parent)


def load_products(path: Path) -> Mapping[str, Product]:
    """The products' file alone. Raises ConfigurationError, of a theme too."""
    problems: list[Problem] = []
    products = _products(path, problems, problems)
    if problems:
        raise ConfigurationError(problems)
    return products


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "environment"


def _sentence(fault: Any) -> str:
    if fault["type"] == "missing":
        return "is not set; it is required"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return str(fault["msg"])


def _account(environ: Mapping[str, str], slug: str, problems: list[Problem]) -> Account:
    """The product's own credentials, or the account's. One half of a pair alone is a mistake."""
    names = (f"INSIDER_CLIENT_ID__{suffix(slug)}", f"INSIDER_CLIENT_SECRET__{suffix(slug)}")
    client_id, client_secret = (environ.get(name, "") for name in names)
    if bool(client_id) != bool(client_secret):
        missing = names[0] if client_secret else names[1]
        problems.append(Problem(missing, "is not set, but its other half is; set both or neither"))
    if not (client_id and client_secret):
        client_id = environ.get("INSIDER_CLIENT_ID", "")
        client_secret = environ.get("INSIDER_CLIENT_SECRET", "")
    return Account(client_id=client_id, client_secret=SecretStr(client_secret))


def _identity_keys(environ: Mapping[str, str], product: Product, problems: list[Problem]) -> tuple[SecretStr, ...]:
    """The secrets that check HS256. A product that wants identities needs something to check them with."""
    name = f"IDENTITY_KEY__{suffix(product.slug)}"
    given = environ.get(name, "")
    if given and product.identity is None:
        problems.append(Problem(name, f"is set, but products.{product.slug} has no [identity] table: add one"))
    if not given:
        if product.identity is not None and not product.identity.public_keys:
            problems.append(
                Problem(name, f"is not set, and products.{product.slug}.identity has no public_keys; one is needed")
            )
        return ()
    try:
        return tuple(SecretStr(key) for key in _secret_keys(given))
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return ()


def _products(path: Path, problems: list[Problem], unusable: list[Problem]) -> dict[str, Product]:
    """The products that can be read; `unusable` gets what is wrong with a theme, in whose place ours is then."""
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("products")
    except FileNotFoundError:
        problems.append(Problem("WIDGET_CONFIG", f"there is no file {path}"))
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem("WIDGET_CONFIG", f"{path} cannot be read: {error}"))
        return {}
    if not isinstance(tables, dict) or not tables:
        problems.append(Problem(str(path), "names no product; add a [products.SLUG] table"))
        return {}
    products = {}
    for slug, table in tables.items():
        where = f"{path}: products.{slug}"
        if not SLUG.fullmatch(slug):
            problems.append(Problem(where, "a slug has small letters, digits and hyphens, 50 at most"))
        elif not isinstance(table, dict):
            problems.append(Problem(where, "is not a table"))
        else:
            try:
                products[slug] = Product.model_validate({**table, "slug": slug})
            except ValidationError as error:
                faults = error.errors()
                is_look = all(fault["loc"][:1] == ("theme",) for fault in faults)
                (unusable if is_look else problems).extend(
                    Problem(".".join([where, *map(str, fault["loc"])]), _product_sentence(fault)) for fault in faults
                )
                if is_look:
                    products[slug] = Product.model_validate({**table, "slug": slug, "theme": {}})
    return products


def _product_sentence(fault: Any) -> str:
    return "is no setting of a product" if fault["type"] == "extra_forbidden" else _sentence(fault)
