"""The report: what was checked on which stack with which tools, as Markdown for an issue or as JSON."""

import json
import platform
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import boto3

from probe.curl import without_keys
from probe.terminal import harmless_line
from verify.deployed import Deployed
from verify.findings import FAILED, OK, UNCHECKED, UNSEEN, Finding
from verify.masking import all_masked, masked

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Report:
    """Everything that the report says, before it is masked.

    Attributes:
        date: when it began, in UTC as ISO 8601.
        version: of the project, as git describes it.
        tools: the versions of curl, Python and boto3.
    """

    date: str
    version: str
    tools: Mapping[str, str]
    deployed: Deployed
    findings: Sequence[Finding]

    @property
    def counts(self) -> dict[str, int]:
        """How many checks have each verdict."""
        counts = Counter(finding.verdict for finding in self.findings)
        return {verdict: counts[verdict] for verdict in (OK, FAILED, UNSEEN, UNCHECKED)}

    @property
    def _place(self) -> str:
        region = self.deployed.access.region
        return f"in the sandbox, as {region}" if self.deployed.function_url.is_local else f"on AWS, {region}"

    def markdown(self) -> str:
        """Return it for people."""
        summary = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items() if count)
        facts = {
            "Stack": f"{self.deployed.name}, {self.deployed.status}",
            "Region": self.deployed.access.region,
            "Date": self.date,
            "Firstbyte": self.version,
            **self.tools,
            "Parameters": ", ".join(f"{name}={value}" for name, value in self.deployed.parameters.items() if value),
        }
        rows = list(facts.items())
        checks = [(each.name, each.verdict, each.expected, each.seen) for each in self.findings]
        lines = [f"# Firstbyte {self._place}: {summary}", ""]
        lines += [*_table(("", ""), rows), "", *_table(("Check", "Verdict", "Expected", "Seen"), checks)]
        return masked("\n".join(lines))

    def json(self) -> str:
        """Return it for machines."""
        document = {
            "schema_version": 1,
            "date": self.date,
            "version": self.version,
            "tools": self.tools,
            "stack": self.deployed.name,
            "status": self.deployed.status,
            "region": self.deployed.access.region,
            "is_sandbox": self.deployed.function_url.is_local,
            "parameters": self.deployed.parameters,
            "counts": self.counts,
            "checks": [asdict(finding) for finding in self.findings],
        }
        return json.dumps(all_masked(document), indent=2)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(harmless_line(cell).replace('|', chr(92) + '|') for cell in cells)} |"

    return [row(head), row(["---"] * len(head)), *map(row, rows)]


def version() -> str:
    """Return the project's version: the nearest tag or the commit, `unknown` outside of a repository."""
    return _said(["git", "-C", str(ROOT), "describe", "--tags", "--always", "--dirty"]) or "unknown"


def tools(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of what takes part."""
    curl = _said(["curl", "--version"], without_keys(environment)).split("\n")[0].split(" ")
    return {
        "curl": curl[1] if len(curl) > 1 else "unknown",
        "Python": platform.python_version(),
        "boto3": boto3.__version__,
    }


def _said(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - commands of this file, and no shell
            command, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
