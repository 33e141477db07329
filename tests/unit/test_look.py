"""A page in one file: the chart library is found or the reason is said, and no data leaves its element."""

import base64
import hashlib
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from markupsafe import Markup

from look.charts import base_options, value_axis, wrapped_legend
from look.one_page import drawing, one_page
from look.project import project
from tools import REPOSITORY

ENTRY = 'import{aS as a,aT as r}from"./index-1_b.js";export{a as echarts,r as loadEchartsGL};'
MODULE = "const zK = {}, x = 1;export{zK as aS,x as b};\n//# sourceMappingURL=index-1_b.js.map\n"


def wheel(folder: Path, entry: str | None = ENTRY, module: str | None = MODULE) -> Path:
    """What the package looks like, as far as it matters here."""
    inside = folder / "elements/echart/dist"
    inside.mkdir(parents=True)
    for name, text in (("index.js", entry), ("index-1_b.js", module)):
        if text is not None:
            (inside / name).write_text(text)
    return folder


def test_the_library_is_called_by_the_name_that_it_has_in_its_own_text(tmp_path: Path) -> None:
    script = drawing(wheel(tmp_path))
    assert "zK.init(element" in script
    assert "ECHARTS" not in script
    assert "sourceMappingURL" not in script, "the browser would ask for a file that is not there"


def test_the_library_of_this_environment_is_found() -> None:
    spec = find_spec("nicegui")
    assert spec
    assert spec.submodule_search_locations
    assert re.search(r"\b[\w$]+\.init\(element", drawing(Path(spec.submodule_search_locations[0])))


@pytest.mark.parametrize(
    ("entry", "module"),
    [
        (None, MODULE),
        (ENTRY, None),
        ("", MODULE),
        (ENTRY.replace("echarts", "charts"), MODULE),
        (ENTRY.replace("a as echarts", "q as echarts"), MODULE),
        (ENTRY.replace("./index-1_b.js", "../index-1_b.js"), MODULE),
        (ENTRY, MODULE.replace("as aS", "as aQ")),
        (ENTRY, "const zK = {};"),
    ],
)
def test_a_wheel_of_another_form_is_an_error_that_says_where(
    tmp_path: Path, entry: str | None, module: str | None
) -> None:
    folder = wheel(tmp_path, entry, module)
    with pytest.raises(LookupError, match=r"keeps ECharts in another way than expected, in .*/elements/echart/dist"):
        drawing(folder)


@pytest.mark.parametrize("tag", ["</script>", "</SCRIPT", "<!--", "<script>"])
def test_a_library_that_would_end_its_element_is_an_error(tmp_path: Path, tag: str) -> None:
    with pytest.raises(LookupError, match="its text has a tag of HTML"):
        drawing(wheel(tmp_path, module=f"const text = '{tag}';{MODULE}"))


def test_data_cannot_end_its_element() -> None:
    nasty = "</script><script>alert(1)</script><!-- & ' \" \u2028"
    page = one_page(nasty, "", Markup("<p>{}</p>").format(nasty), {"chart": {"title": {"text": nasty}}})
    assert page.count("<script") == page.count("</script>") == 2, "data and code"
    assert "alert(1)<" not in page
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data) == {"chart": {"title": {"text": nasty}}}


def test_the_policy_lets_nothing_run_but_the_script_of_the_page() -> None:
    page = one_page("Title", "", Markup(""), {"chart": {}})
    (code,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; script-src &#39;sha256-{digest}&#39;;" in page


def test_a_page_without_charts_has_no_script() -> None:
    page = one_page("Title", "p { margin: 0 }", Markup("<p>text</p>"), {})
    assert "<script" not in page
    assert "script-src &#39;none&#39;" in page
    assert page.index("--paper:") < page.index("p { margin: 0 }"), "the page's style comes after the shared one"


def test_options_are_plain_json() -> None:
    options = {**base_options(), "yAxis": value_axis(whole=True)}
    assert json.loads(json.dumps(options)) == options


def test_the_project_has_a_name_and_a_version() -> None:
    assert re.fullmatch(r"Firstbyte \d+\.\d+\.\d+", project())
    assert f'version = "{project().split()[1]}"' in (REPOSITORY / "pyproject.toml").read_text()


@pytest.mark.parametrize("width", [200, 359, 360, 640, 1279, 4000])
def test_a_legend_has_room_for_all_its_labels_at_any_width(width: int) -> None:
    labels = [f"line {number} of the chart" for number in range(8)]
    media = wrapped_legend(labels)["media"]
    (found,) = (
        one["option"]["grid"]["bottom"]
        for one in media
        if one["query"].get("minWidth", 0) <= width <= one["query"].get("maxWidth", width)
    )
    # A row has at least as many labels as would fit if each letter were 8 pixels wide.
    in_a_row = max(1, width // (40 + 8 * len(labels[0])))
    assert 12 + 16 <= found <= 12 + 16 * -(-len(labels) // in_a_row)
    assert (found == 12 + 16) is (width > 1000)
