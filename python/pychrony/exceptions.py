"""The exceptions that pychrony raises.

Every message says what happened, to which address or field, and what to do next. An error of libchrony or of the
system that led to an exception is its ``__cause__``.
"""

from typing import Any


class ChronyError(Exception):
    """Base of all exceptions of this package.

    ``args`` is ready for JSON, and ``type(error)(*error.args)`` is an equal exception.

    Attributes:
        message: The failure, and the next step.
        error_code: The kind of the failure: -1 not reachable, -2 socket not found, -3 permission denied, -4 invalid
            response, -5 incomplete data. None if it has no number.
        address: The address of the chronyd. None if the failure does not depend on it.
        report: libchrony's name of the report, such as "tracking". None if the failure came before the first request.
        field: The name of the field that is missing or out of range. None if the failure does not concern one.
        timeout: The time that chronyd had to answer, or that the call waited for its turn, in seconds. None unless it
            is a timeout.

    Example:
        >>> from pychrony import ChronyError
        >>> str(ChronyError("chronyd socket not found", -2))
        'chronyd socket not found (error code: -2)'
    """

    message: str
    error_code: int | None
    address: str | None = None
    report: str | None = None
    field: str | None = None
    timeout: float | None = None

    def __init__(  # noqa: PLR0917
        self,
        message: str,
        error_code: int | None = None,
        address: str | None = None,
        report: str | None = None,
        field: str | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code
        self.address = address
        self.report = report
        self.field = field
        self.timeout = timeout
        args: list[Any] = [message, error_code, address, report, field, timeout]
        while args[1:] and args[-1] is None:
            args.pop()
        self.args: tuple[Any, ...] = tuple(args)

    def __str__(self) -> str:
        """Return the message, followed by the error code if there is one."""
        if self.error_code is None:
            return self.message
        return f"{self.message} (error code: {self.error_code})"


class ChronyConnectionError(ChronyError):
    """chronyd is not running, cannot be reached, went away, or did not answer in time.

    ``error_code`` is -2 when its socket does not exist, otherwise -1.
    """


class ChronyTimeoutError(ChronyConnectionError, TimeoutError):
    """chronyd did not answer in time, or the turn of the call did not come in time. ``error_code`` is -1.

    It is also Python's own TimeoutError, with None as ``errno`` and ``strerror``.
    """


class ChronyAddressError(ChronyConnectionError, ValueError):
    """The address is malformed. ``address`` is the text that was given, and ``error_code`` is -1."""


class ChronyPermissionError(ChronyError):
    """The user may not use chronyd's socket, or chronyd refuses the report. ``error_code`` is -3."""


class ChronyDataError(ChronyError):
    """chronyd or libchrony rejected the request, or the data is invalid, incomplete or not available.

    ``error_code`` is -5 when a record or a field is missing, otherwise -4.
    """


class ChronyNotAvailableError(ChronyDataError):
    """chronyd is not configured to have the report, such as the tracking of the real-time clock.

    ``error_code`` is -4.
    """


class ChronyLibraryError(ChronyError):
    """libchrony is not installed or cannot be loaded. ``error_code`` is None."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
