"""A page that is one file: the style, the charts and the chart library are in it, and it asks nobody for anything."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from look.charts import Options

_PAGE = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(
    files("look").joinpath("one_page.html").read_text()
)

# It stands behind the library, in the same module, which calls ECharts by a name of its own.
_DRAW = """
for (const [id, options] of Object.entries(JSON.parse(document.getElementById("charts").textContent))) {
  const element = document.getElementById(id);
  const chart = ECHARTS.init(element, null, { renderer: "svg" });
  chart.setOption(options);
  new ResizeObserver(() => chart.resize()).observe(element);
}
"""


def css() -> str:
    """Return the style sheet that all pages share."""
    return files("look").joinpath("look.css").read_text()


def one_page(title: str, style: str, content: Markup, charts: Mapping[str, Options]) -> str:
    """Return the page as HTML. Its policy lets a browser run no script but its own, and load nothing.

    Args:
        title: the document's title.
        style: CSS of this page, after the shared one.
        content: the body, with an element of the class `look-chart` for each chart. Whatever comes from elsewhere is
            escaped in it.
        charts: the charts' options by the ids of their elements.

    Raises:
        LookupError: there are charts, and the chart library is not where it should be.
    """
    script = drawing(_nicegui()) if charts else ""
    return _PAGE.render(
        title=title,
        style=f"{css()}\n{style}",
        content=content,
        charts=charts,
        script=script,
        policy=_policy(script),
    )


@cache
def drawing(nicegui: Path) -> str:
    """Return a module with ECharts in it that draws the page's charts.

    NiceGUI's wheel has ECharts as a module whose names are minified, and beside it an entry that says which is which:
    `import{NAME as a,...}from"./FILE";export{a as echarts,...}`. FILE says the name in its own text:
    `export{LOCAL as NAME,...}`.

    Args:
        nicegui: the folder of the package.

    Raises:
        LookupError: the entry or the module has another form, or would not stay whole inside of a page.
    """
    folder = nicegui / "elements" / "echart" / "dist"
    try:
        entry = (folder / "index.js").read_text()
        alias = _found(r"([\w$]+) as echarts\b", entry)
        exported = _found(rf"([\w$]+) as {re.escape(alias)}[,}}]", entry)
        module = (folder / _found(r"from\s*\"\./([\w-]+\.js)\"", entry)).read_text()
        local = _found(rf"([\w$]+) as {re.escape(exported)}[,}}]", module[module.rindex("export{") :])
    except (OSError, ValueError):
        raise LookupError(f"NiceGUI keeps ECharts in another way than expected, in {folder}") from None
    # What begins a comment or ends a script, https://html.spec.whatwg.org/multipage/scripting.html.
    if re.search(r"<!--|</?script", module, re.IGNORECASE):
        raise LookupError(f"ECharts cannot stand inside of a page: its text has a tag of HTML, in {folder}")
    # 3D charts, which the module would fetch from a file beside it, are not used.
    return module.partition("//# sourceMappingURL=")[0] + _DRAW.replace("ECHARTS", local)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise ValueError(f"there is no {pattern}")
    return match[1]


def _nicegui() -> Path:
    """Return the package's folder. The package itself stays out of it: to import it takes a second."""
    spec = find_spec("nicegui")
    if not spec or not spec.submodule_search_locations:
        raise LookupError("NiceGUI, which ECharts comes with, is not installed")
    return Path(spec.submodule_search_locations[0])


def _policy(script: str) -> str:
    """Return a policy under https://www.w3.org/TR/CSP3/; charts write styles."""
    source = f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    return (
        f"default-src 'none'; script-src {source}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
