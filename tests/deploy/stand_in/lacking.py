"""The services of which moto has nothing that is of use: each operation keeps what it is given, or gives it back."""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

Thing = dict[str, Any]


class Refused(ServiceException):
    """A service's error: its code, and what it says. One of moto's own would be looked up in moto's core."""


def only(things: dict[str, Thing], name: str, code: str = "ResourceNotFoundException") -> Thing:
    """Return the thing of this name.

    Raises:
        Refused: with this code, as there is none.
    """
    if name not in things:
        raise Refused(code, f"{name} does not exist")
    return things[name]


class Service(BaseResponse):
    """A service of which moto has nothing that is of use here; `params` are the operation's parameters."""

    name: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.name)
        self.automated_parameter_parsing = True

    def given(self) -> Thing:
        """Return the parameters, those in the path among them."""
        return {**self.params, **self.uri_match}

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource of this service."""
        return f"arn:aws:{self.name}:{self.region}:{DEFAULT_ACCOUNT_ID}:{resource}"


class XRay(Service):
    """X-Ray's groups: https://docs.aws.amazon.com/xray/latest/api/API_CreateGroup.html."""

    name = "xray"
    groups: ClassVar[dict[str, Thing]] = {}

    def create_group(self) -> ActionResult:
        given = self.given()
        arn = self.arn(f"group/{given['GroupName']}/{uuid.uuid4().hex.upper()}")
        self.groups[arn] = {**given, "GroupARN": arn}
        return ActionResult({"Group": self.groups[arn]})

    def get_groups(self) -> ActionResult:
        return ActionResult({"Groups": list(self.groups.values())})

    def update_group(self) -> ActionResult:
        given = self.given()
        (group,) = (group for group in self.groups.values() if group["GroupName"] == given["GroupName"])
        group.update(given)
        return ActionResult({"Group": group})

    def delete_group(self) -> ActionResult:
        del self.groups[self.given()["GroupARN"]]
        return EmptyResult()


class ApplicationSignals(Service):
    """Objectives: https://docs.aws.amazon.com/applicationsignals/latest/APIReference/API_ServiceLevelObjective.html."""

    name = "application-signals"
    objectives: ClassVar[dict[str, Thing]] = {}

    def create_service_level_objective(self) -> ActionResult:
        given = self.given()
        arn = self.arn(f"slo/{given['Name']}")
        self.objectives[arn] = {**given, "Arn": arn, "CreatedTime": datetime.now(UTC)}
        return self._answer(arn)

    def get_service_level_objective(self) -> ActionResult:
        return self._answer(self.given()["Id"])

    def update_service_level_objective(self) -> ActionResult:
        given = self.given()
        only(self.objectives, given["Id"]).update(given)
        return self._answer(given["Id"])

    def delete_service_level_objective(self) -> ActionResult:
        del self.objectives[self.given()["Id"]]
        return EmptyResult()

    def _answer(self, arn: str) -> ActionResult:
        objective = dict(only(self.objectives, arn))
        objective["LastUpdatedTime"] = objective["CreatedTime"]
        # What is called a configuration in the question is not in the answer.
        indicator = dict(objective.pop("RequestBasedSliConfig"))
        indicator["RequestBasedSliMetric"] = indicator.pop("RequestBasedSliMetricConfig")
        return ActionResult({"Slo": {**objective, "RequestBasedSli": indicator}})
