"""The probe's command line: its help, and what it says when it is used wrongly."""

import re

from probe_process import Probe


def test_help_shows_examples_and_every_exit_code(probe: Probe) -> None:
    done = probe("--help")
    assert done.returncode == 0
    assert "scripts/probe.sh --sandbox" in done.stdout
    codes = re.findall(r"^  (\d+) ", done.stdout.partition("exit codes:")[2], re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "130", "141"]


def test_wrong_use_is_one_line_on_standard_error(probe: Probe) -> None:
    done = probe("--url", "http://a.example/")
    assert (done.returncode, done.stdout) == (2, "")
    words = "would send the prompt in the clear: use https:// (http is for this machine only)"
    assert done.stderr == f"probe: 'http://a.example/' {words}\n"
