"""Settings are read once, and all faults are named at once."""

import base64
import re
import sys
from pathlib import Path

import pytest
from bed import ROOT
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from psycopg.conninfo import conninfo_to_dict

from widget.config import loading
from widget.config.settings import VARIABLES, Settings
from widget.config.weaknesses import weaknesses
from widget.errors import ConfigurationError, Problem
from widget.sandbox.server import accounts_from
from widget.theming.themes import Theme

GOOD_KEY = "a-good-key-of-tests-0123456789abcdefghij"
GOOD = {
    "INSIDER_URL": "https://insider.example.com/",
    "INSIDER_CLIENT_ID": "client",
    "INSIDER_CLIENT_SECRET": "a-secret",
    "SECRET_KEY": GOOD_KEY,
}
PRODUCT = '[products.demo]\nname = "Northwind"\norigins = ["https://app.example.com"]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "widget.toml"
    path.write_text(PRODUCT)
    return path


def load(config: Path, **changes: str) -> Settings:
    return loading.load({**GOOD, "WIDGET_CONFIG": str(config), **changes})


def problems(config: Path, **changes: str) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(config, **changes)
    return {problem.name: problem.message for problem in caught.value.problems}


def test_the_required_settings_are_enough(config: Path) -> None:
    assert load(config).products["demo"].name == "Northwind"
    assert load(config).insider_url == "https://insider.example.com"


def test_every_problem_is_named_in_one_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loading.load({"PORT": "many", "DATABASE_URL": "mysql://x/y", "WIDGET_CONFIG": str(tmp_path / "none.toml")})
    named = [problem.name for problem in caught.value.problems]
    assert set(named) == {
        "WIDGET_CONFIG",
        "INSIDER_URL",
        "INSIDER_CLIENT_ID",
        "INSIDER_CLIENT_SECRET",
        "SECRET_KEY",
        "PORT",
        "DATABASE_URL",
    }


