"""Whose socket is at the other end of a loopback connection. It takes a tenth of a millisecond on Linux.

psutil reads a table of all sockets to find one, which takes 10 to 30 ms after some thousand requests. Linux itself
looks up a single one: https://man7.org/linux/man-pages/man7/sock_diag.7.html
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

Address = tuple[str, int]

# From Linux's linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR = 4, 20, 1, 2
_HEADER = struct.Struct("=IHHII")
_ANY = 0xFFFFFFFF
_NETLINK: int | None = getattr(socket, "AF_NETLINK", None)
# Where inet_diag_msg holds the inode, behind the header.
_INODE_AT = _HEADER.size + 68


def held_by(session: int, peer: Address, own: Address) -> bool:
    """Return whether a process of a session holds the socket `peer`, which is connected to `own`.

    Nobody holds the socket of a process that has ended. All that a session's leader starts is in its session.

    Raises:
        OSError: the system does not say which processes there are.
    """
    if _linux_looks_up():
        inode = _inode(peer, own)
        return inode != 0 and any(f"socket:[{inode}]" in _descriptors(pid) for pid in _processes(session))
    return any(_is_connected(pid, peer, own) for pid in _processes(session))


def _processes(session: int) -> Iterator[int]:
    """Yield the leader, which mostly is the one, and only then look for others."""
    yield session
    try:
        pids = psutil.pids()
    except IndexError:  # psutil's answer to an empty /proc
        raise OSError("the system lists no processes") from None
    for pid in pids:
        with suppress(OSError):  # a process may end at any moment
            if pid != session and os.getsid(pid) == session:
                yield pid


def _descriptors(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _is_connected(pid: int, peer: Address, own: Address) -> bool:
    with suppress(psutil.Error):
        return any((each.laddr, each.raddr) == (peer, own) for each in psutil.Process(pid).net_connections("tcp4"))
    return False


@cache
def _linux_looks_up() -> bool:
    """Whether the kernel answers; some that stand in for Linux do not."""
    with suppress(OSError), socket.create_server(("127.0.0.1", 0)) as listener:
        return _inode(listener.getsockname(), ("0.0.0.0", 0)) != 0  # noqa: S104 - nothing listens there
    return False


def _inode(local: Address, remote: Address) -> int:
    """Return the inode of the socket at `local` that is connected to `remote`; 0 if nobody holds it any more.

    Raises:
        OSError: the kernel has no such service.
    """
    ends = struct.pack("!HH4s12x4s12x", local[1], remote[1], socket.inet_aton(local[0]), socket.inet_aton(remote[0]))
    wanted = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY)
    request = wanted + ends + struct.pack("=III", 0, _ANY, _ANY)
    if _NETLINK is None:
        raise OSError("only Linux has this service")
    with socket.socket(_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST, 0, 0) + request)
        answer = kernel.recv(4096)
    if _HEADER.unpack_from(answer)[1] == _ERROR:
        return 0
    return int(struct.unpack_from("=I", answer, _INODE_AT)[0])
