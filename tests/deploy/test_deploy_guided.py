"""`sam deploy --guided` asks for every parameter, and answers of nothing but Enter make a stack."""

import shutil
from pathlib import Path

from deploy.sam_project import run_sam
from deploy.snapshot import differences, snapshot
from deploy.stand_in_process import StandIn
from tools import template_as_written

STACK = "guided"
# Confirm changes, create roles, roll back when something fails; save the answers, in which file, under which name.
OTHER_QUESTIONS = 6


def test_guided_asks_for_every_parameter_and_deploys_the_defaults(
    project: Path, stand_in: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(project, folder, symlinks=True)
    parameters = template_as_written()["Parameters"]
    # The stack's name and its region; then the parameters.
    answers = f"{STACK}\n" + "\n" * (1 + len(parameters) + OTHER_QUESTIONS) + "y\n"
    said = run_sam(folder, "deploy", "--guided", answers=answers, **stand_in.environment)
    for name, declared in parameters.items():
        assert f"Parameter {name} [{declared['Default']}]:" in said
    deployed = snapshot(stand_in, STACK)
    assert deployed.resources
    assert list(differences(deployed.asked, deployed.found)) == []
    assert f'stack_name = "{STACK}"' in (folder / "samconfig.toml").read_text()
