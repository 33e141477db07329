"""The names that the sandbox knows of a function, against those that SAM's own code and cfn-lint's schemas have."""

import json
import subprocess
from functools import cache

import pytest

from sandbox.lambda_service.function import LOG_LEVELS, RESERVED_VARIABLES
from sandbox.lambda_service.properties import FUNCTION, FUNCTION_PARTS, LAYER, Known
from template.globals import OTHERS, OWN
from tools import sam_python

_ASK = """
import json
from importlib.resources import files
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from samtranslator.model.sam_resources import SamFunction, SamLayerVersion
from samtranslator.plugins.globals.globals import Globals

schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Lambda::Function").schema
keys = files("cfnlint") / "data/schemas/extensions/aws_lambda_function/environment_variable_keys.json"
logging = schema["definitions"]["LoggingConfig"]["properties"]
print(json.dumps({
    "AWS::Serverless::Function": list(SamFunction.property_types),
    "AWS::Serverless::LayerVersion": list(SamLayerVersion.property_types),
    "LoggingConfig": list(logging),
    "ReservedVariables": json.loads(keys.read_text())["propertyNames"]["not"]["enum"],
    "LogLevels": logging["ApplicationLogLevel"]["enum"],
    "Environment": list(schema["definitions"]["Environment"]["properties"]),
    "Globals": Globals.supported_properties["AWS::Serverless::Function"],
    "Sections": [name.removeprefix("AWS::Serverless::") for name in Globals.supported_properties],
}))
"""


@cache
def names_of_sam() -> dict[str, list[str]]:
    done = subprocess.run(sam_python(_ASK), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def all_names(known: Known) -> list[str]:
    """Every name once or, if two groups have it, twice."""
    return sorted([*known.modelled, *known.without_effect, *known.ignored, *known.refused])


@pytest.mark.parametrize(
    ("of", "known"),
    [
        ("AWS::Serverless::Function", FUNCTION),
        ("AWS::Serverless::LayerVersion", LAYER),
        ("LoggingConfig", FUNCTION_PARTS["LoggingConfig"]),
        ("Environment", FUNCTION_PARTS["Environment"]),
    ],
)
def test_every_name_is_known_once(of: str, known: Known) -> None:
    assert all_names(known) == sorted(names_of_sam()[of])


def test_what_globals_cannot_hold_is_known() -> None:
    assert set(names_of_sam()["AWS::Serverless::Function"]) - OWN == set(names_of_sam()["Globals"])


def test_the_sections_of_globals_are_known() -> None:
    assert sorted(names_of_sam()["Sections"]) == sorted({"Function", *OTHERS})


def test_reserved_variables_and_log_levels_are_known() -> None:
    assert set(names_of_sam()["ReservedVariables"]) == RESERVED_VARIABLES
    assert sorted(names_of_sam()["LogLevels"]) == sorted(LOG_LEVELS)
