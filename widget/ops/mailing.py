"""Sends alerts by mail."""

import asyncio
import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from widget.insider.reasons import unreached
from widget.insider.transport import trusting_nobody
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
        await self._talk(message)

    async def check(self) -> None:
        """Sign in, and send nothing. Raises NotTaken."""
        await self._talk(None)

    async def _talk(self, message: EmailMessage | None) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.to_thread(self._send, message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(self._reason(error)) from None

    def _reason(self, error: Exception) -> str:
        """What went wrong, without the server's own words, which may repeat an address."""
        match error:
            case smtplib.SMTPAuthenticationError():
                return f"the mail server refuses the user or the password ({error.smtp_code})"
            case smtplib.SMTPResponseException():
                return f"the mail server answered {error.smtp_code}"
            case smtplib.SMTPRecipientsRefused():
                return "the mail server refuses the recipients"
            case smtplib.SMTPServerDisconnected():
                return "the mail server broke off the connection"
            case smtplib.SMTPException():
                return "the mail server cannot do what is needed"
            case TimeoutError():
                return f"no answer within {PATIENCE:g} s"
        return unreached(error, f"{self._server.hostname}:{self._port}")

    @property
    def _port(self) -> int:
        return self._server.port or (465 if self._server.scheme == "smtps" else 587)

    def _send(self, message: EmailMessage | None) -> None:
        server, secure = self._server, trusting_nobody()
        secure.load_default_certs()  # mail servers often have a certificate of the company's own
        with (
            smtplib.SMTP_SSL(server.hostname or "", self._port, timeout=PATIENCE, context=secure)
            if server.scheme == "smtps"
            else smtplib.SMTP(server.hostname or "", self._port, timeout=PATIENCE)
        ) as session:
            session.ehlo()
            if server.scheme == "smtp" and session.has_extn("starttls"):
                session.starttls(context=secure)
            if server.username:
                session.login(unquote(server.username), unquote(server.password or ""))
            if message:
                session.send_message(message)
