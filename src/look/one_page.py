"""A page that is one file: the style, the charts and the chart library are in it, and it asks nobody for anything."""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from look.charts import Options

_PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    files("look").joinpath("one_page.html").read_text()
)


def css() -> str:
    """Return the style sheet that all pages share."""
    return files("look").joinpath("look.css").read_text()


def one_page(title: str, style: str, content: Markup, charts: Mapping[str, Options]) -> str:
    """Return the page as HTML.

    Args:
        title: the document's title.
        style: CSS of this page, after the shared one.
        content: the body, with an element of the class `look-chart` for each chart. Whatever comes from elsewhere is
            escaped in it.
        charts: the charts' options by the ids of their elements.
    """
    library = _library() if charts else None
    return _PAGE.render(title=title, style=f"{css()}\n{style}", content=content, charts=charts, library=library)


@cache
def _library() -> str:
    """Return an import map that has ECharts in it: NiceGUI's wheel has it as a module, under a minified name."""
    folder = files("nicegui").joinpath("elements", "echart", "dist")
    entry = folder.joinpath("index.js").read_text()
    # import{NAME as a,...}from"./FILE";export{a as echarts,...}
    local = re.search(r"(\w+) as echarts\b", entry)
    found = local and re.search(rf"([\w$]+) as {local[1]}\b[^}}]*}}from\"\./([\w-]+\.js)\"", entry)
    if not found:
        raise LookupError(f"NiceGUI keeps ECharts in another way than expected, in {folder}")
    exported, module = found[1], folder.joinpath(found[2]).read_text()
    # 3D charts, which this module would fetch from a file beside it, are not used.
    text = f"{module}\nexport {{ }};".replace("//# sourceMappingURL=", "// ")
    encoded = base64.b64encode(text.encode()).decode()
    named = base64.b64encode(f'export {{ {exported} as echarts }} from "echarts-module";'.encode()).decode()
    javascript = "data:text/javascript;base64,"
    imports = {"echarts-module": javascript + encoded, "echarts": javascript + named}
    return json.dumps({"imports": imports}, separators=(",", ":"))
