"""The operator's keys, files and log."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from widget.config import secrets
from widget.config.topic import Seconds, Topic


class OperatorSettings(Topic):
    """Operator."""

    secret_key: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(secrets.keys),
        Field(
            description="Signs tokens and receipts; 32 characters at least. Several, newest first, separated by "
            "commas, while one is rotated out."
        ),
    ]
    data_key: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(secrets.keys),
        Field(
            description="Encrypts what people said, at rest; 32 characters at least. Several, newest first, separated "
            "by commas, while one is rotated out. Without it, it is stored plain."
        ),
    ] = ()
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
    ops_token: Annotated[
        SecretStr | None,
        Field(
            min_length=16,
            description="Opens `/ops` and `/metrics`, which are closed without it, and lets `/readyz` say why.",
        ),
    ] = None
    health_interval: Annotated[
        Seconds, Field(gt=0, description="Seconds between two looks at the database, for `/readyz` to know.")
    ] = 5
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level that is logged.")
    ] = "info"
