"""All settings of an operator as one frozen value, composed of its topics.

`loading` reads the environment. A secret stays a `SecretStr` until it is used.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.engine import make_url

from widget.config.alerts import AlertSettings
from widget.config.delivery import DeliverySettings
from widget.config.files import FilesSettings
from widget.config.limits import LimitsSettings
from widget.config.network import NetworkSettings
from widget.config.operator import OperatorSettings
from widget.config.products import Product
from widget.config.storage import StorageSettings
from widget.config.topic import Topic
from widget.config.upstream import UpstreamSettings
from widget.errors import Problem


class Settings(
    UpstreamSettings,
    StorageSettings,
    DeliverySettings,
    LimitsSettings,
    FilesSettings,
    NetworkSettings,
    OperatorSettings,
    AlertSettings,
):
    """All settings, and what was read beside them."""

    products: Mapping[str, Product] = Field(default_factory=dict, exclude=True)
    accounts: Mapping[str, "Account"] = Field(default_factory=dict, exclude=True)
    identity_keys: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict, exclude=True)
    event_secrets: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict, exclude=True)
    unusable_themes: tuple[Problem, ...] = Field(default=(), exclude=True)

    @property
    def keys(self) -> tuple[str, ...]:
        """The signing keys, newest first."""
        return tuple(key.get_secret_value() for key in self.secret_key)

    @property
    def data_keys(self) -> tuple[str, ...]:
        """The keys that encrypt what people said, newest first."""
        return tuple(key.get_secret_value() for key in self.data_key)

    @property
    def custom(self) -> Path:
        """The folder of the products' own templates and static files."""
        return self.custom_folder or self.widget_config.parent

    @property
    def public_origin(self) -> str | None:
        """The origin of `PUBLIC_URL`, as browsers write it; None without one."""
        return self.public_url and "{0.scheme}://{0.netloc}".format(urlsplit(self.public_url))

    @property
    def only_tls(self) -> bool:
        """Whether browsers always use TLS. Without `PUBLIC_URL`, each request tells."""
        return bool(self.public_url) and urlsplit(self.public_url).scheme == "https"

    @property
    def root(self) -> str | None:
        """The path below which browsers reach the service; empty for a host of its own, None without `PUBLIC_URL`."""
        return self.public_url and urlsplit(self.public_url).path

    @property
    def sqlite_path(self) -> Path | None:
        """The outbox's file; None if it is in PostgreSQL."""
        if not self.database_url.startswith("sqlite:"):
            return None
        return Path(make_url(self.database_url).database or "")


class Account(BaseModel):
    """The credentials with which a product's feedback is sent to Insider Connect."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    client_secret: SecretStr


TOPICS: tuple[type[Topic], ...] = Settings.__bases__
"""The settings by topic, in the order of the documents."""
VARIABLES = tuple(name for topic in TOPICS for name in topic.model_fields)
"""The settings that are read from the environment, in small letters."""
