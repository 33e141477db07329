"""SEARCH: which of a few metrics a search finds; the first table is the documentation's own."""

import pytest

from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.metrics import Metric
from sandbox.cloudwatch.search import parse_search


def finds(search: str, name: str, namespace: str = "MyNamespace", **dimensions: str) -> bool:
    return parse_search(search)(Metric(namespace, name, tuple(sorted(dimensions.items()))))


@pytest.mark.parametrize(
    ("search", "name", "expected"),
    [
        ("count", "CustomCount1", True),
        ("Count", "CustomCount1", True),
        ("COUNT", "CustomCount1", True),
        ("couNT", "CustomCount1", False),
        ("CustomCount", "CustomCount1", True),
        ("Count1", "CustomCount1", True),
        ("customcount", "CustomCount1", False),
        ("count1", "CustomCount1", False),
        ("customcount1", "CustomCount1", True),
        ("sdb", "SDBFailure", True),
        ("failure", "SDBFailure", True),
        ("fail", "SDBFailure", False),
        ("trial", "Project2-trial333", True),
        ("333", "Project2-trial333", True),
        ("33", "Project2-trial333", False),
        ("network/errors", "Network-Errors-2", True),
        ("network+errors", "NetworkErrors2", True),
        ("network-errors", "Network-Errors-2", True),
        ("Network_Errors", "NetworkErrors2", True),
        ("Errors_Network", "NetworkErrors2", False),
        ('{MyNamespace}, "CustomCount1"', "CustomCount1", True),
        ('{MyNamespace}, "customcount1"', "CustomCount1", False),
        ('{MyNamespace}, "Custom"', "CustomCount1", False),
        (r'"Europe\\France Traffic\(Network\)"', r"Europe\France Traffic(Network)", True),
        ("NOT Namespace=AWS", "Errors", True),
        ("NOT Namespace=My", "Errors", False),
        ("*", "Errors", False),
        ("*", "--", False),
    ],
)
def test_tokens_and_exact_matches(search: str, name: str, expected: bool) -> None:
    assert finds(search, name) is expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("{Firstbyte,model,service}", True),
        ('{"Firstbyte", service, "model"}', True),
        ("{Firstbyte}", True),
        ("{Firstbyte,service}", False),
        ("{Firstbyte,service,model,stage}", False),
        ("{firstbyte,service,model}", False),
        ("{AWS/Lambda,service,model}", False),
        ('MetricName="TimeToFirstToken"', True),
        ('MetricName="TimeToFirstByte"', False),
        ("MetricName=token", True),
        ("Namespace=token", False),
        ('Namespace="Firstbyte"', True),
        ('model="nova-micro-v1:0"', True),
        ("model=micro", True),
        ("service=micro", False),
        ("stage=micro", False),
        ('"model"="nova-micro-v1:0"', True),
        ("micro", True),
        ("model", True),
        ('"chat"', True),
        ("micro token", True),
        ("micro byte", False),
        ("micro AND token", True),
        ("byte OR token", True),
        ("byte OR claude", False),
        ("byte OR token AND claude", False),
        ("(token OR byte) AND micro", True),
        ("(byte OR token) claude", False),
        ("micro NOT claude", True),
        ("micro NOT token", False),
        ("NOT claude NOT byte", True),
        ("NOT (claude OR token)", False),
        ("NOT NOT token", True),
        ("and", False),
        ("byte ORtoken", False),
        ("token ANDmicro", False),
        ("NOTclaude", False),
        ('{Firstbyte,service,model} MetricName="Errors" OR (token AND (claude OR micro))', True),
    ],
)
def test_schemas_properties_and_logic(search: str, expected: bool) -> None:
    assert finds(search, "TimeToFirstToken", "Firstbyte", service="chat", model="nova-micro-v1:0") is expected


@pytest.mark.parametrize(
    "search", ["", " ", "{}", "{A", "{A,}", "a OR", "NOT", "(a", 'a "b', "a=", "=a", "a=b=c", '""', "(" * 5000]
)
def test_what_is_no_search(search: str) -> None:
    with pytest.raises(ApiError) as caught:
        finds(search, "x")
    assert caught.value.code == "ValidationError"
    assert repr(search) in str(caught.value)
