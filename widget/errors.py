"""All errors of this package, and the code of each fault.

    WidgetError
    ├─ ConfigurationError   the configuration cannot be used; names every problem at once
    ├─ Rejected             a request that is answered with its faults, in words for people
    │  └─ AlreadySent       its token was used for a submission with other content
    ├─ TokenError           a form token or receipt that is not valid
    │  ├─ TokenInvalid
    │  └─ TokenExpired      genuine, but too old; has the submission's id, because it may be a repeat
    ├─ IdentityInvalid      a signed identity that is not valid; says why
    ├─ OutboxUnavailable    nothing can be stored safely now
    │  ├─ OutboxUnusable    the database refuses, because a right, a table or a column is missing
    │  ├─ FilesBusy         too many files wait to be checked
    │  ├─ OutboxFull        no more attachments until some of the waiting ones are delivered
    │  ├─ AttachmentMissing a stored file is gone, and will not come back by itself
    │  └─ RowUnreadable     a stored submission cannot be decrypted; waiting does not help
    ├─ BackupUnusable       `outbox.restore`: a backup cannot be restored, or not into this database
    ├─ StorageAway          `abuse.counters`: the storage of the counters cannot be used now
    ├─ ScannerUnavailable   `files.clamav`: nobody can say whether a file is clean
    ├─ Missing              `tools.browser`: there is no browser to look at pages with
    ├─ Unreadable           `tools.borrowing`: a host page cannot be read
    ├─ UnknownProduct       `tools.check`: there is no such product in the products' file
    ├─ TemplateBroken       `pages.templating`: a product's template fails
    └─ LimitExceeded        `pages.limits`: a template uses more than a page may

The decoders in `files/` run in processes that load nothing else, so they have exceptions of their own.

The locale files have the messages. A `Fault` has its code, and the variant and numbers that its message needs.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STATUS: Mapping[str, int] = {
    "malformed": 400,
    "token_invalid": 403,
    "token_expired": 403,
    "too_fast": 403,
    "origin_not_allowed": 403,
    "identity_invalid": 403,
    "product_unknown": 404,
    "receipt_unknown": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "already_sent": 409,
    "file_too_large": 413,
    "too_many_files": 413,
    "request_too_large": 413,
    "media_type": 415,
    "file_type": 415,
    "required": 422,
    "too_long": 422,
    "invalid": 422,
    "empty": 422,
    "refused_upstream": 422,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
}
"""The HTTP status of each code (the contract's table, and three for requests that no form makes)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request.

    `field` is the form field's name, or "" for the whole request. `variant` selects one of several messages for the
    same code (`file_type` of an `empty` file). `position` counts the files from 0, if a file is at fault.
    """

    code: str
    field: str = ""
    variant: str = ""
    position: int | None = None
    params: Mapping[str, str | int] = dataclasses.field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status that answers this fault."""
        return STATUS[self.code]


class WidgetError(Exception):
    """The base of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the configuration: its name as the operator wrote it, what is wrong, and how to fix it."""

    name: str
    message: str


class ConfigurationError(WidgetError):
    """The configuration cannot be used. `problems` has everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{problem.name}: {problem.message}" for problem in self.problems))


class Rejected(WidgetError):
    """A request is not acceptable. The first fault decides the status.

    `retry_after` is in seconds. `limit` is the setting that was reached, for the log.
    """

    def __init__(self, *faults: Fault, retry_after: float | None = None, limit: str = "") -> None:
        self.faults = faults
        self.limit = limit
        self.retry_after = retry_after
        super().__init__(", ".join(f"{fault.field or '-'}:{fault.code}" for fault in faults))

    @classmethod
    def rate_limited(cls, wait: float, limit: str) -> "Rejected":
        """Too many requests. The next may come in `wait` seconds."""
        return cls(Fault("rate_limited", params={"n": math.ceil(wait)}), retry_after=wait, limit=limit)

    @property
    def status(self) -> int:
        """The HTTP status that answers the request."""
        return self.faults[0].status


class AlreadySent(Rejected):
    """The token was used for another submission, `submission_id`, which stays as it is."""

    def __init__(self, submission_id: str) -> None:
        self.submission_id = submission_id
        super().__init__(Fault("already_sent"))


class TokenError(WidgetError):
    """A form token or a receipt is not valid."""


class TokenInvalid(TokenError):
    """Missing, forged, or made for something else."""


class TokenExpired(TokenError):
    """Genuine, but too old to start a submission."""

    def __init__(self, submission_id: str) -> None:
        self.submission_id = submission_id
        super().__init__("the form token is too old")


class IdentityInvalid(WidgetError):
    """A signed identity is not valid. `reason` is for programs, the message for developers."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class OutboxUnavailable(WidgetError):
    """Nothing can be stored safely now: the disk is full or read-only, or the database is unavailable."""


class OutboxUnusable(OutboxUnavailable):
    """The database answers, but refuses: a right, a table or a column is missing. Somebody has to restore it."""


class BackupUnusable(WidgetError):
    """A backup is damaged, or does not fit this release, these keys or this database; the message says which."""


class FilesBusy(OutboxUnavailable):
    """A file waited too long to be checked. Nothing is wrong with it, and it may be sent again."""


class OutboxFull(OutboxUnavailable):
    """Too many bytes of attachments wait for delivery, so no more are accepted. Submissions without files still are.

    `limit` is the setting with the limit.
    """

    def __init__(self, message: str, limit: str) -> None:
        self.limit = limit
        super().__init__(message)


class AttachmentMissing(OutboxUnavailable):
    """The bytes of a stored file are missing, for example because a database was restored without its files."""


class RowUnreadable(OutboxUnavailable):
    """A stored submission is damaged, or encrypted with a key that is not configured."""
