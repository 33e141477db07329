"""The probe's command line: its help, and what it says when it is used wrongly."""

import re

from probe_process import Probe


def test_help_shows_examples_and_every_exit_code(probe: Probe) -> None:
    done = probe("--help")
    assert done.returncode == 0
    assert "scripts/probe.sh --sandbox" in done.stdout
    codes = re.findall(r"^  (\d+) ", done.stdout.partition("exit codes:")[2], re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "130", "141"]


def test_help_fits_80_columns(probe: Probe) -> None:
    done = probe("--help", environment={**probe.environment, "COLUMNS": "80"})
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_details_go_with_the_table(probe: Probe) -> None:
    done = probe("--url", "https://a.example/", "--details", "--output", "json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "probe: --details goes with --output table: the other formats have everything\n"


def test_wrong_use_is_one_line_on_standard_error(probe: Probe) -> None:
    done = probe("--url", "http://a.example/")
    assert (done.returncode, done.stdout) == (2, "")
    words = "would send the prompt in the clear: use https:// (http is for this machine only)"
    assert done.stderr == f"probe: 'http://a.example/' {words}\n"
