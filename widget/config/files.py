"""What files may be, and who looks at them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from widget.config import validators
from widget.config.topic import Topic


class FilesSettings(Topic):
    """Files."""

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
        Annotated[str, AfterValidator(validators.clamd)] | None,
        Field(
            description="A ClamAV daemon that every file has to pass before it is forwarded: `unix:///PATH` or "
            "`tcp://HOST:PORT`; without it, none."
        ),
    ] = None
    clamd_timeout: Annotated[
        float, Field(gt=0, le=25, description="Seconds that scanning the files of one submission may take.")
    ] = 20
