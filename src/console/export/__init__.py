"""Export: the dashboard as one HTML file and as a picture, for a report or a pull request."""

from console.export.files import export

__all__ = ["export"]
