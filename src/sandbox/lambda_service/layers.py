"""A function's layers: found in the template, and laid over each other as Lambda lays them in /opt."""

import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox.lambda_service.properties import check_layer
from template.errors import TemplateError
from template.resources import Properties, Resource

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST = 5


@dataclass(frozen=True)
class Layer:
    """A layer of the template.

    Attributes:
        logical_id: its name there.
        content: a directory, or a zip.
        place: where its content goes below /opt: `python` for a folder that is still to be built.
    """

    logical_id: str
    content: Path
    place: PurePosixPath


def layers_of(properties: Properties, path: Path, resources: Mapping[str, Resource]) -> tuple[Layer, ...]:
    """Return a function's layers in their order.

    Args:
        properties: the function's.
        path: the template; relative paths in it count from its directory.
        resources: those of the stack that `read_stack` returned.

    Raises:
        TemplateError: one is not in the template, or its content is not there.
    """
    arns = properties.get("Layers", [])
    if not isinstance(arns, list) or len(arns) > _MOST:
        raise TemplateError(f"{properties.where}.Layers must be a list of {_MOST} layers at most")
    known = {
        resource.return_value(): (name, resource)
        for name, resource in resources.items()
        if resource.type == "AWS::Serverless::LayerVersion"
    }
    for arn in arns:
        if arn not in known:
            raise TemplateError(
                f"{path}: the layer {arn} is not an AWS::Serverless::LayerVersion of this template; "
                "download its zip, and name it in the ContentUri of one"
            )
    return tuple(_layer(path, *known[arn]) for arn in arns)


def local_path(path: Path, properties: Properties, name: str) -> Path:
    """Return where a CodeUri or ContentUri leads on this machine.

    Raises:
        TemplateError: it is missing, or leads elsewhere.
    """
    uri = properties.required(name)
    if not isinstance(uri, str) or "://" in uri:
        raise TemplateError(f"{properties.where}.{name} must be a path on this machine, not {uri}")
    return (path.parent / uri).resolve()


def has_module(layer: Layer, module: str) -> bool:
    """Return whether a layer has a module, such as a handler's; its name has slashes in place of dots."""
    if layer.content.is_dir():
        names = [file.relative_to(layer.content).as_posix() for file in layer.content.rglob("*.py")]
    elif zipfile.is_zipfile(layer.content):
        with zipfile.ZipFile(layer.content) as archive:
            names = archive.namelist()
    else:
        return False
    return any(f"/{name}".endswith((f"/{module}.py", f"/{module}/__init__.py")) for name in names)


def lay_out(layers: Sequence[Layer], opt: Path) -> None:
    """Put the layers' contents into a directory, later ones over earlier ones. A directory that is alone is linked.

    Args:
        layers: at least one.
        opt: what is /opt on Lambda; it does not exist yet.

    Raises:
        TemplateError: a layer is no zip, or an entry of it is none that a layer can have.
        OSError: a file cannot be read or written.
    """
    if len(layers) == 1 and layers[0].content.is_dir():
        target = opt / layers[0].place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(layers[0].content, target_is_directory=True)
        return
    for layer in layers:
        target = opt / layer.place
        if layer.content.is_dir():
            # What a build has compiled starts faster, and goes along. Beside sources it is only what somebody has run.
            ignored = shutil.ignore_patterns("__pycache__") if layer.place.parts else None
            shutil.copytree(layer.content, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            _extract(layer, target)


def _layer(path: Path, logical_id: str, resource: Resource) -> Layer:
    check_layer(resource)
    content = local_path(path, resource.properties, "ContentUri")
    if not content.exists():
        raise TemplateError(f"{path}: the layer {logical_id} needs {content}, which does not exist")
    if content.is_dir():
        # `sam build` puts what a Python BuildMethod builds under python/; unbuilt, the content is what will go there.
        is_built = (content / "python").is_dir() or "BuildMethod" not in resource.attributes.get("Metadata", {})
        return Layer(logical_id, content, PurePosixPath("" if is_built else "python"))
    return Layer(logical_id, content, PurePosixPath())


def _extract(layer: Layer, target: Path) -> None:
    """Extract a zip with its entries' modes, which the standard library leaves out."""
    try:
        with zipfile.ZipFile(layer.content) as archive:
            for entry in archive.infolist():
                mode = entry.external_attr >> 16
                inside = PurePosixPath(entry.filename)
                if inside.is_absolute() or ".." in inside.parts or stat.S_ISLNK(mode):
                    raise TemplateError(
                        f"the layer {layer.logical_id}: {entry.filename} in {layer.content} is a link "
                        "or leads out of the layer"
                    )
                extracted = archive.extract(entry, target)
                if not entry.is_dir() and mode:
                    Path(extracted).chmod(stat.S_IMODE(mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise TemplateError(
            f"the layer {layer.logical_id}: {layer.content} is no zip that can be read: {error}"
        ) from None
