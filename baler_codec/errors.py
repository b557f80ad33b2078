"""What can go wrong, by name. Every message says what is wrong, where, and what to do.

All errors are `BalerError`, which is a `ValueError`: code that guards a decompressor with ``except ValueError`` keeps
working. Some are also what Python would have raised by itself (`LookupError`, `TypeError`).
"""


class BalerError(ValueError):
    """Base of every error that this package raises on purpose."""


class CorruptDataError(BalerError):
    """The bytes of a frame or a model are damaged or cut short."""


class UnsupportedVersionError(BalerError):
    """The bytes follow a version of the format that this release does not know."""


class ModelNotFoundError(BalerError, LookupError):
    """A model is needed by id or name and lies in none of the places searched."""


class ModelInvalidError(BalerError):
    """Model bytes are well-formed but break a rule (limits, overflow proof)."""


class BoundError(BalerError):
    """An error bound that does not exist, cannot be resolved, or does not fit the data."""


class ConfigError(BalerError):
    """A codec configuration has unknown keys or values of the wrong form."""


class DTypeError(BalerError, TypeError):
    """Data of a type that cannot be coded as asked."""


class ShapeError(BalerError):
    """Data, an output buffer or a list of bounds has the wrong shape or size."""


class LibraryNotFoundError(BalerError, ImportError):
    """The native library is missing or is not the one this package was built with."""
