"""Properties of every token and every setting, whatever their text."""

import contextlib
import time

import pytest
from bed import ROOT
from hypothesis import example, given
from hypothesis import strategies as st

from widget.config import loading
from widget.config.settings import VARIABLES
from widget.errors import ConfigurationError, TokenError, TokenInvalid
from widget.submissions.tokens import Tokens

KEY, OTHER = "k" * 32, "o" * 32
TOKENS = Tokens([KEY], 3600)
TEXTS = st.text(max_size=200) | st.text("AZaz09-_.=\u00e9\ud800\0", max_size=200)
REQUIRED = {
    "INSIDER_URL": "https://api.example.com",
    "INSIDER_CLIENT_ID": "id",
    "INSIDER_CLIENT_SECRET": "client-canary",
    "SECRET_KEY": "key-canary-0123456789-0123456789-0123",
}
VALUES = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
    | st.sampled_from(["", "0", "-1", "1e400", "²", "https://[", "postgres://a:b@[/c", "1/second", "10.0.0.0/99"])
)  # fmt: skip


@given(TEXTS)
@example("\ud800")
@example("." * 200)
def test_no_text_is_a_token_without_the_key(text):
    for read in (lambda: TOKENS.read_form(text, "demo", time.time()), lambda: TOKENS.read_receipt(text)):
        with pytest.raises(TokenInvalid):
            read()


@given(st.data())
def test_a_changed_token_is_no_other_token(data):
    """The text can be altered without effect, because base64 has spare bits. No change may lead to another
    submission."""
    token = TOKENS.form("demo")
    genuine = TOKENS.read_form(token, "demo", time.time()).submission_id
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.text(max_size=2)) + token[at + data.draw(st.integers(0, 2)) :]
    with contextlib.suppress(TokenError):
        assert TOKENS.read_form(changed, "demo", time.time()).submission_id == genuine


@given(st.text(max_size=60), st.text(max_size=50))
def test_a_token_serves_one_product_one_purpose_and_one_key(product, other):
    token = TOKENS.form("demo")
    if product != "demo":
        with pytest.raises(TokenInvalid):
            TOKENS.read_form(token, product, time.time())
    with pytest.raises(TokenInvalid):
        TOKENS.read_receipt(token)
    with pytest.raises(TokenInvalid):
        Tokens([OTHER], 3600).read_form(token, "demo", time.time())


@given(st.dictionaries(st.sampled_from([name.upper() for name in VARIABLES]), VALUES, max_size=6))
def test_any_environment_is_read_or_named_and_its_secrets_are_not_shown(environ):
    given_ = {**REQUIRED, **environ, "WIDGET_CONFIG": str(ROOT / "widget.toml")}
    try:
        read = loading.load(given_)
        assert read.products
        text = repr(read)
    except ConfigurationError as error:
        assert {problem.name for problem in error.problems} <= set(given_) | {"environment"}
        text = str(error)
    assert "canary" not in text


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"[products.demo]\n{text}".encode(errors="ignore"))
)
def test_any_products_file_is_read_or_named(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "products.toml"
    path.write_bytes(content)
    try:
        assert loading.load({**REQUIRED, "WIDGET_CONFIG": str(path)}).products
    except ConfigurationError as error:
        assert error.problems
        assert "canary" not in str(error)
