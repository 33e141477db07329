"""The regions of Nova in the template and those in the sandbox's table of AWS's pages are the same."""

import json
from pathlib import Path

import pytest

from deploy.regions import ALL_REGIONS, without_function_urls
from sandbox.bedrock.errors import RefusedError
from sandbox.bedrock.models import find_model
from template.errors import ParameterError
from template.resources import read_stack
from tools import template_as_written

MODELS = ["amazon.nova-micro-v1:0", "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"]
GEOGRAPHIES = ["us", "eu", "apac"]
# Models that the template calls by the id that is set, in the order in which the function has them.
OTHERS = dict.fromkeys(("ModelId", "FallbackModelId"), "mistral.mistral-large-2402-v1:0")
FUNCTION = "StreamingFunction"
CONDITIONS = [
    *("HasFallback", "IsInUs", "IsInEu", "RegionHasNova"),
    *("ModelIsNova", "ModelTakesGeography", "FallbackIsNova", "FallbackTakesGeography"),
]
URL_REGIONS = sorted(ALL_REGIONS - without_function_urls())
# Regions in which the template calls a bare id as it is.
OWN_IDS = {"us-east-1", "eu-west-2"}


def served(model_id: str, region: str) -> bool:
    try:
        find_model(model_id, region)
    except RefusedError:
        return False
    return True


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the one variable that names the models: reading all of it takes a quarter of a second."""
    whole = template_as_written()
    function = whole["Resources"][FUNCTION]
    variables = {"MODEL_IDS": function["Properties"]["Environment"]["Variables"]["MODEL_IDS"]}
    part = {
        "Parameters": {name: whole["Parameters"][name] for name in OTHERS},
        # That rule has other parameters.
        "Rules": {name: rule for name, rule in whole["Rules"].items() if name != "PublicUrlIsLimited"},
        "Conditions": {name: whole["Conditions"][name] for name in CONDITIONS},
        "Resources": {FUNCTION: {**function, "Properties": {"Environment": {"Variables": variables}}}},
    }
    path = tmp_path_factory.mktemp("part") / "template.json"
    path.write_text(json.dumps(part))
    return path


def called(template: Path, region: str, parameter: str, model_id: str) -> str | None:
    """The id under which the stack calls the parameter's model; None if the template refuses it here."""
    try:
        resources = read_stack(template, {**OTHERS, parameter: model_id}, region).resources
    except ParameterError as refusal:
        if parameter not in str(refusal):
            raise
        return None
    ids: list[str] = resources[FUNCTION].properties["Environment"]["Variables"]["MODEL_IDS"].split(",")
    return ids[list(OTHERS).index(parameter)]


@pytest.mark.parametrize("parameter", OTHERS)
@pytest.mark.parametrize("region", URL_REGIONS)
def test_a_bare_id_is_called_as_the_region_serves_it(template: Path, region: str, parameter: str) -> None:
    for model in MODELS:
        profiles = [f"{geography}.{model}" for geography in GEOGRAPHIES if served(f"{geography}.{model}", region)]
        best = model if region in OWN_IDS else next(iter(profiles), None)
        assert served(best or model, region) == (best is not None)
        assert called(template, region, parameter, model) == best


@pytest.mark.parametrize("parameter", OTHERS)
@pytest.mark.parametrize("region", URL_REGIONS)
def test_a_profile_of_other_regions_is_refused(template: Path, region: str, parameter: str) -> None:
    ids = [f"{geography}.{model}" for model in MODELS for geography in GEOGRAPHIES]
    accepted = [model_id for model_id in ids if called(template, region, parameter, model_id)]
    assert accepted == [model_id for model_id in ids if served(model_id, region)]
