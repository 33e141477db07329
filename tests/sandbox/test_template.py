"""Templates: this repository's own, one as `sam build` leaves it, and broken ones with the words of their refusal."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.lambda_service.deployed import Deployed
from sandbox.lambda_service.function import FunctionSpec, streaming_functions
from template.errors import ParameterError, TemplateError
from template.parameters import parse_overrides
from template.resources import read_stack
from tools import REPOSITORY


def read(path: Path = REPOSITORY / "template.yaml", *overrides: str) -> FunctionSpec:
    """The only streaming function of the template."""
    (spec,) = read_all(path, *overrides)
    return spec


def read_all(path: Path, *overrides: str) -> list[FunctionSpec]:
    resources = read_stack(path, parse_overrides(overrides), "eu-central-1", function_url="http://{}/".format).resources
    return streaming_functions(resources, path, "eu-central-1")


def test_reads_this_repositorys_template(tmp_path: Path) -> None:
    spec = read()
    assert spec.notices == []
    assert (spec.handler, spec.runtime, spec.timeout, spec.memory) == ("app.handler", "python3.13", 300, 512)
    assert (spec.auth_type, spec.alias, spec.reserved_concurrency) == ("AWS_IAM", "live", None)
    assert spec.code == REPOSITORY / "src" / "function"
    deployed = Deployed(spec, tmp_path)
    assert deployed.notices() == []
    wrapper = deployed.wrapper()
    assert wrapper
    assert wrapper.resolve() == REPOSITORY / "src" / "runtime" / "lambda_streaming" / "bootstrap"
    assert spec.log_group == "/aws/lambda/firstbyte-streaming"
    assert spec.arn == "arn:aws:lambda:eu-central-1:123456789012:function:firstbyte-StreamingFunction:live"
    assert spec.environment["MODEL_IDS"] == "eu.amazon.nova-lite-v1:0"
    assert spec.environment["FALLBACK_MODEL_ID"] == ""
    assert spec.environment["POWERTOOLS_SERVICE_NAME"] == "firstbyte"


def test_overrides_reach_the_function() -> None:
    spec = read(
        REPOSITORY / "template.yaml",
        "ModelId=a.b",
        "FallbackModelId=amazon.nova-pro-v1:0",
        "TimeoutSeconds=7",
        "ReservedConcurrency=2",
    )
    assert spec.environment["MODEL_IDS"] == "a.b,eu.amazon.nova-pro-v1:0"
    assert spec.environment["FALLBACK_MODEL_ID"] == "eu.amazon.nova-pro-v1:0"
    assert (spec.timeout, spec.reserved_concurrency) == (7, 2)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("TimeoutSeconds=4", "parameter TimeoutSeconds is 4, but must be at least 5 and at most 900"),
        ("TimeoutSeconds=soon", "must be a number"),
        ("Architecture=mips", "must be one of arm64, x86_64"),
        ("FallbackModelId=No Model", "must be the id of a foundation model"),
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
    found = Deployed(spec, tmp_path).wrapper()
    assert found
    assert found.resolve() == wrapper
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


def with_layer(wrapper: str = "/opt/x", **layer: Any) -> dict[str, Any]:
    template = stack(Layers=[{"Ref": "L"}], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": wrapper}})
    template["Resources"]["L"] = {"Type": "AWS::Serverless::LayerVersion", "Properties": layer}
    return template


def beside(**attributes: Any) -> dict[str, Any]:
    """A stack whose function has these attributes beside its properties."""
    template = stack()
    template["Resources"]["Function"] |= attributes
    return template


def written(directory: Path, template: Any) -> Path:
    (directory / "app.py").touch()
    path = directory / "template.yaml"
    path.write_text(template if isinstance(template, str) else yaml.safe_dump(template, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a: [", "is not YAML"),
        ("just text", "is not a template"),
        ({"Resources": {}}, "an AWS::Serverless::Function with a FunctionUrlConfig is needed"),
        ({**stack(), "Globals": {"Functions": {}}}, "Globals.Functions: SAM has no such section"),
        ({**stack(), "Resources": {"Fn::ForEach::Topics": []}}, "Fn::ForEach is not supported"),
        ({**stack(), "Globals": {"Function": {"Role": "x"}}}, "Globals.Function.Role: SAM takes Role in a resource"),
        ({**stack(), "Globals": {"Function": {"Timeot": 1}}}, "has no Timeot; did you mean Timeout?"),
        (
            stack(FunctionUrlConfig={"AuthType": "NONE"}),
            "no Function URL streams: write InvokeMode: RESPONSE_STREAM in the FunctionUrlConfig of Function",
        ),
        (stack(FunctionUrlConfig="x"), "FunctionUrlConfig is not a mapping"),
        (stack(Handler="no_such.handler"), "no_such.py, which does not exist"),
        (stack(Handler="handler"), "must be MODULE.FUNCTION"),
        (stack(Timeout="soon"), "Timeout must be a whole number"),
        (stack(Timeout={"Fn::Cidr": ["10.0.0.0/8"]}), "Properties.Timeout: Fn::Cidr is not supported"),
        (stack(Timeout={"Ref": "Nothing"}), "Properties.Timeout: no parameter, supported pseudo parameter"),
        (stack(Timeout={"Fn::If": ["Nothing", 1, 2]}), "has no condition Nothing"),
        (stack(Timeout={"Fn::If": ["Nothing"]}), "Fn::If is not well formed"),
        (stack(Timeout={"Fn::Join": [{"Ref": "AWS::Region"}, ["1"]]}), "the delimiter of Fn::Join must be a text"),
        (stack(Layers=["arn:aws:lambda:x"]), "is not an AWS::Serverless::LayerVersion of this template; download"),
        (stack(Layers=["a"] * 6), "Layers must be a list of 5 layers at most"),
        (stack(Environment={"Variables": {"LIST": ["a"]}}), "Environment.Variables must be texts"),
        (stack(CodeUri={"Ref": "AWS::NoValue"}), "Resources.Function.Properties.CodeUri is missing"),
        (with_layer(), "Resources.L.Properties.ContentUri is missing"),
        (with_layer(ContentUri="no.zip"), "no.zip, which does not exist"),
        (with_layer(ContentUri="s3://bucket/key"), "ContentUri must be a path on this machine, not s3://bucket/key"),
        (with_layer(ContentUri=".", ContentUrl="."), "has no ContentUrl; did you mean ContentUri?"),
        (stack(CodeUri={"Bucket": "b", "Key": "k"}), "CodeUri must be a path on this machine"),
        (stack(Enviroment={}), "an AWS::Serverless::Function has no Enviroment; did you mean Environment?"),
        (stack(Xyz={}), "Properties.Xyz: an AWS::Serverless::Function has no Xyz"),
        (stack(Environment={"Variable": {}}), "Environment.Variable: an Environment has no Variable; did you mean"),
        (stack(FunctionUrlConfig={"AuthTyp": "NONE"}), "did you mean AuthType?"),
        (stack(LoggingConfig={"LogFromat": "JSON"}), "did you mean LogFormat?"),
        (stack(LoggingConfig={"LogFormat": "XML"}), "LogFormat must be Text or JSON, not XML"),
        (stack(LoggingConfig={"ApplicationLogLevel": "INFO"}), "ApplicationLogLevel needs LogFormat JSON"),
        (stack(LoggingConfig="x"), "LoggingConfig is not a mapping"),
        (beside(DependOn="x"), "Resources.Function.DependOn: a resource has no DependOn; did you mean DependsOn?"),
        (stack(Runtime="nodejs20.x"), "Runtime must be a Python such as python3.13, not nodejs20.x"),
        (stack(Timeout=1000), "Timeout must be from 1 to 900, not 1000"),
        (stack(Timeout=0), "Timeout must be from 1 to 900, not 0"),
        (stack(MemorySize=64), "MemorySize must be from 128 to 10240, not 64"),
        (stack(ReservedConcurrentExecutions=-1), "ReservedConcurrentExecutions must be from 0 to"),
        (stack(PackageType="Image"), "PackageType must be Zip, not Image"),
        (stack(ImageUri="x"), "ImageUri is not supported: the sandbox runs no container images"),
        (stack(InlineCode="x"), "InlineCode is not supported: put the code into a file"),
        (stack(TenancyConfig={}), "TenancyConfig is not supported"),
        (stack(Tracing="On"), "Tracing must be Active or PassThrough or Disabled, not On"),
        (stack(FunctionName="a b"), "FunctionName must be up to 64 letters"),
        (stack(FunctionUrlConfig={"InvokeMode": "RESPONSE_STREAM"}), "AuthType must be AWS_IAM or NONE, not None"),
        (
            stack(FunctionUrlConfig={"AuthType": "NONE", "InvokeMode": "BUFFERED"}),
            "no Function URL streams: write InvokeMode: RESPONSE_STREAM in the FunctionUrlConfig of Function",
        ),
        (
            stack(FunctionUrlConfig={"AuthType": "NONE", "InvokeMode": "STREAM"}),
            "InvokeMode must be RESPONSE_STREAM or BUFFERED, not STREAM",
        ),
        (stack(Environment={"Variables": {"AWS_REGION": "x"}}), "Variables.AWS_REGION: Lambda sets this variable"),
        (
            stack(Environment={"Variables": {"KEY": "{{resolve:ssm:/key}}"}}),
            "Properties.Environment.Variables.KEY: {{resolve:ssm:/key}} is a dynamic reference, which only AWS",
        ),
        (
            stack(Environment={"Variables": {"KEY": {"Fn::Sub": "{{resolve:ssm:/${AWS::StackName}}}"}}}),
            "KEY: {{resolve:ssm:/firstbyte}} is a dynamic reference",
        ),
        (
            {"Resources": {name: stack(FunctionName="one")["Resources"]["Function"] for name in ("A", "B")}},
            "more than one function has the FunctionName one",
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


def test_says_what_it_ignores_and_nothing_else(tmp_path: Path) -> None:
    cors = {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM", "Cors": {"AllowOrigins": ["*"]}}
    no_value = {"Ref": "AWS::NoValue"}
    template = stack(
        Tags={"a": "b"}, Policies=[], VpcConfig={}, Events={"X": {}}, FunctionUrlConfig=cors, SnapStart=no_value
    )
    assert read(written(tmp_path, template)).notices == [
        "the sandbox ignores VpcConfig, Events, FunctionUrlConfig.Cors",
    ]
    template = stack(LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    spec = read(written(tmp_path, template))
    assert spec.log_level == "WARN"
    assert [notice.partition(",")[0] for notice in spec.notices] == ["Lambda's own log lines"]


def test_warns_of_a_url_for_everybody_and_says_what_to_do(tmp_path: Path) -> None:
    open_url = {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    everybody = "AuthType is NONE: on AWS everybody on the internet may call the URL and spend your money"
    assert read(written(tmp_path, stack(FunctionUrlConfig=open_url))).notices == [
        f"{everybody}; set AuthType to AWS_IAM, or limit it with ReservedConcurrentExecutions"
    ]
    limited = f"{everybody}; ReservedConcurrentExecutions limits it to 2 requests at a time"
    template = written(tmp_path, stack(FunctionUrlConfig=open_url, ReservedConcurrentExecutions=2))
    assert read(template).notices == [limited]
    assert read(REPOSITORY / "template.yaml", "UrlAuthType=NONE", "ReservedConcurrency=2").notices == [limited]


@pytest.mark.parametrize(
    ("wrapper", "words"),
    [
        ("/opt/x", "Function: AWS_LAMBDA_EXEC_WRAPPER=/opt/x is not in its layers: L ("),
        ("/var/task/x", "AWS_LAMBDA_EXEC_WRAPPER=/var/task/x is not in the code /"),
        ("/var/task/app.py", "app.py, not executable: chmod +x it"),
        ("/tmp/x", "is neither in the code, which is /var/task, nor in a layer, which is in /opt"),
    ],
)
def test_refuses_a_wrapper_that_cannot_run(tmp_path: Path, wrapper: str, words: str) -> None:
    spec = read(written(tmp_path, with_layer(wrapper, ContentUri=".")))
    with pytest.raises(TemplateError) as refused:
        Deployed(spec, tmp_path).notices()
    assert words in str(refused.value)


def test_a_wrapper_in_opt_needs_a_layer(tmp_path: Path) -> None:
    spec = read(written(tmp_path, stack(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/x"}})))
    with pytest.raises(TemplateError) as refused:
        Deployed(spec, tmp_path).notices()
    assert str(refused.value) == (
        "Function: AWS_LAMBDA_EXEC_WRAPPER=/opt/x is in a layer, and the function has none: add the layer to its Layers"
    )


def test_a_wrapper_that_looks_for_opt_is_told_where_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, with_layer("/var/task/start", ContentUri="."))
    start = tmp_path / "start"
    start.touch(mode=0o755)
    for script, words in (("exec /opt/x", "write ${SANDBOX_OPT:-/opt}"), ("exec ${SANDBOX_OPT:-/opt}/x", None)):
        start.write_text(script)
        notices = Deployed(read(path), tmp_path).notices()
        assert [words in notice for notice in notices if words] == ([True] if words else [])
        assert bool(notices) == bool(words)


def test_only_a_built_layer_brings_its_compiled_modules(tmp_path: Path) -> None:
    template = stack(Layers=[{"Ref": "Built"}, {"Ref": "Unbuilt"}])
    for name, folder, attributes in (
        ("Built", "built/python", {}),
        ("Unbuilt", "unbuilt", {"Metadata": {"BuildMethod": "makefile"}}),
    ):
        content = folder.partition("/")[0]
        layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": content}, **attributes}
        template["Resources"][name] = layer
        (tmp_path / folder / "__pycache__").mkdir(parents=True)
        (tmp_path / folder / f"{content}.py").touch()
        (tmp_path / folder / "__pycache__" / f"{content}.cpython-313.pyc").touch()
    opt = Deployed(read(written(tmp_path, template)), tmp_path).opt()
    assert opt is not None
    found = {file.relative_to(opt).as_posix() for file in opt.rglob("*") if file.is_file()}
    assert found == {"python/built.py", "python/__pycache__/built.cpython-313.pyc", "python/unbuilt.py"}


def test_reads_every_function_with_a_url(tmp_path: Path) -> None:
    template = stack()
    function = template["Resources"].pop("Function")
    url = {"Variables": {"PEER": {"Fn::GetAtt": "ChatUrl.FunctionUrl"}}}
    for name in ("Talk", "Chat"):
        properties = {**function["Properties"], "Environment": url}
        template["Resources"][name] = {**function, "Properties": properties}
    template["Resources"]["Other"] = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "nodejs20.x"}}
    specs = read_all(written(tmp_path, template))
    assert [spec.logical_id for spec in specs] == ["Talk", "Chat"]
    assert [spec.environment["PEER"] for spec in specs] == ["http://Chat/"] * 2


def test_globals_add_to_every_function(tmp_path: Path) -> None:
    template = stack(
        Timeout={"Ref": "P"},
        Environment={"Variables": {"OWN": "own", "BOTH": "own"}},
        Layers=[{"Ref": "B"}],
        Tracing={"Fn::If": ["IsP", "Active", "PassThrough"]},
    )
    template["Parameters"] = {"P": {"Type": "Number", "Default": 7}}
    template["Conditions"] = {"IsP": {"Fn::Equals": [{"Ref": "P"}, 7]}}
    del template["Resources"]["Function"]["Properties"]["Runtime"]
    (tmp_path / "layer").mkdir()
    for name in ("A", "B"):
        layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}}
        template["Resources"][name] = layer
    template["Globals"] = {
        "Function": {
            "Runtime": "python3.12",
            "Timeout": 3,
            "MemorySize": 256,
            "Layers": [{"Ref": "A"}],
            "Tracing": "PassThrough",
            "Environment": {"Variables": {"COMMON": "common", "BOTH": "common"}},
        },
        "LayerVersion": {"PublishLambdaVersion": True},
        "Api": {"Cors": "*"},
    }
    spec = read(written(tmp_path, template))
    assert (spec.runtime, spec.timeout, spec.memory, spec.tracing) == ("python3.12", 7, 256, "Active")
    assert spec.environment == {"COMMON": "common", "OWN": "own", "BOTH": "own"}
    assert [layer.logical_id for layer in spec.layers] == ["A", "B"]
    function = template["Resources"]["Function"]
    assert (
        read(
            written(
                tmp_path,
                template
                | {"Resources": {**template["Resources"], "Function": {**function, "IgnoreGlobals": ["MemorySize"]}}},
            )
        ).memory
        == 128
    )
    function["Properties"]["Runtime"] = "python3.13"
    function["IgnoreGlobals"] = "*"
    assert read(written(tmp_path, template)).environment == {"OWN": "own", "BOTH": "own"}


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