ADDRESSES = {
    "INSIDER_URL": "https", "HEARTBEAT_URL": "https", "ALERT_WEBHOOK": "https", "SMTP_URL": "smtp",
    "RATE_LIMIT_STORAGE": "redis", "PUBLIC_URL": "https",
}  # fmt: skip
"""Settings that are somebody's address, with its scheme."""
NO_HOSTS = (
    "host..example",
    "\u00e9..example",
    "ho\u200bst.example",
    "xn--zzzz.example",
    f"{'h' * 64}.example",
    "h%6fst",
)
"""Names that nobody can look up: with an empty or a long part, an invisible character, or what is no punycode."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSIDER_URL", "insider.example.com"),
        ("INSIDER_URL", "http://insider.example.com"),
        ("INSIDER_URL", "http://[2001:db8::1]:8001"),
        ("INSIDER_URL", "https://user:word@insider.example.com"),
        ("INSIDER_URL", "https://insider.example.com/connect/token"),
        ("INSIDER_URL", "https://example.com/insider/api/client/feedbacks"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", f"{GOOD_KEY},short"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "nonsense"),
        ("PUBLIC_URL", "https://feedback.example.com/path?x"),
        ("PORT", "65536"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "2"),
        ("WEB_DELIVERS", "false"),
        ("DATABASE_DIRECT_URL", "sqlite:///widget.db"),
        ("LEASE", "79"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, everyone"),
        ("TRUSTED_PROXIES", "*"),
        ("RATE_LIMIT", "often"),
        ("RATE_LIMIT_STORAGE", "mongodb://host"),
        ("MIN_FILL_TIME", "-1"),
        ("UNKNOWN_POLICY", "forget"),
        ("DELIVERY_WAIT", "nan"),
        ("MAX_PIXELS", "many"),
        ("PDF_ENCRYPTED", "perhaps"),
        ("PDF_ACTIVE_CONTENT", "yes"),
        ("FILE_CHECKERS", "0"),
        ("FILE_CHECK_TIMEOUT", "0"),
        ("CLAMD", "scanner:3310"),
        ("CLAMD", "tcp://scanner"),
        ("CLAMD", "tcp://scanner:many"),
        ("CLAMD", "unix://relative"),
        *(("CLAMD", f"tcp://{host}:3310") for host in NO_HOSTS),
        ("CLAMD_TIMEOUT", "26"),
        ("OPS_TOKEN", "short"),
        *(
            (name, f"{scheme}://{place}")
            for name, scheme in ADDRESSES.items()
            for place in (
                "host.example:many",
                "host.example:0",
                "host.example:99999",
                "[::1",
                "the host",
                ".",
                "",
                *NO_HOSTS,
            )
        ),
        *(
            (name, text)
            for name in ("ALERT_EMAIL", "ALERT_FROM")
            for text in (
                "ops",
                "ops@",
                "a@b.example; c@d.example",
                "a@b.example c@d.example",
                "a@b.example,",
                "Ops <ops@b.example",
                "a@b.example\nBcc: c@d.example",
            )
        ),
        ("DATABASE_URL", "postgresql://host:many/db"),
        ("RATE_LIMIT_STORAGE", "REDIS://host"),
    ],
)
def test_a_wrong_value_is_named(config: Path, name: str, value: str) -> None:
    assert list(problems(config, **{name: value})) == [name]


def test_a_scan_and_a_call_fit_into_a_lease(config: Path) -> None:
    late = {"CLAMD": "unix:///run/clamd", "DELIVERY_TIMEOUT": "90", "CLAMD_TIMEOUT": "25"}
    assert list(problems(config, **late)) == ["CLAMD_TIMEOUT"]
    assert load(config, **late, LEASE="130").clamd


def test_no_message_repeats_a_secret(config: Path) -> None:
    said = problems(config, SECRET_KEY="hunter2", OPS_TOKEN="hunter2", INSIDER_URL="https://u:hunter2@x.example")
    assert "hunter2" not in str(said)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com:8443",
        "https://*.example.com",
        "https://app.example.com:*",
        "http://localhost",
        "http://localhost:3000",
        "http://localhost:*",
        "http://app.localhost:*",
        "http://127.0.0.1:*",
    ],
)
def test_an_origin_that_is_exact_is_taken(config: Path, origin: str) -> None:
    config.write_text(PRODUCT.replace("https://app.example.com", origin))
    assert load(config).products["demo"].origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "https://*",
        "https://*.com",
        "http://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "https://a*.example.com",
        "https://app.*.com",
        "https://app.example.com:0",
        "https://app.example.com:99999",
        "app.example.com",
        "https://App.example.com",
        "https://app.example.com https://evil.example",
        "https://app.example.com; script-src *",
        "ftp://app.example.com",
        "http://localhost.evil.example",
        "http://[::1]:*",
        "https://[2001:db8::1]",
    ],
)
def test_any_other_origin_is_refused(config: Path, origin: str) -> None:
    config.write_text(PRODUCT.replace("https://app.example.com", origin))
    (name,) = problems(config)
    assert name.endswith("products.demo.origins.0")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "names no product"),
        ("products = 3", "names no product"),
        ("[products.demo", "cannot be read"),
        ('[products.Demo]\nname = "x"\norigins = ["https://a.example"]', "small letters"),
        ("[products]\ndemo = 3", "is not a table"),
        ('[products.demo]\norigins = ["https://a.example"]', "required"),
        ('[products.demo]\nname = "x"\norigins = []', "is empty, so no page"),
        (PRODUCT + "colour = 3", "not a setting of a product"),
    ],
)
def test_a_wrong_products_file_is_named(config: Path, text: str, named: str) -> None:
    config.write_text(text)
    assert any(named in message for message in problems(config).values())


KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
RSA = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
MUCH = f"""
consent = "You may call me"
consent_version = "2026-05"
context = "append"

[products.demo.theme]
accent = {{light = "#0f6a4a", dark = "#3fae84"}}
radius = 4
spacing = "5px"

[products.demo.fields]
description = "required"
sentiment = "hidden"
max_files = 2
file_kinds = ["pdf", "png"]
email = "read-only"

