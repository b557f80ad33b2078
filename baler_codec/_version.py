"""The version of the package: the one place that says it to Python code."""

__version__ = "0.1.0"
