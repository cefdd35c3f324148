"""Whom the service tells when something needs a person, without a monitoring system of its own."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from widget.config import validators
from widget.config.topic import Seconds, Topic


class AlertSettings(Topic):
    """Alerts."""

    alert_webhook: Annotated[
        Annotated[SecretStr, AfterValidator(validators.secret_web_address)] | None,
        Field(description="An address to which alerts are posted."),
    ] = None
    alert_format: Annotated[
        Literal["generic", "slack", "teams"], Field(description="The form in which `ALERT_WEBHOOK` takes them.")
    ] = "generic"
    alert_email: Annotated[
        Annotated[str, AfterValidator(validators.mail_addresses)] | None,
        Field(description="Addresses to which alerts are mailed, separated by commas."),
    ] = None
    alert_from: Annotated[
        Annotated[str, AfterValidator(validators.mail_addresses)] | None,
        Field(description="Sender of these mails. Without it, the first of `ALERT_EMAIL`."),
    ] = None
    smtp_url: Annotated[
        Annotated[SecretStr, AfterValidator(validators.smtp_url)] | None,
        Field(
            description="The mail server: `smtp://USER:PASSWORD@HOST:587` (with STARTTLS where it offers that) or "
            "`smtps://…`. Needed for `ALERT_EMAIL`."
        ),
    ] = None
    alert_oldest: Annotated[
        Seconds, Field(gt=0, description="Seconds that a submission may wait for delivery before there is an alert.")
    ] = 3600
    alert_account_after: Annotated[
        Seconds, Field(description="Seconds that an account may fail before there is an alert.")
    ] = 300
    alert_disk: Annotated[
        int, Field(ge=0, description="Bytes left on the outbox's disk under which there is an alert.")
    ] = 1_000_000_000
