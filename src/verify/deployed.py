"""The stack as CloudFormation describes it: its outputs and parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from probe.target import Target, parse_url
from verify.access import Access, VerifyError, reason
from verify.findings import Finding, judged

_OUTPUTS = ("FunctionUrl", "FunctionName", "ProbeCommand", "LogGroup", "DashboardUrl")
_PARAMETERS = ("ModelId", "FallbackModelId", "Guardrail", "MaxOutputTokens", "TimeoutSeconds", "UrlAuthType")
# CloudFormation's statuses of a stack that is as its template says.
_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE")

STACK = "the stack"


@dataclass(frozen=True)
class Deployed:
    """A stack of this project, deployed or in the sandbox.

    Attributes:
        access: how to reach it.
        name: its name.
        status: CloudFormation's word for what became of it.
        outputs: their values.
        parameters: their values.
        function_url: where requests go.
    """

    access: Access
    name: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    function_url: Target

    @property
    def dashboard(self) -> str:
        """The dashboard's name, which is the end of its address in the console."""
        return self.outputs["DashboardUrl"].rpartition("/")[2]

    @property
    def timeout_seconds(self) -> int:
        """The function's timeout."""
        return int(self.parameters["TimeoutSeconds"])

    @property
    def most_tokens(self) -> int:
        """The largest `max_tokens` that a request may ask for."""
        return int(self.parameters["MaxOutputTokens"])

    def recorded_as(self, model: str) -> str:
        """Return the id under which the function records a model: of an ARN it tells its caller the last part alone."""
        configured = (self.parameters["ModelId"], self.parameters["FallbackModelId"])
        return next((each for each in configured if each.startswith("arn:") and each.endswith(f":{model}")), model)

    def finding(self) -> Finding:
        """Return whether CloudFormation is done with it."""
        problems = [] if self.status in _SETTLED else [f"the status is {self.status}"]
        expected = f"a status such as {_SETTLED[0]}, and the outputs {', '.join(_OUTPUTS)}"
        return judged(STACK, expected, problems, f"{self.status}, all {len(_OUTPUTS)} outputs")


def read_deployed(access: Access, name: str) -> Deployed:
    """Return the stack of this name.

    Raises:
        VerifyError: there is no such stack, it is another project's, or it cannot be read.
        UsageError: its URL cannot be called.
    """
    try:
        (stack,) = access.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "not exist" in error.response["Error"]["Message"]:
            raise VerifyError(f"{access.region} has no stack {name}; --region names another region") from None
        raise VerifyError(reason(error)) from None
    except BotoCoreError as error:
        raise VerifyError(reason(error)) from None
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    for kind, wanted, found in (("output", _OUTPUTS, outputs), ("parameter", _PARAMETERS, parameters)):
        if missing := [each for each in wanted if each not in found]:
            status = stack["StackStatus"]
            raise VerifyError(f"the stack {name} ({status}) is not one of this project: it has no {kind} {missing[0]}")
    function_url = parse_url(outputs["FunctionUrl"], access.region, {})
    return Deployed(access, name, stack["StackStatus"], outputs, parameters, function_url)
