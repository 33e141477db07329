"""The page: a form, and under it what the function answers, while it answers."""

import time
from importlib.resources import files

from botocore.exceptions import BotoCoreError, ClientError
from nicegui import run, ui

from console.frame import frame
from console.source import Source, reason
from console.try_it import choices
from console.try_it.exchange import Exchange
from console.try_it.response import Shown
from console.try_it.sentences import verdict
from console.try_it.timeline import height, options

# How often the page draws what has come; the chart is more work, also for the browser.
_DRAW_SECONDS = 0.05
_CHART_SECONDS = 0.25
# A busy sandbox may take long to say which models there are.
_BUILD_SECONDS = 90
# No function takes more (src/function/README.md), and the socket to the browser would break at a million bytes.
_MOST_CHARACTERS = 200_000
_MEASURED = "Measured here: the time since the request was sent, by the console's clock."
_RECORDED = (
    " Recorded by the function: its log line, which has the same figures as its metrics. The recorded TTFB counts from "
    "entering the handler. TTFT and duration count from asking the model. The cost needs the parameter ModelPrices."
)


def add_pages(source: Source) -> None:
    """Add the page to the application."""

    @ui.page("/try", response_timeout=_BUILD_SECONDS)
    async def page() -> None:
        ui.add_css(files("console.try_it").joinpath("try_it.css").read_text())
        with frame(source, "Try it"):
            if not source.is_sandbox:
                ui.label(
                    "This page calls functions of the sandbox alone, because a call of a deployed stack costs money. "
                    "To time one, run scripts/probe.sh --url URL."
                ).classes("look-note")
                return
            try:
                models, problem = await run.io_bound(choices.models, source) or [], None
            except (BotoCoreError, ClientError) as error:
                models, problem = [], f"The stack's models are not known. {reason(error)}"
            _TryIt(source, models, problem)


class _TryIt:
    """One open page, which has at most one exchange at a time."""

    def __init__(self, source: Source, models: list[str], problem: str | None) -> None:
        self._source = source
        # Another function has no faults of models to play, no format in one piece, and no log line about a response.
        self._is_ours = bool(models or problem)
        self._exchange: Exchange | None = None
        self._shown: list[Shown] = []
        self._started = self._drawn = 0.0
        with ui.element("div").classes("try-page"):
            self._build_form(models, problem)
            self._results = ui.element("div").classes("try-results")
        with self._results:
            ui.label("Send the prompt: the answer and its timeline appear here as it streams.").classes(
                "look-card look-note"
            )
        self._timer = ui.timer(_DRAW_SECONDS, self._draw, active=False)
        ui.context.client.on_delete(self._leave)

    def _build_form(self, models: list[str], problem: str | None) -> None:
        faults = choices.faults(models)
        # After Back, a browser would fill in the last prompt by itself, of which the page would know nothing.
        form = ui.element("form").classes("look-card try-form").props('aria-label="Request" autocomplete="off"')
        form.on("submit.prevent", js_handler="() => {}")
        with form:
            self._prompt = ui.textarea("Prompt", value=choices.EXAMPLE).props(
                f"outlined rows=3 maxlength={_MOST_CHARACTERS}"
            )
            for key in ("keydown.ctrl.enter", "keydown.meta.enter"):
                self._prompt.on(key, self._send)
            with ui.element("div").classes("try-choices"):
                urls = self._source.function_urls
                self._function = ui.select({url: name for name, url in urls.items()}, label="Function")
                self._function.set_value(next(iter(urls.values())))
                self._function.set_visibility(len(urls) > 1)
                self._model = ui.select(models, label="Model", value=models[0] if models else None)
                self._model.set_visibility(bool(models))
                self._fault = ui.select(faults, label="Fault", value="")
                self._fault.set_visibility(self._is_ours)
                for select in (self._function, self._model, self._fault):
                    select.props("outlined dense options-dense")
                if problem:
                    ui.label(problem).classes("look-note")
            with ui.element("div").classes("try-actions"):
                self._send_button = ui.button("Send", on_click=self._send, color=None).props("unelevated no-caps")
                self._send_button.classes("try-send")
                self._stop_button = ui.button("Stop", on_click=self._stop).props("outline no-caps disable")
                self._beside = ui.checkbox("Compare with the answer in one piece", value=self._is_ours).props("dense")
                self._beside.set_visibility(self._is_ours)
            directives = " The prompt may hold directives of the sandbox, such as [[sandbox: ttft=800 gap=50]]."
            ui.label(f"Ctrl+Enter sends.{directives if self._is_ours else ''}").classes("look-note")

    def _send(self) -> None:
        prompt = self._prompt.value or ""
        if self._exchange and self._exchange.is_running:
            return
        fields = choices.fields(prompt, self._model.value, self._fault.value)
        accepts = ["text/event-stream", *(["application/json"] if self._beside.value else [])]
        self._exchange = Exchange(self._source, self._function.value, fields, accepts)
        self._started = self._drawn = time.perf_counter()
        self._build_results(self._exchange, int(time.time() * 1000) - 60_000)
        self._exchange.start()
        self._send_button.props("loading")
        self._stop_button.props(remove="disable")
        self._timer.activate()

    def _build_results(self, exchange: Exchange, since_ms: int) -> None:
        self._results.clear()
        two = " try-two" if len(exchange.readings) > 1 else ""
        with self._results:
            with ui.element("section").classes("look-card").props('aria-label="Timeline"'):
                self._verdict = ui.label(verdict(exchange.readings)).classes("try-verdict").props('role="status"')
                self._chart = ui.echart(options(exchange.readings, 0), renderer="svg").classes("look-chart")
                self._chart.style(f"height: {height(len(exchange.readings))}")
            with ui.element("div").classes(f"try-responses{two}"):
                self._shown = [
                    Shown(self._source, reading, since_ms, is_recorded=self._is_ours) for reading in exchange.readings
                ]
            ui.label(_MEASURED + _RECORDED if self._is_ours else _MEASURED).classes("look-note")

    def _draw(self) -> None:
        exchange = self._exchange
        assert exchange
        running = exchange.is_running
        for shown in self._shown:
            shown.draw()
        now = time.perf_counter()
        if running and now - self._drawn < _CHART_SECONDS:
            return
        self._drawn = now
        self._chart.options.update(options(exchange.readings, (now - self._started) * 1000))
        self._chart.update()
        self._verdict.set_text(verdict(exchange.readings))
        for shown in self._shown:
            shown.draw_figures()
        if not running:
            self._timer.deactivate()
            self._stop_button.props("disable")
            self._send_button.props(remove="loading")

    def _leave(self) -> None:
        if self._exchange:
            self._exchange.stop()

    def _stop(self) -> None:
        if self._exchange:
            self._exchange.stop()
            # Where the next one begins; the button is of no use any more, and would drop the focus.
            self._prompt.run_method("focus")
