"""The event that tells a product's own systems that a submission has ended, signed by the Standard Webhooks
specification: pure functions.

The specification is at standardwebhooks.com. A signature is a single HMAC, so its reference library, which verifies, is
only used by the tests.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from widget.config.secrets import WEBHOOK_PREFIX
from widget.outbox.notices import Notice


def content(notice: Notice, receipt: Callable[[str, str], str]) -> bytes:
    """The body of the request, the same at each attempt. `receipt` makes a receipt from a submission's id and
    product."""
    body = notice.body
    event = {
        "type": f"submission.{body['state']}",
        "timestamp": f"{datetime.fromtimestamp(notice.made_at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "data": {
            "product": body["product"],
            "receipt": receipt(body["submission"], body["product"]),
            "feedback_id": body["feedback_id"],
            "thumb": body["thumb"],
        },
    }
    return json.dumps(event).encode()


def headers(notice: Notice, sent: bytes, secrets: Sequence[str], now: float) -> Mapping[str, str]:
    """The headers that sign the body `sent` at `now` (Unix seconds) with each of the secrets. During a rotation the
    receiver knows only one of them."""
    timestamp = str(int(now))
    signed = b".".join((notice.id.encode(), timestamp.encode(), sent))
    signatures = (
        base64.b64encode(hmac.digest(base64.b64decode(each.removeprefix(WEBHOOK_PREFIX)), signed, hashlib.sha256))
        for each in secrets
    )
    return {
        "webhook-id": notice.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature.decode()}" for signature in signatures),
    }