[products.demo.identity]
public_keys = '''{PUBLIC}'''
"""


def test_a_product_is_made_its_own_by_a_few_tables(config: Path) -> None:
    config.write_text(PRODUCT + MUCH)
    demo = load(config).products["demo"]
    assert demo.fields.media_types == ("image/png", "application/pdf")
    assert demo.fields.most_files == 2
    assert demo.needs_identity
    assert demo.identity is not None
    assert demo.identity.public_keys == (PUBLIC,)
    assert (demo.theme.radius, demo.theme.space) == ("4px", "5px")


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        ("[products.demo.fields]\nsentiment = 'maybe'", "fields.sentiment", "shown"),
        ("[products.demo.fields]\nmax_files = 6", "fields.max_files", "at most 5"),
        ("[products.demo.fields]\nfile_kinds = ['gif']", "fields.file_kinds.0", "jpeg"),
        ("[products.demo.fields]\nfile_kinds = []", "fields.file_kinds", "is empty; write"),
        ("[products.demo.fields]\nmax_files = 0\nfiles = 'required'", "fields", "max_files is 0"),
        (
            "[products.demo.fields]\nmax_files = 0\nsentiment = 'hidden'\ndescription = 'hidden'",
            "fields",
            "people could not say anything",
        ),
        ("[products.demo.fields]\nemail = 'hidden'", "", "add an [identity] table"),
        ("[products.demo.identity]\npublic_keys = 'x'", "identity.public_keys.0", "is not a public key"),
        (f"[products.demo.identity]\npublic_keys = '''{PRIVATE}'''", "identity.public_keys.0", "a private key"),
        (f"[products.demo.identity]\npublic_keys = '''{RSA}'''", "identity.public_keys.0", "not a key for ES256"),
        ("context = 'maybe'", "context", "store"),
        ("consent = {}", "consent", "names no language"),
        ('consent = {de = " "}', "consent", "de needs 1 to 300"),
        ('consent_version = "a\\nb"', "consent_version", "use 1 to 40"),
        ("chips = {}", "chips", "names no chip"),
        ("chips.like = []", "chips.like", "it has 0 chips; give 1 to 6"),
        ("chips.like = ['a', 'b', 'c', 'd', 'e', 'f', 'g']", "chips.like", "it has 7 chips; give 1 to 6"),
        ("chips.like = ['a', ' ']", "chips.like", "an empty chip in place 2"),
        (f"chips.dislike = ['{'x' * 31}']", "chips.dislike", "longer than 30 characters"),
        ("chips.dislike = ['Slow', 'Late', ' slow ']", "chips.dislike", "'slow' twice"),
        ('chips.dislike = ["a\\nb"]', "chips.dislike", "use one line"),
        ("chips.dislike = {}", "chips.dislike", "names no language"),
        ("chips.dislike = {de = ['Langsam', 'langsam']}", "chips.dislike", "de has 'langsam' twice"),
        ("chips.sad = ['Slow']", "chips.sad", "is not a setting"),
        ("chips.like = 'Fast'", "chips.like", "is not a list"),
        ("chips.like = {en = 'Fast'}", "chips.like.en", "is not a list"),
        ("chips.like = [5]", "chips.like.0", "is not a text"),
        ("events = {}", "events.url", "is required"),
        ("events = {url = 'http://hook.example.com/'}", "events.url", "needs https"),
        ("events = {url = 'ftp://hook.example.com/'}", "events.url", "is not a usable address"),
        ("events = {url = 'https://hook.example.com:99999/'}", "events.url", "is not a usable address"),
        ("events = {url = 'https://hook..example.com/'}", "events.url", "is not a usable address"),
        ("events = {url = 'https://xn--zzzz.example.com/'}", "events.url", "is not a usable address"),
        ("events = {url = 'https://hook.example.com/a b'}", "events.url", "is not a usable address"),
        ("events = {url = 'https://me:word@hook.example.com/'}", "events.url", "must not contain a user"),
        ("events = {uri = 'https://hook.example.com/'}", "events.uri", "did you mean url?"),
        ("chips.like = ['Fast']\nfields.sentiment = 'hidden'", "", "chips belong to the thumbs"),
    ],
)
def test_a_wrong_setting_of_a_product_is_named_with_its_place(config: Path, text: str, place: str, named: str) -> None:
    config.write_text(PRODUCT + text)
    said = problems(config)
    wanted = f"products.demo.{place}".rstrip(".")
    assert any(name.endswith(wanted) and named in message for name, message in said.items()), said
    assert "PRIVATE KEY--" not in str(said)


def test_the_secret_of_signed_identities_comes_from_the_environment(config: Path) -> None:
    config.write_text(PRODUCT + "[products.demo.identity]")
    assert "one is needed" in problems(config)["IDENTITY_KEY__DEMO"]
    assert "32 characters" in problems(config, IDENTITY_KEY__DEMO="hunter2")["IDENTITY_KEY__DEMO"]
    assert "hunter2" not in str(problems(config, IDENTITY_KEY__DEMO="hunter2"))
    (key,) = load(config, IDENTITY_KEY__DEMO=GOOD_KEY).identity_keys["demo"]
    assert key.get_secret_value() == GOOD_KEY
    config.write_text(PRODUCT)
    assert "no [identity] table" in problems(config, IDENTITY_KEY__DEMO=GOOD_KEY)["IDENTITY_KEY__DEMO"]


def test_traces_need_opentelemetry(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(config, TRACES="true").traces
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert problems(config, TRACES="true").keys() == {"TRACES"}


def test_the_secret_of_events_comes_from_the_environment(config: Path) -> None:
    config.write_text(PRODUCT + '[products.demo.events]\nurl = "https://hook.example.com/"')
    name = "EVENTS_SECRET__DEMO"
    assert "is not set" in problems(config)[name]
    few = "whsec_" + base64.b64encode(b"ab" * 16).decode()
    for wrong, said in ((GOOD_KEY, "is not whsec_"), ("whsec_c2hvcnQ=", "is not whsec_"), (few, "easy to guess")):
        assert said in problems(config, **{name: wrong})[name]
        assert wrong not in str(problems(config, **{name: wrong}))
    good = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    assert [each.get_secret_value() for each in load(config, **{name: good}).event_secrets["demo"]] == [good]
    config.write_text(PRODUCT)
    assert "no [events] table" in problems(config, **{name: good})[name]


def test_products_keep_their_files_beside_their_configuration_unless_it_says_otherwise(config: Path) -> None:
    assert load(config).custom == config.parent
    assert load(config, CUSTOM_FOLDER="elsewhere").custom == Path("elsewhere")


def test_a_product_may_have_credentials_of_its_own(config: Path) -> None:
    config.write_text(PRODUCT + PRODUCT.replace("demo", "north-wind"))
    accounts = load(
        config, INSIDER_CLIENT_ID__NORTH_WIND="theirs", INSIDER_CLIENT_SECRET__NORTH_WIND="their-secret"
    ).accounts
    assert accounts["demo"].client_id == "client"
    assert accounts["north-wind"].client_id == "theirs"
    assert accounts["north-wind"].client_secret.get_secret_value() == "their-secret"


@pytest.mark.parametrize("product", ["", "__DEMO"])
def test_blanks_around_credentials_are_not_sent(config: Path, product: str) -> None:
    given = {f"INSIDER_CLIENT_ID{product}": " theirs\r", f"INSIDER_CLIENT_SECRET{product}": "\ttheir-secret \n"}
    account = load(config, **given).accounts["demo"]
    assert (account.client_id, account.client_secret.get_secret_value()) == ("theirs", "their-secret")
    assert accounts_from(given) == {"theirs": "their-secret"}, "the sandbox expects what is sent"
    blank = {f"INSIDER_CLIENT_SECRET{product}": " \n"}
    assert list(problems(config, **given | blank)) == list(blank)


def test_half_of_a_products_credentials_is_named(config: Path) -> None:
    assert list(problems(config, INSIDER_CLIENT_ID__DEMO="theirs")) == ["INSIDER_CLIENT_SECRET__DEMO"]


def test_postgresql_is_taken_as_hosting_platforms_write_it(config: Path) -> None:
    for scheme in ("postgres", "postgresql"):
        loaded = load(config, DATABASE_URL=f"{scheme}://user:word@host/name", WEB_CONCURRENCY="2")
        assert loaded.sqlite_path is None
        assert loaded.database_url == "postgresql://user:word@host/name"


@pytest.mark.parametrize(
    "rest",
    [
        "me:s%2F%40%23@one:5432,two:5433/name?target_session_attrs=read-write",
        "me@[::1]:5432,[::2]/name",
        "%2Frun%2Fpostgresql/name",
        "/name?host=one,two&port=1,2",
    ],
)
def test_postgresql_may_have_every_address_that_its_own_programs_take(config: Path, rest: str) -> None:
    url = f"postgresql://{rest}"
    assert load(config, DATABASE_URL=url).database_url == url
    assert conninfo_to_dict(url)["dbname"] == "name"


@pytest.mark.parametrize("password", ["s@me", "s/me", "s?me", "s#me", "s[me", "s%me", "s%4", "s me"])
def test_a_password_that_would_be_read_as_something_else_is_refused_and_not_shown(config: Path, password: str) -> None:
    refused = problems(config, DATABASE_URL=f"postgresql://me:{password}@host/name")["DATABASE_URL"]
    assert "written as %XX" in refused
    assert password not in refused


SETTINGS = (ROOT / "docs" / "settings.md").read_text("utf-8")


def test_the_readme_and_the_settings_page_name_the_defaults() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|.*\| ([^|]+) \|$", SETTINGS, re.MULTILINE)
    documented = dict(rows)
    assert len(documented) == len(rows)
    assert documented.keys() == {name.upper() for name in VARIABLES}
    readme = (ROOT / "README.md").read_text("utf-8")
    few = re.findall(r"^\| `([A-Z_]+)`.*\| ([^|]+) \|$", readme, re.MULTILINE)
    assert few
    assert all(documented[name] == default for name, default in few)


# Whatever cannot be used is reported in our own words: the variable, and what to give instead.

LIBRARY = re.compile(
    r"input should|valid |invalid|pydantic|unable to|parse|string should|literal|validation", re.IGNORECASE
)
NONSENSE = (
    "abc",
    "-1",
    "1e400",
    "nan",
    "yes please",
    "999999999999999999999",
    "{}",
    "a" * 5000,
    "\N{SNOWMAN}",
    "https://[::1",
    "postgres://h:x/d",
)


@pytest.mark.parametrize("name", VARIABLES)
def test_no_value_is_refused_in_the_words_of_a_library(config: Path, name: str) -> None:
    if name == "widget_config":
        return
    for value in NONSENSE:
        try:
            load(config, **{name.upper(): value})
        except ConfigurationError as error:
            for problem in error.problems:
                assert not LIBRARY.search(problem.message), (value, problem)
                assert not problem.message.endswith("cannot be used; see docs/settings.md"), (value, problem)


@pytest.mark.parametrize("name", [*VARIABLES, "insider_client_id__demo", "insider_client_secret__demo"])
def test_a_value_in_quotes_is_refused_for_them(config: Path, name: str) -> None:
    for quote in "'", '"':
        with pytest.raises(ConfigurationError) as caught:
            load(config, **{name.upper(): f"{quote}{config}{quote}"})
        sentence = "stands in quotes, which would be a part of it; leave them out"
        assert Problem(name.upper(), sentence) in caught.value.problems


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "abc", "is not a whole number; give digits only, such as 30"),
        ("PORT", "65536", "is too large; give at most 65535"),
        ("RELOAD", "perhaps", "is neither true nor false; give one of the two"),
        ("LOG_LEVEL", "loud", "is not one of the choices; give `debug`, `info`, `warning` or `error`"),
        ("DELIVERY_WAIT", "soon", "is not a finite number; give one such as 2.5"),
        ("MIN_FILL_TIME", "-1", "is too small; give at least 0"),
        ("LEASE", "0", "is too small; give more than 0"),
        ("SWEEP_INTERVAL", "30000000", "is too large; give at most 7776000"),
        ("UNKNOWN_HOLD", "1e12", "is too large; give at most 7776000"),
        ("INSIDER_CA", "/nowhere.pem", "cannot be read: No such file or directory"),
        ("INSIDER_CA", str(ROOT / "README.md"), "has no certificate in PEM format"),
        ("OPS_TOKEN", "short", "is too short; give at least 16 characters"),
        ("OPS_TOKEN", "change-me-please-now", "is easy to guess; `widget secret` makes one"),
        ("SECRET_KEY", "changeme" * 5, "is easy to guess; `widget secret` makes one"),
        ("DATA_KEY", f"{GOOD_KEY}\n{GOOD_KEY[::-1]}", "has several keys with no comma between them"),
        ("SECRET_KEY", f"{GOOD_KEY};{GOOD_KEY[::-1]}", "has several keys with no comma between them"),
        *(
            (name, "tests-only-secret-1\ntests-only-secret-2", "has several lines; give it alone")
            for name in ("OPS_TOKEN", "INSIDER_CLIENT_ID", "INSIDER_CLIENT_SECRET", "INSIDER_CLIENT_SECRET__DEMO")
        ),
        (
            "SECRET_KEY",
            f"short,{GOOD_KEY},{'changeme-0123456789' * 2}",
            "key 1 needs at least 32 characters; key 3 is easy to guess; `widget secret` makes one",
        ),
        (
            "TRUSTED_PROXIES",
            "everyone, 10.0.0.0/8, 10.0.0.300",
            "'everyone', '10.0.0.300' are neither IP addresses nor networks; give one such as 10.0.0.0/8",
        ),
        ("RETRY_MIN", "901", "is above RETRY_MAX (900); give at most that, or raise the other"),
        ("MIN_FILL_TIME", "86400", "is not below TOKEN_MAX_AGE (86400): nobody could send a form"),
        ("PENDING_BYTES", "much", "is not a number of bytes; give digits, or a size such as 500MB or 1GiB"),
        *(
            ("PENDING_BYTES", size, "is not a number of bytes; give digits, or a size such as 500MB or 1GiB")
            for size in ("1,000", "1.000.000", "1,5GB", "0x10", "1 000", "\u0663GB", "10MB please")
        ),
        ("PENDING_BYTES", "9" * 20, "is too large; give less than 9223372036854775808"),
        *(
            (name, rate, "would let nobody through; give one such as 20/minute; 200/hour, or off for no limit")
            for name in ("RATE_LIMIT", "RATE_LIMIT_TOTAL", "PROOF_SURGE")
            for rate in ("0/minute", "20/minute; 0/hour")
        ),
        ("QUARANTINE_BYTES", "1 elephant", "is not a number of bytes; give digits, or a size such as 500MB or 1GiB"),
        *(
            ("DATABASE_URL", url, "names a folder; give the path of a file in it, such as sqlite:////data/widget.db")
            for url in ("sqlite:////", "sqlite:////tmp", "sqlite:///var/", "sqlite:///.")
        ),
        *(
            (
                "DATABASE_URL",
                url,
                "lacks a slash; write three as in sqlite:///var/widget.db, or four for an absolute path",
            )
            for url in ("sqlite://var/widget.db", "sqlite://me@/widget.db", "sqlite://data:1/widget.db")
        ),
        *(
            ("DATABASE_URL", url, "has a question mark; options are not supported, so give sqlite:///PATH alone")
            for url in ("sqlite:///widget.db?mode=ro", "sqlite:////data/wid?get=1.db")
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_to_give(config: Path, name: str, value: str, sentence: str) -> None:
    assert problems(config, **{name: value})[name] == sentence


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("LOG_LEVEL", "INFO", "info"),
        ("UNKNOWN_POLICY", "Park", "park"),
        ("PENDING_BYTES", "1GB", 10**9),
        ("PENDING_BYTES", "512 MiB", 512 * 1024**2),
        ("PENDING_BYTES", "1.5GB", 1_500_000_000),
        ("QUARANTINE_BYTES", "0", 0),
        ("RATE_LIMIT", "OFF", "off"),
        ("RATE_LIMIT_TOTAL", "Off", "off"),
        ("INSIDER_URL", " https://insider.example.com\r", "https://insider.example.com"),
        ("HOST", "::1\r\n", "::1"),
        ("ALERT_FROM", "root@localhost", "root@localhost"),
        ("ALERT_FROM", "Feedback <ops@b.example>", "Feedback <ops@b.example>"),
        ("OPS_TOKEN", " \t", None),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.1, fd00::1,::/0", ("10.0.0.1/32", "fd00::1", "::/0")),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.0/104", ("10.0.0.0/8",)),
    ],
)
def test_a_value_may_be_written_as_people_write_it(config: Path, name: str, value: str, meant: object) -> None:
    assert getattr(load(config, **{name: value}), name.lower()) == meant


def test_a_missing_products_file_is_named_by_its_whole_path_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loading.load({**GOOD, "WIDGET_CONFIG": str(tmp_path / "none.toml")})
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"there is no file {tmp_path}/none.toml; create one with `widget new SLUG`")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("RATE_LIMT", "is not a setting; did you mean RATE_LIMIT?"),
        ("INSIDER_CLIENTID", "is not a setting; did you mean INSIDER_CLIENT_ID?"),
        ("SECRETKEY", "is not a setting; did you mean SECRET_KEY?"),
        ("INSIDER_CLIENT_ID__DEMOO", "there is no product 'demoo' in widget.toml; did you mean DEMO?"),
        ("INSIDER_CLIENT_ID_DEMO", "is not a setting; did you mean INSIDER_CLIENT_ID__DEMO?"),
        ("INSIDER_CLENT_ID__DEMO", "is not a setting; did you mean INSIDER_CLIENT_ID__DEMO?"),
        ("INSIDER_CLIENT_SECRET__DEMOO_FILE", "there is no product 'demoo' in widget.toml; did you mean DEMO?"),
        ("SECRT_KEY_FILE", "is not a setting; did you mean SECRET_KEY_FILE?"),
        ("rate_limit", "is not a setting; did you mean RATE_LIMIT?"),
        ("INSIDER_URL_FILE", "is not read, because only secrets come from files; set INSIDER_URL instead"),
        ("INSIDER_CLIENT_ID_FILE", "is not read, because only secrets come from files; set INSIDER_CLIENT_ID instead"),
        (
            "INSIDER_CLIENT_ID__DEMO_FILE",
            "is not read, because only secrets come from files; set INSIDER_CLIENT_ID__DEMO instead",
        ),
        ("INSIDER_CLIENT_SECRET__NOPE", "there is no product 'nope' in widget.toml"),
        ("EVENTS_SECRET__NOPE", "there is no product 'nope' in widget.toml"),
        ("IDENTITY_KEY__NOPE", "there is no product 'nope' in widget.toml"),
        ("CLAMAD", "is not a setting; did you mean CLAMD?"),
        ("HOTS", "is not a setting; did you mean HOST?"),
        ("PROT", "is not a setting; did you mean PORT?"),
        ("PORTT", "is not a setting; did you mean PORT?"),
        ("HTSS", "is not a setting; did you mean HSTS?"),
        ("LEASES", "is not a setting; did you mean LEASE?"),
        ("SPOOLS", "is not a setting; did you mean SPOOL?"),
        ("RELAOD", "is not a setting; did you mean RELOAD?"),
        ("TRACE", "is not a setting; did you mean TRACES?"),
    ],
)
def test_a_variable_that_is_nearly_ours_stops_the_start(config: Path, name: str, sentence: str) -> None:
    assert problems(config, **{name: "k" * 32})[name] == sentence


def test_variables_of_others_are_left_alone(config: Path) -> None:
    others = [
        "PATH", "HOME", "HOSTNAME", "HOSTTYPE", "HOSTS", "PORTAL", "PORTS", "PWD", "OLDPWD", "LOGNAME", "SHELL",
        "SHLVL", "LANG", "LANGUAGE", "TERM", "USER", "EDITOR", "VISUAL", "PAGER", "LESS", "MAIL", "PROMPT", "TZ",
        "DISPLAY", "DEBUG", "POST", "POOL", "SPORT", "PLEASE", "EASE", "RELEASE", "PRELOAD", "TRACKS", "TRACEPARENT",
        "host", "port", "DATABASE", "SECRET", "POSTGRES_HOST", "_",
    ]  # fmt: skip
    assert load(config, **dict.fromkeys(others, "x"))


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        ("theme.accent = 'blau'", "theme.accent", "'blau' is no colour"),
        ("theme.colour = '#fff'", "theme.colour", "not a setting of a product"),
        ("theme = 3", "theme", "is not a table"),
    ],
)
def test_a_theme_that_cannot_be_used_costs_its_product_its_look_alone(
    config: Path, text: str, place: str, named: str
) -> None:
    other = PRODUCT.replace("demo", "other") + "theme.accent = '#a3341f'\n"
    config.write_text(f"{PRODUCT}{text}\n{other}")
    found = load(config)
    assert found.products["demo"].theme == Theme()
    assert found.products["other"].theme.accent is not None
    (problem,) = found.unusable_themes
    assert problem.name.endswith(f"products.demo.{place}")
    assert named in problem.message
    with pytest.raises(ConfigurationError, match=place):
        loading.load_products(config)
    config.write_text(f"{PRODUCT}{text}\nbudget = 0\n")
    assert any(name.endswith("products.demo.budget") for name in problems(config))


def test_a_sandbox_on_another_host_may_be_spoken_to_without_tls_if_it_is_said_so(config: Path) -> None:
    sandbox = {"INSIDER_URL": "http://sandbox:8001"}
    assert "INSIDER_ALLOW_HTTP=true" in problems(config, **sandbox)["INSIDER_URL"]
    allowed = load(config, **sandbox, INSIDER_ALLOW_HTTP="true")
    assert [each.name for each in weaknesses(allowed)] == ["INSIDER_ALLOW_HTTP"]
    for url in ("http://127.0.0.1:8001", "http://[::1]:8001", "https://sandbox:8001"):
        assert not list(weaknesses(load(config, INSIDER_URL=url))), url


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://feedback.example.com", "https://feedback.example.com"),
        (" HTTPS://Feedback.Example.com/ ", "https://feedback.example.com"),
        ("https://feedback.example.com:443", "https://feedback.example.com"),
        ("http://localhost:80/", "http://localhost"),
        ("https://feedback.example.com.:8443", "https://feedback.example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://www.example.com/feedback/", "https://www.example.com/feedback"),
        ("HTTPS://www.Example.com/Team-1/feed.back", "https://www.example.com/Team-1/feed.back"),
    ],
)
def test_the_public_address_is_written_as_browsers_write_it(config: Path, given: str, meant: str) -> None:
    assert load(config, PUBLIC_URL=given).public_url == meant


@pytest.mark.parametrize(
    "given",
    [
        "https://u:hunter2@a.example",
        "https://a.example:many",
        "https://a.example/#x",
        "//a.example",
        "https://a.example//b",
        "https://a.example/b/../c",
        "https://a.example/b c",
        "https://a.example/%2e",
        "https://a.example/" + 200 * "b",
    ],
)
def test_a_public_address_that_is_none_is_named(config: Path, given: str) -> None:
    assert list(problems(config, PUBLIC_URL=given)) == ["PUBLIC_URL"]
    assert "hunter2" not in str(problems(config, PUBLIC_URL=given))


@pytest.mark.parametrize("host", ["co.uk", "github.io", "com.au", "vercel.app", "herokuapp.com", "blogspot.com", "ck"])
def test_an_origin_under_which_anybody_may_have_a_name_is_refused(config: Path, host: str) -> None:
    config.write_text(PRODUCT.replace("https://app.example.com", f"https://*.{host}"))
    (said,) = problems(config).values()
    assert "would allow" in said


@pytest.mark.parametrize("origin", ["https://*.example.co.uk", "https://*.team.github.io", "https://team.github.io"])
def test_an_origin_with_one_owner_is_taken(config: Path, origin: str) -> None:
    config.write_text(PRODUCT.replace("https://app.example.com", origin))
    assert load(config).products["demo"].origins == (origin,)


@pytest.mark.parametrize(
    ("proxies", "broad"),
    [
        ("0.0.0.0/0", 1), ("::/0", 1), ("0.0.0.0/0, ::/0", 2), ("0.0.0.0/1, 128.0.0.0/1", 1), ("64.0.0.0/4", 1),
        ("::ffff:0:0/96", 1),
        ("10.0.0.0/8, 127.0.0.1, 2001:db8::/32, fd00::1", 0), ("", 0),
    ],
)  # fmt: skip
def test_believing_everybody_s_word_about_addresses_is_a_weakness(config: Path, proxies: str, broad: int) -> None:
    found = list(weaknesses(load(config, TRUSTED_PROXIES=proxies)))
    assert [problem.name for problem in found] == ["TRUSTED_PROXIES"] * broad
