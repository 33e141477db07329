"""The dashboard's body as a stack has it: options, the template read with them, JSON on standard output."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from command_line import put
from template.errors import ParameterError, TemplateError
from template.parameters import add_overrides_option, parse_overrides
from template.resources import ACCOUNT_ID, STACK_NAME, read_stack

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
# Logical ids in the template.
DASHBOARD, FUNCTION = "StreamingDashboard", "StreamingFunction"

DESCRIPTION = """\
Print the body of the dashboard that template.yaml deploys, as plain JSON. In
the CloudWatch console it goes into a dashboard's Actions > View/edit source."""

EPILOG = """\
examples:
  scripts/dashboard.sh > body.json
  scripts/dashboard.sh --stack-name chat --region eu-west-1
  scripts/dashboard.sh --parameter-overrides TtftObjectiveMilliseconds=1500
  scripts/dashboard.sh \\
    --account-id "$(aws sts get-caller-identity --query Account --output text)"

names:
  The body names one stack's metrics, logs and alarms. Two of the names only AWS
  knows: without --account-id and --function-name they are assumed. Standard
  error says so, and how to look them up.

exit codes:
  0  printed
  1  the template or the dashboard's file cannot be read, or the body cannot be
     written
  2  wrong use"""


def main(arguments: list[str]) -> int:
    """Print the body and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        resources = read_stack(
            TEMPLATE,
            parse_overrides(options.parameter_overrides),
            options.region,
            account_id=options.account_id or ACCOUNT_ID,
            stack_name=options.stack_name,
            physical_names={FUNCTION: options.function_name} if options.function_name else {},
        ).resources
        body = resources[DASHBOARD].properties.required("DashboardBody")
    except ParameterError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2
    except TemplateError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 1
    if unwritten := put(json.dumps(json.loads(body), indent=2), "dashboard"):
        return unwritten
    by_stack = f"--stack-name {options.stack_name} --region {options.region} --logical-resource-id {FUNCTION}"
    described = f"aws cloudformation describe-stack-resource {by_stack} --query StackResourceDetail.PhysicalResourceId"
    for flag, given, assumed, lookup in (
        ("--account-id", options.account_id, ACCOUNT_ID, "aws sts get-caller-identity --query Account"),
        ("--function-name", options.function_name, str(resources[FUNCTION].return_value()), described),
    ):
        if not given:
            print(f'dashboard: {assumed} is assumed; add {flag} "$({lookup} --output text)"', file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/dashboard.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    add = parser.add_argument
    add(
        "--stack-name",
        type=_text("[A-Za-z][A-Za-z0-9-]{0,127}", "a stack's name: letters, digits and dashes, the first a letter"),
        default=STACK_NAME,
        metavar="NAME",
        help=f"the stack whose figures it shows (default: {STACK_NAME})",
    )
    add(
        "--region",
        # Elsewhere both ARNs and the console's addresses begin otherwise.
        type=_text(
            "(?!cn)[a-z]{2}-[a-z]+-[0-9]",
            "a region such as eu-west-1 (those of China and of governments have other addresses)",
        ),
        default=region,
        help=f"the stack's region (default: {region}, from AWS_REGION)",
    )
    add(
        "--account-id",
        type=_text("[0-9]{12}", "an account's twelve digits"),
        metavar="DIGITS",
        help="the stack's account",
    )
    add(
        "--function-name",
        type=_text("[A-Za-z0-9_-]{1,64}", "a function's name: letters, digits, dashes and underscores"),
        metavar="NAME",
        help="the name that CloudFormation gave the function",
    )
    add_overrides_option(parser)
    return parser


def _text(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return text

    return check
