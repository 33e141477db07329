"""What went over the loopback interface and when, by the kernel's clock: a truth that no program under test touches.

An `AF_PACKET` socket gets a copy of every packet with the kernel's receive timestamp; only the headers of IPv4 and TCP
are read, for they say which byte of which connection passed. https://www.man7.org/linux/man-pages/man7/packet.7.html,
https://docs.kernel.org/networking/timestamping.html, https://www.rfc-editor.org/rfc/rfc9293#section-3.1
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

# What the module `socket` has no names for, from <linux/if_packet.h> and <asm-generic/socket.h>.
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_ETH_P_IP = 0x0800

_QUEUE_BYTES = 256 * 1024 * 1024
_HEADERS_LENGTH = 14 + 60 + 20
_SYN, _ACK = 0x02, 0x10


@dataclass(frozen=True)
class _Packet:
    at: float
    source: int
    destination: int
    sequence: int
    length: int
    flags: int


@dataclass
class Direction:
    """The bytes that one end of a connection sent: when a packet came, and how many bytes had come with it."""

    first_sequence: int
    arrivals: list[tuple[float, int]] = field(default_factory=list)

    def when(self, count: int) -> float:
        """When the first `count` bytes had passed, in seconds since the epoch."""
        return next(at for at, passed in self.arrivals if passed >= count)

    def take(self, packet: _Packet) -> None:
        """Note a packet; a sequence number begins again from 0 after 2**32."""
        self.arrivals.append((packet.at, (packet.sequence + packet.length - self.first_sequence) % 2**32))


@dataclass
class Conversation:
    """One TCP connection: when its handshake passed, in seconds since the epoch, and what either side sent."""

    syn_at: float
    syn_ack_at: float
    client: Direction
    server: Direction


class PacketCapture:
    """Watches the port in a URL of this machine from the moment it is made until it is closed."""

    def __init__(self, url: str) -> None:
        self._port = urlsplit(url).port
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE_BYTES)
        except PermissionError:
            pytest.skip("packets are captured through an AF_PACKET socket with a long queue, which needs root")
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)
        # For one protocol, and so each packet once, when it arrives; for all protocols it would come twice.
        self._socket.bind(("lo", _ETH_P_IP))

    def __enter__(self) -> "PacketCapture":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def conversations(self) -> list[Conversation]:
        """The connections that were made to the port, in order. What is asked for once is gone."""
        found: list[Conversation] = []
        # By the client's port, which a later connection may have again.
        opening: dict[int, _Packet] = {}
        current: dict[int, Conversation] = {}
        for packet in self._packets():
            client = packet.source if packet.destination == self._port else packet.destination
            if packet.flags & _SYN and not packet.flags & _ACK:
                opening[client] = packet
            elif packet.flags & _SYN:
                syn = opening.pop(client)
                # A SYN counts as one in the sequence numbers.
                ends = Direction(syn.sequence + 1), Direction(packet.sequence + 1)
                current[client] = Conversation(syn.at, packet.at, *ends)
                found.append(current[client])
            elif client in current and packet.length:
                conversation = current[client]
                (conversation.client if packet.source == client else conversation.server).take(packet)
        return found

    def _packets(self) -> Iterator[_Packet]:
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_HEADERS_LENGTH, socket.CMSG_SPACE(16))
            except BlockingIOError:
                break
            packet = _parse(data, ancillary)
            if packet is not None and self._port in (packet.source, packet.destination):
                yield packet
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        assert dropped == 0, f"the kernel had no room for {dropped} packets: what was captured is not the whole"


def _parse(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> _Packet | None:
    ip = data[14:]  # behind the Ethernet header
    (total,) = struct.unpack_from("!H", ip, 2)
    ip_header = (ip[0] & 0x0F) * 4
    if ip[9] != socket.IPPROTO_TCP:
        return None
    source, destination, sequence = struct.unpack_from("!HHI", ip, ip_header)
    tcp_header = (ip[ip_header + 12] >> 4) * 4
    ((_, _, stamp),) = ancillary
    seconds, nanoseconds = struct.unpack("qq", stamp)
    length = total - ip_header - tcp_header
    return _Packet(seconds + nanoseconds / 1e9, source, destination, sequence, length, ip[ip_header + 13])
