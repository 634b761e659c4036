"""HTTPS to a store: which authorities are trusted, how long an answer may take, and what to say when there is none."""

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import urllib3.exceptions

from aiapp_models.addresses import NetworkRules
from aiapp_models.errors import Reason, SourceError

DEFAULT_AUTHORITY: Final = "https://login.microsoftonline.com"
"""Microsoft Entra ID of the public cloud."""
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 10
"""Longest silence between two packets; an object store answers in well under a second."""


_PROBLEMS: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    # In this order: urllib3 calls a refused connection a time-out too.
    (
        (socket.gaierror, urllib3.exceptions.NameResolutionError),
        "the name {host} does not resolve; check the account or endpoint in modelSource, then DNS",
    ),
    (
        (ConnectionRefusedError,),
        "{host} refuses the connection; check the endpoint in modelSource, firewall and private endpoint",
    ),
    (
        (TimeoutError, urllib3.exceptions.TimeoutError),
        "{host} does not answer in time; check network policy, firewall and private endpoint",
    ),
    ((ssl.SSLError,), "{host} speaks no TLS that we accept; check the endpoint in modelSource"),
)


@dataclass(frozen=True, slots=True)
class Network:
    """How and where sources are connected to.

    trust_bundle: PEM file of authorities trusted in addition to the system's, or None.
    rules: which endpoints and addresses may be asked.
    authority: https address of the cloud's Microsoft Entra endpoint.
    """

    trust_bundle: Path | None = None
    rules: NetworkRules = field(default_factory=NetworkRules)
    authority: str = DEFAULT_AUTHORITY


class DeadlineContext(ssl.SSLContext):
    """TLS settings of one store whose connections end at `deadline`, a time of the monotonic clock.

    A socket's own time-out starts anew with every packet, so a store that sends a byte a second would hold its
    reader for days.
    """

    deadline: float = float("inf")


class _DeadlineSocket(ssl.SSLSocket):
    """Reads until its context's deadline."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        if isinstance(self.context, DeadlineContext) and time.monotonic() > self.context.deadline:
            raise TimeoutError("the store sends too slowly")
        return super().recv_into(buffer, nbytes, flags)


class DeadlineSocket(socket.socket):
    """Reads plain HTTP until the deadline of its store's context."""

    context: DeadlineContext

    @classmethod
    def over(cls, opened: socket.socket, context: DeadlineContext) -> "DeadlineSocket":
        """Take a connected socket over."""
        timeout = opened.gettimeout()
        taken = cls(fileno=opened.detach())
        taken.settimeout(timeout)
        taken.context = context
        return taken

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read as a socket does, but not after the deadline."""
        if time.monotonic() > self.context.deadline:
            raise TimeoutError("the store sends too slowly")
        return super().recv_into(buffer, nbytes, flags)


def tls_context(trust_bundle: Path | None) -> DeadlineContext:
    """Trust the system's authorities and those in `trust_bundle` (PEM).

    Raises:
        SourceError: SourceInvalid, the bundle cannot be read.
    """
    tls = DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.sslsocket_class = _DeadlineSocket
    tls.load_default_certs()
    if trust_bundle is not None:
        try:
            tls.load_verify_locations(cafile=trust_bundle)
        except OSError as error:  # ssl.SSLError is one
            problem = f"the trust bundle {trust_bundle} cannot be read ({error.strerror or type(error).__name__})"
            raise SourceError(Reason.SOURCE_INVALID, f"{problem}; it must hold certificates in PEM") from None
    return tls


def network_problem(error: BaseException, host: str) -> str:
    """Say what went wrong on the way to `host`, with the fix.

    Made from the types and codes of the causes, never from their text: that quotes the URL, SAS included.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            problem = f"the certificate of {host} is not trusted ({cause.verify_message})"
            return f"{problem}; add its authority to the trust bundle"
    for kinds, words in _PROBLEMS:
        if any(isinstance(cause, kinds) for cause in causes):
            return words.format(host=host)
    return f"the connection to {host} broke ({type(causes[-1]).__name__}); it is tried again"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps, outermost first; libraries keep the inner one in various places."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        cause = queue.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (getattr(cause, name, None) for name in ("inner_exception", "reason"))
        queue += [*inner, *cause.args, cause.__cause__, cause.__context__]
