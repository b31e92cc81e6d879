"""The time of one whole exchange over HTTP: connecting, asking, every header, the body and what trails it.

A timeout of the socket alone begins anew with each byte, so that a server which drips them is never done.
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
    """Within it, the connections of this thread are shut down when the time is over; `over` says that it is."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._connection: HTTPConnection | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, connection: HTTPConnection) -> None:
        """This is the connection to shut down."""
        self._connection = connection
        if self.over:
            raise TimeoutError("timed out")

    def _end(self) -> None:
        self.over = True
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            with suppress(OSError):  # it is closed already
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
    """The body, or more than `most` bytes of a larger one, as far as it came in time. It is unpacked piece by piece: a
    small one may be huge, and one that drips never fills a piece of a given size."""
    content = bytearray()
    while (piece := response.read1(65536, decode_content=True)) and not limit.over:
        content += piece
        if len(content) > most:
            break
    return bytes(content)


_LIMIT: ContextVar[TimeLimit | None] = ContextVar("limit", default=None)


class _WatchedConnection(HTTPConnection):
    """Tells the thread's limit of itself before it connects, asks through a proxy, or sends a request."""

    def connect(self) -> None:
        _watch(self)
        super().connect()
        _watch(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
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
    """The manager, whose connections heed the limit from now on. Those of a SOCKS proxy have classes of their own."""
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
