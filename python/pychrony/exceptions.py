"""The exceptions that pychrony raises.

Every message says what happened, to which address or field, and what to do next. An error of libchrony or of the
system that led to an exception is its ``__cause__``.
"""


class ChronyError(Exception):
    """Base of all exceptions of this package.

    Attributes:
        message: The failure, and the next step.
        error_code: The kind of the failure: -1 not reachable, -2 socket not found, -3 permission denied, -4 invalid
            response, -5 incomplete data. None if it has no number.

    Example:
        >>> from pychrony import ChronyError
        >>> str(ChronyError("chronyd socket not found", -2))
        'chronyd socket not found (error code: -2)'
    """

    message: str
    error_code: int | None

    def __init__(self, message: str, error_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code

    def __str__(self) -> str:
        """Return the message, followed by the error code if there is one."""
        if self.error_code is None:
            return self.message
        return f"{self.message} (error code: {self.error_code})"


class ChronyConnectionError(ChronyError):
    """chronyd is not running, cannot be reached, went away, or did not answer in time.

    ``error_code`` is -2 when its socket does not exist, otherwise -1.
    """


class ChronyPermissionError(ChronyError):
    """The user may not use chronyd's socket, or chronyd refuses the report. ``error_code`` is -3."""


class ChronyDataError(ChronyError):
    """chronyd or libchrony rejected the request, or the data is invalid, incomplete or not available.

    ``error_code`` is -5 when a record or a field is missing, otherwise -4.
    """


class ChronyLibraryError(ChronyError):
    """libchrony is not installed or cannot be loaded. ``error_code`` is None."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
