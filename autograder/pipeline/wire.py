"""Messages between the processes: a header, which is JSON, and buffers of bytes.

This module needs nothing but Python's own library: a worker, which passes messages on
and does not look into them, need not import torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any

LARGEST = 32 * 2**20  # bytes of a message
LARGEST_TEXT = 8 * 2**20  # of its JSON: read, it takes many times as much memory
SLACK = 2**20  # bytes for what is put around one on its way
MOST = 500_000  # values in a message
#: Ends the name of the file that says that all of a candidate's sockets are open.
READY = "-ready"

Message = tuple[dict[str, Any], list[bytes]]


class WireError(Exception):
    """A message that is none; its text quotes nothing that came from outside."""


class CannotCross(Exception):
    """A value that cannot be sent, or not be used as if it had been."""


def size(header: dict[str, Any], buffers: Iterable[bytes]) -> int:
    """Return the bytes of a message."""
    return len(json.dumps(header)) + sum(len(buffer) for buffer in buffers)


def send(connection: Connection, header: dict[str, Any], buffers: list[bytes]) -> None:
    """Send one message over a connection."""
    connection.send_bytes(json.dumps([len(buffers), header]).encode())
    for buffer in buffers:
        connection.send_bytes(buffer)


def receive(
    connection: Connection, largest: int = LARGEST + SLACK
) -> tuple[dict[str, Any], list[bytes]]:
    """Wait for one message.

    Raises
    ------
    EOFError
        If the other end is gone.
    WireError
        If the message is no such, or larger than this many bytes. The connection is
        of no more use then.
    """
    parts: list[bytes] = []

    def part() -> bytes:
        left = largest - sum(len(received) for received in parts)
        parts.append(connection.recv_bytes(max(left, 0)))
        return parts[-1]

    try:
        count, header = json.loads(part())
        if count not in (0, 1) or type(header) is not dict:
            raise WireError("a message without a header")
        return header, [part() for _ in range(count)]
    except ConnectionError:
        raise EOFError from None
    except (OSError, TypeError, ValueError, RecursionError) as error:
        kind = type(error).__name__
        raise WireError(f"a message that cannot be read ({kind})") from None
