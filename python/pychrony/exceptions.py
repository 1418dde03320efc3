"""The exceptions that pychrony raises.

Every message says what happened, to which address or field, and what to do next. The errors of libchrony and of the
system that led to an exception are its ``__cause__``.
"""


class ChronyError(Exception):
    """Base of all exceptions of this package.

    Attributes:
        message: The failure, and the remedy.
        error_code: The number of the kind of problem: -1 not reachable, -2 socket not found, -3 permission denied,
            -4 invalid response, -5 incomplete data; None where there is no number.

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
        """The message, followed by the error code where there is one."""
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
