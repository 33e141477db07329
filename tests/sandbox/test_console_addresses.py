"""Whatever an address of a page says, there is a page: it shows what can be shown, or says what is wrong."""

from urllib.parse import quote

import pytest

from console_client import Console
from sandbox_process import StartSandbox, start_sandbox

__all__ = ["start_sandbox"]

PATHS = ("", "try", "traces", "logs", "logs/tail", "alarms", "alarms/firstbyte-ttft")
FIRST, LAST = quote("0001-01-01T00:00:00+14:00"), quote("9999-12-31T23:59:59-12:00")
QUERIES = (
    *("path=1&shown=2&last=1h", "query=fields+a&group=x&path=1", "self=1&source=2", "last=", "last=455d", "last=65w"),
    *("before=2026-01-01", f"before={FIRST}", f"before={LAST}", "before=soon", "all=1&before="),
    *(f"from={FIRST}&to={LAST}", "from=2026-01-01&to=2026-01-02", "from=1000-01-01&to=1000-01-02", "from=&to="),
    *("from=9000-01-01&to=9000-01-02", "model=%00", "model=a%22%5Cb", "outcome=x&slow=1e308&sort=x", "slow=nan"),
    *("dashboard=", "dashboard=%00", "refresh=soon", "group=%00&query=%00", "pattern=%7B", "from=2026-01-01"),
)


@pytest.fixture(scope="module")
def console(start_sandbox: StartSandbox) -> Console:
    return Console(start_sandbox().ready["console_url"])


@pytest.mark.parametrize("query", QUERIES)
def test_every_address_has_a_page(console: Console, query: str) -> None:
    for path in PATHS:
        answer = console.send(f"/{console.token}/{path}?{query}")
        assert answer.status == 200, path
        assert "Server error" not in answer.body, path


@pytest.mark.parametrize(
    "path", ["traces/1-ffffffff-ffffffffffffffffffffffff", "traces/1-00000000-000000000000000000000000"]
)
def test_a_trace_of_any_time_has_a_page(console: Console, path: str) -> None:
    assert console.send(f"/{console.token}/{path}").status == 200
