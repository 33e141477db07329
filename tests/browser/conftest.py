"""What the tests here may use: a page in a headless Chromium, in each view."""

from chromium import chromium, page, troubles, view

__all__ = ["chromium", "page", "troubles", "view"]
