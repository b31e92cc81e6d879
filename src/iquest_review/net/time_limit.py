"""A limit for the time of one whole HTTP exchange: connecting, asking, every header, the body and what follows it.

A socket's own timeout starts again with each byte, so a server that sends one byte at a time would never be done.
"""

import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, pool_classes_by_scheme
from urllib3.response import BaseHTTPResponse

_SHUT_BOTH = 2  # socket.SHUT_RDWR


class TimeLimit:
    """A context in which this thread's connections are shut down after `seconds`; `over` says that it happened."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._connection: HTTPConnection | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, connection: HTTPConnection) -> None:
        """Make this the connection to shut down. Raises TimeoutError if the time is over."""
        self._connection = connection
        if self.over:
            raise TimeoutError("timed out")

    def _end(self) -> None:
        self.over = True
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            with suppress(OSError):  # the connection is closed already
                sock.shutdown(_SHUT_BOTH)

    def __enter__(self) -> Self:
        self._token = _LIMIT.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _LIMIT.reset(self._token)


def receive_body(limit: TimeLimit, response: BaseHTTPResponse, most: int) -> bytes:
    """Return the body as far as it came in time; of one larger than `most` bytes, a little more than that.

    It is decompressed piece by piece: a small body may become huge, and a slow one never fills a piece of a fixed size.
    """
    content = bytearray()
    while (piece := response.read1(65536, decode_content=True)) and not limit.over:
        content += piece
        if len(content) > most:
            break
    return bytes(content)


_LIMIT: ContextVar[TimeLimit | None] = ContextVar("limit", default=None)


class _WatchedConnection(HTTPConnection):
    """A connection that registers with the thread's limit before it connects, asks a proxy or sends a request."""

    def connect(self) -> None:
        """Connect within the limit."""
        _watch(self)
        super().connect()
        _watch(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request within the limit."""
        _watch(self)
        super().request(*args, **kwargs)


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    pass


def _watch(connection: HTTPConnection) -> None:
    limit = _LIMIT.get()
    if limit is not None:
        limit.watch(connection)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTlsConnection


def watch_connections(manager: PoolManager) -> PoolManager:
    """Return the manager, whose connections respect the limit from now on, except those of a SOCKS proxy."""
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
