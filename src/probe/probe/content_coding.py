"""A body as it was before its content coding: gzip and deflate are undone piece by piece, all others are refused.

The probe asks for no coding, but a server or a gateway may use one nevertheless. The probe inside of the stack has the
standard library alone, which has no decoder for `br` and, before Python 3.14, for `zstd`.
https://www.rfc-editor.org/rfc/rfc9110#section-8.4
"""

import zlib
from collections.abc import Callable, Iterator

# How much one step may give, whatever a stranger has packed: a thousand to one and more.
_STEP = 65_536

# zlib's window bits: 32 more recognise the head of gzip and of zlib, fewer than 0 stand for a body without a head.
_WITH_HEAD, _WITHOUT_HEAD = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS
_COMPRESSION_METHOD = 0x0F
_DEFLATE = 8


class CorruptBodyError(Exception):
    """The body is not what its Content-Encoding says."""


class Plain:
    """A body without a coding."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The bytes as they are."""
        yield data

    def end(self) -> None:
        """It may end anywhere."""


class Deflated:
    """A body in gzip, of one member or more, or in deflate: with the head of zlib or, as some servers send it, bare."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(_WITH_HEAD)
        self._has_begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What these bytes were, in pieces.

        Raises:
            CorruptBodyError: They are something else.
        """
        if data and not self._has_begun:
            self._has_begun = True
            # https://www.rfc-editor.org/rfc/rfc1950#section-2.2; a head of gzip begins with 0x1f
            if data[0] != 0x1F and data[0] & _COMPRESSION_METHOD != _DEFLATE:
                self._decompressor = zlib.decompressobj(_WITHOUT_HEAD)
        piece = b""
        # zlib may have taken all and still hold what did not fit into a full step.
        while data or (len(piece) == _STEP and not self._decompressor.eof):
            if self._decompressor.eof:
                self._decompressor = zlib.decompressobj(_WITH_HEAD)
            try:
                piece = self._decompressor.decompress(data, _STEP)
            except zlib.error as error:
                raise CorruptBodyError(str(error)) from None
            data = self._decompressor.unconsumed_tail or self._decompressor.unused_data
            if piece:
                yield piece

    def end(self) -> None:
        """The body is over.

        Raises:
            CorruptBodyError: It is not complete.
        """
        if self._has_begun and not self._decompressor.eof:
            raise CorruptBodyError("its end is missing")


_DECODERS: dict[str, Callable[[], Plain | Deflated]] = {
    "": Plain,
    "gzip": Deflated,
    "x-gzip": Deflated,
    "deflate": Deflated,
}


def effective(content_encoding: str) -> str:
    """The codings of a Content-Encoding in lower case, without those that change nothing; "" when none is left."""
    codings = (each.strip() for each in content_encoding.lower().split(","))
    return ", ".join(each for each in codings if each not in ("", "identity"))


def decoder(content_encoding: str) -> Plain | Deflated | None:
    """What undoes the coding that a Content-Encoding names; None where nothing here can."""
    make = _DECODERS.get(effective(content_encoding))
    return make() if make else None
