"""Which files are accepted, and how they are checked."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from widget.config import validators
from widget.config.topic import Topic


class FilesSettings(Topic):
    """Files."""

    max_pixels: Annotated[
        int, Field(ge=1_000_000, le=250_000_000, description="Pixels (width times height) that a picture may have.")
    ] = 100_000_000
    pdf_encrypted: Annotated[
        Literal["refuse", "pass"],
        Field(description="What happens to an encrypted PDF: `refuse`, or `pass` it on without looking inside."),
    ] = "refuse"
    pdf_active_content: Annotated[
        Literal["remove", "refuse", "pass"],
        Field(
            description="What happens to scripts in a PDF, forms that submit themselves, and actions that start a "
            "program or open another file: `remove` them, `refuse` the PDF, or `pass` them on."
        ),
    ] = "remove"
    pdf_embedded_files: Annotated[
        Literal["remove", "refuse", "pass"],
        Field(description="What happens to files within a PDF: `remove` them, `refuse` the PDF, or `pass` them on."),
    ] = "remove"
    file_checkers: Annotated[
        int,
        Field(ge=1, le=32, description="Processes that check files, one file each at a time."),
    ] = 2
    file_check_timeout: Annotated[
        int,
        Field(ge=1, le=60, description="Seconds that checking one file may take; then it counts as unreadable."),
    ] = 10
    file_check_wait: Annotated[
        float,
        Field(
            gt=0,
            le=120,
            description="Seconds that a file may wait for a process to check it; then the submission is answered 503, "
            "and the form tries again.",
        ),
    ] = 20
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
