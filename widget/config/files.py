"""Which files are accepted, and how they are checked."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from widget.config import validators
from widget.config.topic import Topic


class FilesSettings(Topic):
    """Files."""

    max_pixels: Annotated[
        int, Field(ge=1_000_000, le=250_000_000, description="Pixels (width times height) that a picture may have.")
    ] = 64_000_000
    pdf_encrypted: Annotated[
        Literal["refuse", "pass"],
        Field(description="What happens to an encrypted PDF: `refuse`, or `pass` it on without looking inside."),
    ] = "refuse"
    pdf_active_content: Annotated[
        Literal["refuse", "pass"],
        Field(
            description="What happens to a PDF with scripts, embedded files, forms that submit themselves, or actions "
            "that start a program: `refuse` or `pass`."
        ),
    ] = "refuse"
    file_checkers: Annotated[
        int,
        Field(ge=1, le=32, description="Processes that check files, one file each at a time."),
    ] = 2
    file_check_timeout: Annotated[
        int,
        Field(ge=1, le=60, description="Seconds that checking one file may take; then it counts as unreadable."),
    ] = 10
    clamd: Annotated[
        Annotated[str, AfterValidator(validators.clamd)] | None,
        Field(
            description="A ClamAV daemon that scans every file before it is forwarded: `unix:///PATH` or "
            "`tcp://HOST:PORT`. Without it, files are not scanned."
        ),
    ] = None
    clamd_timeout: Annotated[
        float, Field(gt=0, le=25, description="Seconds that scanning the files of one submission may take.")
    ] = 20
