"""Going back in the browser: a page with a form shows what its address says, not what somebody had filled in."""

from nicegui import ui

# Browsers may keep a page as it was left, and show that (https://web.dev/articles/bfcache). What they fill in again in
# a page that is loaded, `autocomplete="off"` at the form prevents.
_LOAD_AGAIN = '<script>addEventListener("pageshow", event => { if (event.persisted) location.reload(); });</script>'


def load_again_after_back() -> None:
    """Make the browser load the page again where it would show it as it was left."""
    ui.add_body_html(_LOAD_AGAIN)
