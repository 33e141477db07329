"""Where models are served: in which regions by their own id, and in which through the profile of a geography.

The regions are those of two pages of AWS, as copies from 2026 had them, read on 2026-11-28. Of Amazon Nova Micro, Lite
and Pro the sandbox knows the profiles, too. Any other model counts as served through the profiles of every geography
that the region has, and one that is in no table also by its own id.
https://docs.aws.amazon.com/bedrock/latest/userguide/models-region-compatibility.html (in-region)
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html (source regions of profiles)
"""

import re
from collections.abc import Mapping

# The regions in which profiles of a geography can be called, of any model in these pages.
_GEOGRAPHIES = {
    "us": re.compile(r"us-(?!gov-).+|ca-.+"),
    "us-gov": re.compile(r"us-gov-.+"),
    "ca": re.compile(r"ca-.+"),
    "eu": re.compile(r"eu-.+|il-central-1"),
    "apac": re.compile(r"ap-.+|me-central-1"),
    "jp": re.compile(r"ap-northeast-[13]"),
    "au": re.compile(r"ap-southeast-[246]"),
    "global": re.compile(r"(?!us-gov-|cn-).+"),
}
GEOGRAPHY = "|".join(_GEOGRAPHIES)
"""A regular expression for a geography in an id."""

_IN_REGION = {"us-east-1", "us-gov-west-1", "eu-west-2", "ap-southeast-2"}
_US = {"us-east-1", "us-east-2", "us-west-2"}
_EU = {"eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3", "il-central-1"}
_APAC = {
    "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ap-southeast-3", "ap-southeast-5", "ap-southeast-7", "me-central-1",
}  # fmt: skip
_REGIONS: Mapping[str, Mapping[str | None, set[str]]] = {
    "amazon.nova-micro": {None: _IN_REGION, "us": _US, "eu": _EU, "apac": _APAC},
    "amazon.nova-lite": {
        None: _IN_REGION | {"eu-north-1", "ap-northeast-1", "ap-southeast-3", "me-central-1"},
        "us": _US | {"us-west-1"},
        "ca": {"ca-central-1", "ca-west-1"},
        "eu": _EU,
        "apac": _APAC | {"ap-southeast-4"},
    },
    "amazon.nova-pro": {
        None: _IN_REGION | {"ap-southeast-3", "me-central-1"},
        "us": _US | {"us-west-1"},
        "eu": _EU,
        "apac": _APAC | {"ap-southeast-4"},
    },
}

# Other models that most regions serve through profiles alone: how their names begin, and where their own ids can be
# called. The first that fits counts. The page's column counts the endpoint bedrock-mantle, too; bedrock-runtime serves
# Claude Haiku 4.5 through profiles alone:
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-card-anthropic-claude-haiku-4-5.html
_OWN_IDS: Mapping[str, set[str]] = {
    "amazon.nova-2-lite": set(),
    "amazon.nova-premier": set(),
    "anthropic.claude-3-7-sonnet": {"eu-west-2", "us-gov-west-1"},
    "anthropic.claude-haiku-4": set(),
    "anthropic.claude-opus-4-7": {"us-east-1", "us-east-2", "eu-north-1", "eu-west-1", "ap-northeast-1"},
    "anthropic.claude-opus-4": set(),
    "anthropic.claude-sonnet-4-6": {"eu-west-2"},
    "anthropic.claude-sonnet-4": set(),
    "deepseek.r1": set(),
    "meta.llama3-1": {"us-west-2"},
    "meta.llama3-2": set(),
    "meta.llama3-3": {"us-east-2"},
    "meta.llama4": set(),
    "writer.palmyra-x": set(),
}


def geographies(name: str, region: str) -> set[str | None]:
    """Return the geographies through whose profiles a model can be called in a region.

    None among them stands for the region itself: the model can be called by its own id.

    Args:
        name: provider and name without geography and version, such as `amazon.nova-micro`.
        region: the region's code, such as `eu-west-1`.
    """
    if known := _REGIONS.get(name):
        return {geography for geography, regions in known.items() if region in regions}
    found: set[str | None] = {geography for geography, regions in _GEOGRAPHIES.items() if regions.fullmatch(region)}
    own_ids = next((regions for family, regions in _OWN_IDS.items() if name.startswith(family)), {region})
    return found | {None} if region in own_ids else found
