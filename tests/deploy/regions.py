"""AWS's regions that everybody can have, and those of them in which the template refuses to make Function URLs."""

from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]

from tools import template_as_written

# Without the secret partitions, and the European Sovereign Cloud.
ALL_REGIONS = {region for region in REGIONS if "-iso" not in region and not region.startswith("eusc-")}


def without_function_urls() -> set[str]:
    """The regions in which the template deploys nothing because Lambda has no Function URLs there."""
    (assertion,) = template_as_written()["Rules"]["FunctionUrlsAreServedHere"]["Assertions"]
    return set(assertion["Assert"]["Fn::Not"][0]["Fn::Contains"][0])
