"""The errors this library raises on purpose.

    EslError
    ├── ConfigError (ValueError)    a setting, a flag or a recipe does not make sense
    ├── DataError (ValueError)      a file or folder of images, labels or predictions is not what it must be
    ├── CheckpointError             weights or a run's state cannot be used
    └── ShapeError (ValueError)     two arrays that must fit do not

Each message is one sentence or two: what must hold; what came; where; what to do.
The CLI turns any of them into exit code 2, the page into a message in place.
"""


class EslError(Exception):
    """Base of every error that is meant for the user."""


class ConfigError(EslError, ValueError):
    """A setting, a flag or a recipe does not make sense."""


class DataError(EslError, ValueError):
    """A file or folder of images, labels or predictions is not what it must be."""


class CheckpointError(EslError):
    """Weights or a run's state cannot be used."""


class ShapeError(EslError, ValueError):
    """Two arrays that must fit do not."""
