"""What Insider Connect accepts: pure functions that turn a request's content into errors.

The document words two errors, "Contact Consent is required." and "File size cannot exceed 4MB."; the others follow
their style.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# The widget's limits are not used here, so that an error in them shows. A test compares the two.
MAX_DESCRIPTION = 1000
"""UTF-16 units."""
MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes."""
MEDIA_TYPES = ("image/jpeg", "image/png", "application/pdf")
TOO_LARGE = "File size cannot exceed 4MB."

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def read_object(document: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None if it is anything else, or contains text that is not valid Unicode."""
    try:
        body = json.loads(document.decode())
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def feedback_errors(body: Mapping[str, Any]) -> list[str]:
    """What is wrong with a feedback. Types are strict: "true" is not a boolean, and null does not mean absent."""
    errors = []
    if "description" in body:
        description = body["description"]
        if not isinstance(description, str):
            errors.append("Description must be a string.")
        elif len(description.encode("utf-16-le")) // 2 > MAX_DESCRIPTION:
            errors.append(f"Description cannot exceed {MAX_DESCRIPTION} characters.")
    email = body.get("submittedByEmail")
    if email is None or email == "":
        errors.append("Submitted By Email is required.")
    elif not isinstance(email, str):
        errors.append("Submitted By Email must be a string.")
    elif not _ADDRESS.fullmatch(email):
        errors.append("Submitted By Email is not a valid email address.")
    if "sentimentRating" in body and not isinstance(body["sentimentRating"], bool):
        errors.append("Sentiment Rating must be a boolean.")
    if body.get("contactConsent") is None:
        errors.append("Contact Consent is required.")
    elif not isinstance(body["contactConsent"], bool):
        errors.append("Contact Consent must be a boolean.")
    return errors


def files_errors(files: Sequence[tuple[str, int]]) -> list[str]:
    """What is wrong with files, given as media type and size. Each error appears once."""
    if not files:
        return ["Files are required."]
    errors = []
    if any(size > MAX_FILE_SIZE for _, size in files):
        errors.append(TOO_LARGE)
    if any(media_type not in MEDIA_TYPES for media_type, _ in files):
        errors.append("File type is not allowed. Allowed types: " + ", ".join(MEDIA_TYPES) + ".")
    return errors
