"""The dashboard as files: what `scripts/console.sh --export` writes, looked at offline."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chromium import View, picture
from recorded import Recorded
from sandbox_client import call
from sandbox_process import RunningSandbox, StartSandbox, start_sandbox
from tools import REPOSITORY

__all__ = ["start_sandbox"]

COMMAND = str(REPOSITORY / "scripts/console.sh")


@pytest.fixture(scope="module")
def running(start_sandbox: StartSandbox) -> RunningSandbox:
    started = start_sandbox()
    scripts = [*["ttft=5 gap=1"] * 3, "fault=internal", "fault=unavailable:2"]
    for script in scripts:
        call(started.ready, json.dumps({"prompt": f"[[sandbox: {script}]] go"}))
    Recorded(started.ready).wait_for_requests(len(scripts))
    return started


def export(running: RunningSandbox, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "--sandbox", "--ready-file", str(running.ready_file), "--export", str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def folder(running: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an export wrote."""
    into = tmp_path_factory.mktemp("export") / "new" / "folder"
    done = export(running, into, "--last", "15m")
    said = [f"console: wrote {into / name}" for name in ("dashboard.html", "dashboard.png")]
    assert (done.returncode, done.stderr.splitlines()) == (0, said)
    assert sorted(path.name for path in into.iterdir()) == ["dashboard.html", "dashboard.png"]
    return into


def test_the_page_is_one_file_that_asks_nobody_for_anything(page: Page, view: View, folder: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    address = (folder / "dashboard.html").as_uri()
    page.goto(address)
    graph = page.locator(".dash-widget").filter(has=page.get_by_role("heading", name="Time to first text", exact=True))
    chart = graph.locator(".look-chart")
    expect(chart.locator("svg")).to_be_attached()
    chart.scroll_into_view_if_needed()
    if view.device == "desktop":
        chart.hover()
        expect(chart).to_contain_text("ms")
        expect(chart).to_contain_text("p95")
        cut = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight)"
        assert page.locator(".dash-log .dash-inner").evaluate_all(f"{cut}.length") == 0
        said = page.get_by_role("img", name=re.compile(r"^Time to first text\. Newest values: p50: [\d.,]+ ms"))
        expect(said).to_be_attached()
    expect(page.get_by_text("loading", exact=True)).to_have_count(0)
    picture(page, "export")
    assert asked == [address]
    assert page.locator("a[href^='alarms'], a[href^='traces']").count() == 0, "no pages of a console that is not there"


def test_the_picture_is_as_high_as_the_page(folder: Path) -> None:
    head = (folder / "dashboard.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    assert width == 1280
    assert 3000 < height < 8000


def test_without_a_browser_the_page_is_written_and_a_line_says_what_to_install(
    running: RunningSandbox, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "console", "--sandbox", "--ready-file", str(running.ready_file)]
    done = subprocess.run(
        [*command, "--export", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"console: wrote {tmp_path / 'dashboard.html'}",
        "console: no dashboard.png: there is no browser to draw it: install Chrome, Chromium or Edge, and try again",
    ]
    assert (tmp_path / "dashboard.html").stat().st_size > 1_000_000


def test_a_folder_that_cannot_be_written_is_a_line(running: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = export(running, tmp_path / "file")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"console: cannot write {tmp_path / 'file'}: File exists\n"


def test_a_full_disk_is_a_line(running: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "dashboard.html").symlink_to("/dev/full")
    done = export(running, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("console: cannot write ")
    assert done.stderr.endswith(": No space left on device\n")


@pytest.mark.parametrize(
    ("more", "said"),
    [(("--last", "soon"), "'soon' is not a time."), (("--last", "3h"), "--last goes with --export")],
)
def test_wrong_use(running: RunningSandbox, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    command = [COMMAND, "--sandbox", "--ready-file", str(running.ready_file), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2
    assert said in done.stderr
