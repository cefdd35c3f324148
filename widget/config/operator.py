"""The operator's keys, files and log."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from widget.config import secrets, validators
from widget.config.topic import Seconds, Topic


class OperatorSettings(Topic):
    """Operator."""

    secret_key: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(secrets.keys),
        Field(
            description="Signs tokens and receipts; at least 32 characters. For a rotation, several keys separated by "
            "commas, newest first."
        ),
    ]
    data_key: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(secrets.keys),
        Field(
            description="Encrypts stored feedback; at least 32 characters. For a rotation, several keys separated by "
            "commas, newest first. Without it, feedback is stored as plain text."
        ),
    ] = ()
    widget_config: Annotated[Path, Field(description="The products' file.")] = Path("widget.toml")
    custom_folder: Annotated[
        Path | None,
        Field(
            description="The folder that contains the products' `templates/products/SLUG` and `static/products/SLUG`. "
            "Without it, the folder of `WIDGET_CONFIG`."
        ),
    ] = None
    reload: Annotated[
        bool,
        Field(description="For development: whether changed templates and static files take effect at once."),
    ] = False
    ops_token: Annotated[
        SecretStr | None,
        BeforeValidator(secrets.token),
        Field(
            min_length=secrets.MIN_TOKEN,
            description="Token that opens `/ops` and `/metrics` and lets `/readyz` give reasons. Without it, both are "
            "closed.",
        ),
    ] = None
    ops_session: Annotated[
        Seconds, Field(ge=60, le=2_592_000, description="Seconds after which `/ops` asks for `OPS_TOKEN` again.")
    ] = 43_200
    health_interval: Annotated[
        Seconds, Field(gt=0, description="Seconds between the checks of the database that `/readyz` reports.")
    ] = 5
    heartbeat_url: Annotated[
        Annotated[str, AfterValidator(validators.web_address)] | None,
        Field(
            repr=False,
            description="An address that is requested after each successful search for due submissions, unless an "
            "account is paused, or its files alone. A service such as Healthchecks.io raises the alarm when the "
            "requests stop.",
        ),
    ] = None
    access_log: Annotated[
        bool,
        Field(description="Whether each request leaves a line in the log: method, first part of the path, status."),
    ] = False
    traces: Annotated[
        bool,
        Field(
            description="Whether traces are sent by OpenTelemetry, which `pip install 'insider-feedback-widget[otel]'` "
            "installs. Its own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, say where and how many."
        ),
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The lowest level that is logged.")
    ] = "info"
