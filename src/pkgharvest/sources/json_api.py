"""What a status that is no answer means, for hosts that give nothing but the status."""

from http import HTTPStatus
from urllib.parse import urlsplit

from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)


def status_error(status: int, url: str) -> SourceError:
    """Return the error that ``status`` is, in answer to ``url``; a 404 is judged by who asks."""
    host = urlsplit(url).hostname or url
    match status:
        case HTTPStatus.GONE:
            return Gone(f"{url}: gone")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            return Blocked(f"{url}: withheld for legal reasons")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Unauthorized(f"{host} refused access to {url} ({status})")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(host, None, f"{host} asks to slow down")
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"{url}: the server failed ({status})")
        case _:
            return Malformed(f"{url}: unexpected status {status}")
