"""Runs the handler without Lambda."""

from countdown.app import handler

from lambda_streaming.testing import Ending, run


def test_it_counts_down_chunk_by_chunk():
    response = run(handler)
    assert response.ending is Ending.COMPLETE
    assert response.headers == {"content-type": "text/plain; charset=utf-8"}
    assert [chunk.data for chunk in response.chunks] == [b"5 ", b"4 ", b"3 ", b"2 ", b"1 "]
    assert response.chunks[4].at - response.chunks[0].at > 0.7
