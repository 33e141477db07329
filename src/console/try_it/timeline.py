"""The timeline of one or two responses as a chart: a lane each, with its marks and a tick for every piece of text."""

from collections.abc import Sequence

from console.try_it.reading import Ending, Reading
from look.charts import SERIES, THRESHOLD, Options, base_options, value_axis

# More than a screen has columns for; what is drawn and sent to the browser does not grow with the answer.
MOST_TICKS = 1500
_FEW_TICKS = 120
_LANE_PIXELS = 84
# The legend has three lines on a phone.
_AROUND_PIXELS = 84
_WAITING = "rgba(128, 136, 148, 0.30)"
_ANSWERING = "rgba(47, 126, 188, 0.22)"
_CROSS = "path://M1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5L0,1Z"
_BRACKET = "path://M0,0H2V4H16V0H18V10H16V6H2V10H0Z"
_MAX_GAP = SERIES[6]
# Each mark has a symbol and a place above or below the lane, so that nobody needs its colour.
_MARKS = {
    "status (model accepted)": ("diamond", -23, SERIES[3]),
    "TTFB": ("triangle", 22, SERIES[2]),
    "TTFT": ("circle", 0, SERIES[1]),
    "end": ("rect", 0, SERIES[6]),
    "broke off": (_CROSS, 0, THRESHOLD),
}


def lane(reading: Reading) -> str:
    """Return the name of a response."""
    return "in one piece" if reading.in_one_piece else "streamed"


def height(lanes: int) -> str:
    """Return the chart's height as CSS."""
    return f"{_AROUND_PIXELS + _LANE_PIXELS * lanes}px"


def options(readings: Sequence[Reading], now_ms: float) -> Options:
    """Return the chart.

    Args:
        readings: the responses, of which at most one was asked for in one piece.
        now_ms: where those that run have got to.
    """
    ends = [now_ms if reading.ended_ms is None else reading.ended_ms for reading in readings]
    running = any(reading.ending is None for reading in readings)
    extent = _room(max(ends)) if running else max(ends) * 1.02
    scale, unit = (1000, "s") if extent >= 5000 else (1, "ms")
    places = 3 if scale == 1000 else 1

    def at(value_ms: float) -> float:
        return round(value_ms / scale, places)

    waited, answered, ticks, gaps = [], [], [], []
    marks: dict[str, list[list[float | str]]] = {name: [] for name in _MARKS}
    for reading, end in zip(readings, ends, strict=True):
        name, first = lane(reading), reading.first_text_ms
        waited.append(at(end if first is None else first))
        answered.append(at(0 if first is None else end - first))
        ticks += [[at(tick), name] for tick in thinned(list(reading.ticks), extent)]
        if reading.longest_gap:
            gaps += [[at(reading.longest_gap[0]), name], [at(reading.longest_gap[1]), name], [None, name]]
        is_broken = reading.ending in (Ending.FAILED, Ending.CUT)
        ended = (None, reading.ended_ms) if is_broken else (reading.ended_ms, None)
        moments = (reading.accepted_ms, reading.first_byte_ms, first, *ended)
        for mark, moment in zip(_MARKS, moments, strict=True):
            if moment is not None:
                marks[mark].append([at(moment), name])
    base = base_options()
    names = ["waiting", *_MARKS, "chunk", {"name": "max gap", "icon": _BRACKET}]
    return {
        **base,
        "grid": {**base["grid"], "left": 0, "top": 6, "bottom": 66, "right": 22},
        "legend": {**base["legend"], "type": "plain", "data": names, "selectedMode": False},
        "tooltip": {**base["tooltip"], "trigger": "item"},
        "xAxis": {
            **value_axis(),
            "min": 0,
            "max": at(extent),
            "axisLabel": {"formatter": f"{{value}} {unit}", "hideOverlap": True, "showMaxLabel": False},
            "splitNumber": 6,
        },
        "yAxis": {
            "type": "category",
            "data": [lane(reading) for reading in readings],
            "inverse": True,
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": {"fontSize": 12},
        },
        "series": [
            _bar("waiting", waited, _WAITING),
            _bar("answering", answered, _ANSWERING),
            {
                "type": "line",
                "name": "max gap",
                "data": gaps,
                "symbol": "rect",
                "symbolSize": [2, 18],
                "lineStyle": {"color": _MAX_GAP, "width": 2, "cap": "butt"},
                "itemStyle": {"color": _MAX_GAP},
                "silent": True,
            },
            {
                "type": "scatter",
                "name": "chunk",
                "data": ticks,
                "symbol": "rect",
                # A pointer meets a tick that is not too thin.
                "symbolSize": [3 if len(ticks) <= _FEW_TICKS else 1.5, 26],
                "itemStyle": {"color": SERIES[0], "opacity": 1},
                "large": True,
                "largeThreshold": 200,
                **_told(unit),
            },
            *(
                {
                    "type": "scatter",
                    "name": name,
                    "data": marks[name],
                    "symbol": symbol,
                    "symbolSize": {"rect": [4, 34], _CROSS: 14}.get(symbol, 10),
                    "symbolOffset": [0, offset],
                    "itemStyle": {"color": colour, "opacity": 1},
                    "z": 6 if name == "TTFT" else 5,
                    **_told(unit),
                }
                for name, (symbol, offset, colour) in _MARKS.items()
            ),
        ],
    }


def thinned(ticks: Sequence[float], extent: float) -> list[float]:
    """Return the first tick of each of `MOST_TICKS` slots of the extent: more cannot be told apart on a screen."""
    if len(ticks) <= MOST_TICKS:
        return list(ticks)
    slots: dict[int, float] = {}
    for tick in ticks:
        slots.setdefault(int(tick / extent * MOST_TICKS), tick)
    return list(slots.values())


def _room(ms: float) -> float:
    """Return the next of 0.5, 1, 2, 5, 10 s and so on, so that a chart that grows keeps its scale for a while."""
    room = 500.0
    for factor in (2, 2, 2.5) * 5:
        if room >= ms:
            break
        room *= factor
    return room


def _told(unit: str) -> Options:
    """Return what a tooltip says of a point: its time alone."""
    return {"dimensions": [unit, "lane"], "encode": {"x": 0, "y": 1, "tooltip": [0]}}


def _bar(name: str, widths: list[float], colour: str) -> Options:
    return {
        "type": "bar",
        "name": name,
        "stack": "lane",
        "data": widths,
        "barWidth": 12,
        "itemStyle": {"color": colour},
        "silent": True,
    }
