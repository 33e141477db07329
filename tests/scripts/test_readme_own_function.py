"""A function of one's own as src/sandbox/README.md has it: its command in a folder that has nothing of this project."""

from pathlib import Path

from readme import OWN_FUNCTION, Clone
from tools import REPOSITORY

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    CodeUri: .
    Runtime: python3.13
    FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
Resources:
  Hello: {Type: AWS::Serverless::Function, Properties: {Handler: app.hello}}
  Goodbye: {Type: AWS::Serverless::Function, Properties: {Handler: app.goodbye}}
"""
CODE = """
def hello(event, context):
    return {"statusCode": 200, "body": "hello"}
def goodbye(event, context):
    return {"statusCode": 200, "body": "goodbye"}
"""


def test_the_command_runs_the_folders_functions(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    folder = tmp_path / "own folder"
    folder.mkdir()
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "app.py").write_text(CODE)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    with clone.in_the_foreground(OWN_FUNCTION, folder=folder):
        for flags, body in (("", "hello"), (" --function Hello", "hello"), (" --function Goodbye", "goodbye")):
            done = clone.shell(f'eval "$(scripts/env.sh{flags})"; curl --silent "$FUNCTION_URL"')
            assert (done.stdout, done.stderr) == (body, "")
        (folder / "app.py").write_text(CODE.replace('"hello"', '"hello again"'))
        done = clone.shell('eval "$(scripts/env.sh)"; curl --silent "$FUNCTION_URL"')
        assert done.stdout == "hello again"
    assert f"sandbox: Hello: new code in {folder / 'app.py'}" in clone.log()
