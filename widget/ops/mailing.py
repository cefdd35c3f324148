"""Sends alerts by mail."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from widget.ops.posting import PATIENCE, NotTaken


class Mailer:
    """Sends from `sender` to `to` through the mail server at the address `server`."""

    def __init__(self, to: str, sender: str | None, server: str) -> None:
        self._to = to
        self._sender = sender or to.split(",")[0]
        self._server = urlsplit(server)

    async def mail(self, subject: str, text: str) -> None:
        """Send a mail. Raises NotTaken."""
        message = EmailMessage()
        message["Subject"] = subject
        message["To"] = self._to
        message["From"] = self._sender
        message.set_content(text)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.to_thread(self._send, message)
        except (TimeoutError, OSError, smtplib.SMTPException) as error:
            raise NotTaken(type(error).__name__) from None

    def _send(self, message: EmailMessage) -> None:
        server, secure = self._server, ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(server.hostname or "", server.port or 465, timeout=PATIENCE, context=secure)
            if server.scheme == "smtps"
            else smtplib.SMTP(server.hostname or "", server.port or 587, timeout=PATIENCE)
        ) as session:
            session.ehlo()
            if server.scheme == "smtp" and session.has_extn("starttls"):
                session.starttls(context=secure)
            if server.username:
                session.login(unquote(server.username), unquote(server.password or ""))
            session.send_message(message)
