"""Bedrock's words as the caller gets them: no account, role, session or key comes through; the rest helps to mend."""

import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_cases import cases
from firstbyte.identifiers import without_identifiers

ACCOUNT = "123456789012"

# The grammar of names: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html. The mark tells them.
MARK = "Zq7"
PARTITIONS = st.sampled_from(["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"])
NAMES = st.from_regex(r"[A-Za-z0-9_+=,.@-]{0,20}", fullmatch=True).map(lambda name: f"{MARK}{name}{MARK}")
PATHS = st.one_of(st.just("/"), st.from_regex(r"/[!-~]{1,30}/", fullmatch=True).map(lambda path: f"/{MARK}{path}"))
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)


@st.composite
def arns(draw: st.DrawFn) -> tuple[str, str]:
    """Return an ARN of IAM or STS, and its account."""
    account, name, path = draw(ACCOUNTS), draw(NAMES), draw(PATHS)
    kind = draw(
        st.sampled_from(["role", "user", "group", "policy", "instance-profile", "assumed-role", "federated-user"])
    )
    partition = draw(PARTITIONS)
    if kind == "assumed-role":
        return f"arn:{partition}:sts::{account}:assumed-role/{name}/{draw(NAMES)}", account
    if kind == "federated-user":
        return f"arn:{partition}:sts::{account}:federated-user/{name}", account
    return f"arn:{partition}:iam::{account}:{kind}{path}{name}", account


QUOTATIONS: list[Callable[[str], str]] = [
    str,
    str.upper,
    repr,
    json.dumps,
    lambda arn: json.dumps({"user": arn, "why": ["x", arn]}, separators=(",", ":")),
    html.escape,
    quote,
    lambda arn: quote(arn, safe=""),
    lambda arn: quote(quote(arn, safe=""), safe=""),
    lambda arn: "".join(f"\\u{ord(character):04x}" for character in arn),
    lambda arn: "".join(f"&#{ord(character)};" for character in arn),
    lambda arn: f"({arn}).",
    lambda arn: f"x{arn}_{ACCOUNT}y",
]


@given(arns(), st.sampled_from(QUOTATIONS), st.sampled_from([" ", "\n", ": '", "=", "\t"]))
def test_no_part_of_an_arn_comes_through(arn: tuple[str, str], quotation: Callable[[str], str], before: str) -> None:
    text, account = arn
    told = without_identifiers(f"User{before}{quotation(text)} may not do this. Use another model.")
    if told is not None:
        assert MARK.lower() not in told.lower()
        assert account not in told
        assert "arn" not in told.lower()
        assert told.endswith(" may not do this. Use another model.")


@pytest.mark.parametrize(
    "identifier",
    [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/role@corp,x=y/sess",
        f"arn:aws:bedrock:eu-central-1:{ACCOUNT}:inference-profile/x",
        f"account{ACCOUNT}",
        f"{ACCOUNT}:x",
        f"a_{ACCOUNT}_b",
        "1234-5678-9012",
        "AKIAIOSFODNN7EXAMPLE",
        "key=ASIAIOSFODNN7EXAMPLE;",
        "ABIAIOSFODNN7EXAMPLE",
        "AROAJQABLZS4A3QDU576Q:session",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "IQoJb3JpZ2luX2VjEOr" * 20,
        "assumed-role/app-Role-1ABC/app",
        "vpce-0123456789abcdef0.bedrock-runtime.eu-central-1.vpce.amazonaws.com",
        "vpc-0123456789abcdef0",
        "ip-10-0-12-7.ec2.internal:443",
        "10.0.12.7",
        "kim@example.com",
    ],
)
def test_identifiers_go_and_the_words_around_them_stay(identifier: str) -> None:
    for before, after in (("", ""), ("'", "'"), ("(", ")."), ("id=", ",")):
        told = without_identifiers(f"The value {before}{identifier}{after} is not supported.")
        assert told == "The value [...] is not supported."


@pytest.mark.parametrize("escape", [lambda arn: quote(arn, safe=""), lambda arn: arn.replace(":", "&colon;")])
def test_what_hides_in_escapes_is_not_told_at_all(escape: Callable[[str], str]) -> None:
    assert without_identifiers(f"Not allowed: {escape('arn:aws:iam::12345678901:role')} x") is None


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-3-haiku-20240307",
        "Invocation of model ID anthropic.claude-3-5-sonnet-20240620-v1:0 with on-demand throughput isn\u2019t known.",
        "messages: roles must alternate between 'user' and 'assistant' (user/assistant)",
        "#/stop_sequences/0: expected minLength: 1, actual: 0; at 2026-11-28T10:00:00Z",
        "see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html for more",
        "request 6c0b17cb-3763-4193-ba5d-81246527a96b of arn-like things, version 1.2.3, learn: more",
        "1234567890123 tokens",
    ],
)
def test_what_helps_to_mend_a_request_stays(words: str) -> None:
    assert without_identifiers(words) == words


def test_the_reported_answers_stay() -> None:
    told = [found.words for found in cases().values() if found.expected.tells_words]
    assert told
    for words in told:
        assert without_identifiers(words) == words


def test_the_time_grows_no_faster_than_the_words() -> None:
    """A quadratic one would take a hundred times as long for ten times the words."""

    def seconds(unit: str, size: int) -> float:
        words = unit * (size // len(unit))
        began = time.process_time()
        without_identifiers(words)
        return time.process_time() - began

    for unit in (
        "x",
        "x ",
        "1",
        "A",
        "a1A",
        "1.",
        "\\u0061",
        "&amp;",
        "%25",
        "role/ ",
        "1234-",
        "@",
        ".internal",
        "i-0",
    ):
        small = min(seconds(unit, 20_000) for _ in range(3))
        assert seconds(unit, 200_000) < 40 * max(small, 0.002), unit
