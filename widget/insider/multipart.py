"""The files of one request as multipart/form-data (RFC 7578)."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to attach: our own name and media type, its `size` in bytes, and a function that reads its bytes."""

    name: str
    media_type: str
    size: int
    chunks: Callable[[], AsyncIterator[bytes]]


class Multipart(httpx.AsyncByteStream):
    """The files as multipart/form-data (RFC 7578), each under the name `files`. Can be sent twice.

    httpx's own encoder would read files in the event loop, and writes names into headers unescaped.
    """

    def __init__(self, uploads: Sequence[Upload]) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts = [(_head(boundary, upload), upload) for upload in uploads]
        self._end = f"--{boundary}--\r\n".encode()
        self.length = len(self._end) + sum(len(head) + upload.size + 2 for head, upload in self._parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for head, upload in self._parts:
            yield head
            async for chunk in upload.chunks():
                yield chunk
            yield b"\r\n"
        yield self._end


def _head(boundary: str, upload: Upload) -> bytes:
    name = upload.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {upload.media_type}\r\n\r\n"
    ).encode()
