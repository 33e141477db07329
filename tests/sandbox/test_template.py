"""Templates: this repository's own, one as `sam build` leaves it, and broken ones with the words of their refusal."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.lambda_service.function import FunctionSpec, streaming_function
from template.errors import ParameterError, TemplateError
from template.parameters import parse_overrides
from template.resources import read_resources
from tools import REPOSITORY


def read(path: Path = REPOSITORY / "template.yaml", *overrides: str) -> FunctionSpec:
    resources = read_resources(path, parse_overrides(overrides), "eu-central-1")
    return streaming_function(resources, path, "eu-central-1")


def test_reads_this_repositorys_template() -> None:
    spec = read()
    assert (spec.handler, spec.runtime, spec.timeout, spec.memory) == ("app.handler", "python3.13", 300, 512)
    assert (spec.auth_type, spec.alias, spec.reserved_concurrency) == ("AWS_IAM", "live", None)
    assert spec.code == REPOSITORY / "src" / "function"
    assert spec.wrapper == REPOSITORY / "src" / "runtime" / "lambda_streaming" / "bootstrap"
    assert spec.log_group == "/aws/lambda/firstbyte-streaming"
    assert spec.arn == "arn:aws:lambda:eu-central-1:123456789012:function:firstbyte-StreamingFunction:live"
    assert spec.environment["MODEL_IDS"] == "amazon.nova-lite-v1:0"
    assert spec.environment["FALLBACK_MODEL_ID"] == ""
    assert spec.environment["POWERTOOLS_SERVICE_NAME"] == "firstbyte"


def test_overrides_reach_the_function() -> None:
    spec = read(
        REPOSITORY / "template.yaml",
        "ModelId=a.b",
        "FallbackModelId=c.d",
        "InferenceProfile=eu",
        "TimeoutSeconds=7",
        "ReservedConcurrency=2",
    )
    assert spec.environment["MODEL_IDS"] == "eu.a.b,eu.c.d"
    assert spec.environment["FALLBACK_MODEL_ID"] == "eu.c.d"
    assert (spec.timeout, spec.reserved_concurrency) == (7, 2)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("TimeoutSeconds=2", "parameter TimeoutSeconds is 2, but must be at least 3 and at most 900"),
        ("TimeoutSeconds=soon", "must be a number"),
        ("InferenceProfile=mars", "must be one of none, us,"),
        ("FallbackModelId=No Model", "must be a foundation model id"),
        ("NoSuchThing=1", "the template has no parameter NoSuchThing; it has"),
        ("TimeoutSeconds", "takes Key=Value"),
    ],
)
def test_refuses_overrides_that_do_not_fit(override: str, words: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read(REPOSITORY / "template.yaml", override)
    assert words in str(refused.value)


def test_reads_what_sam_build_leaves(tmp_path: Path) -> None:
    """Long forms, directories that are named after the resources, the layer's content under python/."""
    wrapper = tmp_path / "Layer" / "python" / "lib" / "start"
    wrapper.parent.mkdir(parents=True)
    wrapper.touch(mode=0o755)
    (tmp_path / "Function").mkdir()
    (tmp_path / "Function" / "app.py").touch()
    template = stack(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lib/start"}})
    template["Resources"]["Function"]["Properties"] |= {"CodeUri": "Function", "Layers": [{"Ref": "Layer"}]}
    template["Resources"]["Layer"] = {
        "Type": "AWS::Serverless::LayerVersion",
        "Metadata": {"BuildMethod": "python-uv", "SamResourceId": "Layer"},
        "Properties": {"ContentUri": "Layer"},
    }
    spec = read(written(tmp_path, template))
    assert spec.wrapper == wrapper
    assert spec.log_group == "/aws/lambda/firstbyte-Function"


def stack(**properties: Any) -> dict[str, Any]:
    function = {
        "CodeUri": ".",
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
        **properties,
    }
    return {"Resources": {"Function": {"Type": "AWS::Serverless::Function", "Properties": function}}}


WRAPPED = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/x"}}


def written(directory: Path, template: Any) -> Path:
    (directory / "app.py").touch()
    path = directory / "template.yaml"
    path.write_text(template if isinstance(template, str) else yaml.safe_dump(template))
    return path


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a: [", "is not YAML"),
        ("just text", "is not a template"),
        ({"Resources": {}}, "exactly one AWS::Serverless::Function"),
        ({**stack(), "Globals": {}}, "Globals are not supported"),
        (stack(FunctionUrlConfig={"AuthType": "NONE"}), "InvokeMode must be RESPONSE_STREAM"),
        (stack(Handler="no_such.handler"), "no_such.py, which does not exist"),
        (stack(Handler="handler"), "must be MODULE.FUNCTION"),
        (stack(Timeout="soon"), "Timeout must be a whole number"),
        (stack(Timeout={"Fn::Cidr": ["10.0.0.0/8"]}), "Properties.Timeout: Fn::Cidr is not supported"),
        (stack(Timeout={"Ref": "Nothing"}), "Properties.Timeout: no parameter, supported pseudo parameter"),
        (stack(Timeout={"Fn::If": ["Nothing", 1, 2]}), "has no condition Nothing"),
        (stack(Timeout={"Fn::If": ["Nothing"]}), "Fn::If is not well formed"),
        (stack(Timeout={"Fn::Join": [{"Ref": "AWS::Region"}, ["1"]]}), "the delimiter of Fn::Join must be a text"),
        (
            stack(Layers=["arn:aws:lambda:eu-west-1:1:layer:x:1"]),
            "the sandbox supports one layer, with the AWS_LAMBDA_",
        ),
        (stack(Environment=WRAPPED), "the sandbox supports one layer, with the AWS_LAMBDA_EXEC_WRAPPER in it"),
        (stack(Layers=["a", "b"], Environment=WRAPPED), "the sandbox supports one layer"),
        (stack(Layers=["arn:aws:lambda:x"], Environment=WRAPPED), "is not an AWS::Serverless::LayerVersion"),
        (stack(Environment={"Variables": {"LIST": ["a"]}}), "Environment.Variables must be texts"),
        (stack(CodeUri={"Ref": "AWS::NoValue"}), "Resources.Function.Properties.CodeUri is missing"),
        (
            {
                "Resources": {
                    **stack(Layers=[{"Ref": "L"}], Environment=WRAPPED)["Resources"],
                    "L": {"Type": "AWS::Serverless::LayerVersion"},
                }
            },
            "Resources.L.Properties.ContentUri is missing",
        ),
        (
            {
                "Resources": {
                    **stack(Layers=[{"Ref": "L"}], Environment=WRAPPED)["Resources"],
                    "L": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "."}},
                }
            },
            "AWS_LAMBDA_EXEC_WRAPPER=/opt/x is not in the layer",
        ),
        ({**stack(), "Parameters": {"P": {"Type": "String"}}}, "add --parameter-overrides P=VALUE"),
        (
            {**stack(), "Parameters": {"P": {"Type": "List<Number>", "Default": "1"}}},
            "the type 'List<Number>' is not supported",
        ),
    ],
)
def test_refuses_a_broken_template_in_clear_words(tmp_path: Path, template: Any, words: str) -> None:
    with pytest.raises((TemplateError, ParameterError)) as refused:
        read(written(tmp_path, template))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_resolves_the_intrinsics(tmp_path: Path) -> None:
    variables = """
      SUB: !Sub "${P}-${AWS::Region}-${!literal}"
      SUB_LONG: !Sub ["${X}${P}", {X: !Ref P}]
      JOIN: !Join [":", [a, !If [IsP, b, !Ref AWS::NoValue], !If [IsNotP, c, !Ref AWS::NoValue]]]
      SPLIT: !Join ["+", !Split [",", "1,2"]]
      AND: !If [Both, "yes", "no"]
      OR: !If [Either, "yes", "no"]
      GONE: !If [IsNotP, x, !Ref AWS::NoValue]
      FLAG: true
      DATE: 2012-10-17
    """
    template = f"""
Parameters: {{P: {{Type: String, Default: p}}}}
Conditions:
  IsP: !Equals [!Ref P, p]
  IsNotP: !Not [!Condition IsP]
  Both: !And [!Condition IsP, !Condition IsNotP]
  Either: !Or [!Condition IsP, !Condition IsNotP]
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.13
      Role: !GetAtt SomethingThatIsNotRead.Arn
      FunctionUrlConfig: {{AuthType: NONE, InvokeMode: RESPONSE_STREAM}}
      Environment:
        Variables: {variables.replace(chr(10) + "    ", chr(10) + "        ")}
"""
    assert dict(read(written(tmp_path, template)).environment) == {
        "SUB": "p-eu-central-1-${literal}",
        "SUB_LONG": "pp",
        "JOIN": "a:b",
        "SPLIT": "1+2",
        "AND": "no",
        "OR": "yes",
        "FLAG": "true",
        "DATE": "2012-10-17",
    }


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="cannot read the template"):
        read(tmp_path / "none.yaml")
