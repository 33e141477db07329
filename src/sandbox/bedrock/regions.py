"""Where models are served: in which regions by their own id, and in which through the profile of a geography.

The regions of Amazon Nova are those of two pages of AWS, as copies from 2026 had them, read on 2026-11-28. No other
model is in the table: each counts as served in every region, and through the profile of every geography that has it.
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


def geographies(name: str, region: str) -> set[str | None]:
    """Return the geographies through whose profiles a model can be called in a region.

    None among them stands for the region itself: the model can be called by its own id.

    Args:
        name: provider and name without geography and version, such as `amazon.nova-micro`.
        region: the region's code, such as `eu-west-1`.
    """
    if known := _REGIONS.get(name):
        return {geography for geography, regions in known.items() if region in regions}
    return {None, *(geography for geography, regions in _GEOGRAPHIES.items() if regions.fullmatch(region))}
