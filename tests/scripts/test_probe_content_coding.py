"""Compressed bodies: what gzip and deflate held, however the bytes are cut, and what is none of them."""

import gzip
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.content_coding import CorruptBodyError, decoder

TEXT = b"Why is the sky blue? " * 50


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODINGS = {
    "gzip": ("gzip", gzip.compress(TEXT, mtime=0)),
    "x-gzip": ("x-gzip", gzip.compress(TEXT, mtime=0)),
    "two members": ("gzip", gzip.compress(TEXT[:99], mtime=0) + gzip.compress(TEXT[99:], mtime=0)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "bare deflate": ("deflate", raw_deflate(TEXT)),
    "none": ("", TEXT),
    "identity": ("identity", TEXT),
    "gzip, identity": ("gzip, identity", gzip.compress(TEXT, mtime=0)),
    "identity, deflate": ("identity,deflate", zlib.compress(TEXT)),
    "identity, identity": ("identity, identity", TEXT),
}


def decoded(coding: str, *pieces: bytes) -> bytes:
    of = decoder(coding)
    assert of is not None
    result = b"".join(part for piece in pieces for part in of.decode(piece))
    of.end()
    return result


@pytest.mark.parametrize(("coding", "body"), CODINGS.values(), ids=CODINGS)
def test_what_a_coding_holds(coding: str, body: bytes) -> None:
    assert decoded(coding, body) == TEXT
    assert decoded(coding, *(body[i : i + 1] for i in range(len(body)))) == TEXT


@given(st.sampled_from([*CODINGS.values()]), st.data())
def test_any_cut_gives_the_same(coding: tuple[str, bytes], draw: st.DataObject) -> None:
    name, body = coding
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=9)))
    assert decoded(name, *(body[start:end] for start, end in itertools.pairwise([0, *cuts, len(body)]))) == TEXT


@pytest.mark.parametrize("wbits", [-15, 15, 31])
@pytest.mark.parametrize("length", [65_536, 65_764, 131_072, 131_147])
def test_what_zlib_still_holds_when_it_has_taken_all_is_given(wbits: int, length: int) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, wbits)
    body = compressor.compress(bytes(length)) + compressor.flush()
    assert decoded("deflate", body) == decoded("deflate", body[:9], body[9:]) == bytes(length)


def test_what_a_server_has_flushed_is_there_at_once() -> None:
    compressor, of = zlib.compressobj(wbits=16 + zlib.MAX_WBITS), decoder("gzip")
    assert of is not None
    for word in (b"one ", b"two ", b"three"):
        sent = compressor.compress(word) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(of.decode(sent)) == word
    list(of.decode(compressor.flush()))
    of.end()


NOT_GZIP = {
    "text": b"hello",
    "cut": gzip.compress(TEXT, mtime=0)[:-1],
    "something behind it": gzip.compress(TEXT, mtime=0) + b"x",
    "a head alone": b"\x1f\x8b\x08",
}


@pytest.mark.parametrize("body", NOT_GZIP.values(), ids=NOT_GZIP)
def test_what_is_not_what_it_says(body: bytes) -> None:
    with pytest.raises(CorruptBodyError):
        decoded("gzip", body)


def test_an_empty_body_is_whole() -> None:
    assert decoded("gzip") == decoded("gzip", b"") == b""


def test_a_little_that_becomes_a_lot_comes_in_steps() -> None:
    of = decoder("gzip")
    assert of is not None
    assert {len(part) for part in itertools.islice(of.decode(gzip.compress(bytes(10_000_000), mtime=0)), 100)} == {
        65_536
    }


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip", "dcb"])
def test_other_codings_are_not_decoded(coding: str) -> None:
    assert decoder(coding) is None
