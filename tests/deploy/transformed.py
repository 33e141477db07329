"""What the stand-in's transforms make of the template: what AWS would deploy, as far as it can be told here.

Unlike those of `stack_template.py`, which are the SAM CLI's own, they can be had without the language extensions, too.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from tools import REPOSITORY, sam_and_moto, without_aws

EXTENSIONS, SAM = "AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"

_TRANSFORM = """
import json, sys
from pathlib import Path
from stand_in.partial import PartialResolver
from stand_in.stack import Stack, names
from stand_in.transforms import parsed, processed

path, transforms, stacks = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
made = []
for region, parameters in stacks:
    template = parsed(path.read_text().replace("Location: ", "Location: s3://bucket/"))
    template["Transform"] = transforms
    for resource in template["Resources"].values():
        for key in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][key] = "s3://bucket/code"
    values = {name: str(declared["Default"]) for name, declared in template["Parameters"].items()} | parameters
    resolver = PartialResolver(*names(Stack("firstbyte", region), template, values))
    template = processed(template, resolver, values, lambda _, key: (path.parent / key).read_text(), region)
    if len(transforms) > 1:  # else there are still references to what is not there
        template["Resources"] = {
            name: resource
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or resolver.holds(resource["Condition"], name)
        }
    made.append(template)
print(json.dumps(made))
"""


def transformed_templates(
    *stacks: tuple[str, Mapping[str, str]], transforms: Sequence[str] = (EXTENSIONS, SAM)
) -> list[dict[str, Any]]:
    """The template after the transforms, once for each region and its parameters.

    With the language extensions it has only the resources whose conditions hold.
    """
    arguments = (str(REPOSITORY / "template.yaml"), json.dumps(transforms), json.dumps(stacks))
    path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("tests/deploy", "src"))
    command, environment = sam_and_moto("-c", _TRANSFORM, *arguments), {**without_aws(), "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    templates: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return templates
