"""pypistats.org: how often a project was downloaded lately.

One request a project, of https://pypistats.org/api/. It may be asked 30 times a minute, for which
``transport/pace.py`` cares, and has new figures once a day.
"""

from http import HTTPStatus

from pkgharvest import decode
from pkgharvest.decode import DecodeError
from pkgharvest.package import Downloads
from pkgharvest.records import DownloadsReading, Target
from pkgharvest.settings import PYPISTATS_URL
from pkgharvest.sources.pypi_answers import canonical
from pkgharvest.sources.refusal import refusal
from pkgharvest.transport.exchange import Answer, Exchange, Request, conditional, validator_of

PARSER = 1
"""Revision of the reading code below: validators of another revision are not used."""


class PyPIStats:
    """A DownloadsSource; ``url`` is the base of pypistats.

    ``conditional=False`` sends no validators: a recording is replayed into a catalogue that
    knows nothing yet.
    """

    def __init__(
        self, client: Exchange, *, url: str = PYPISTATS_URL, conditional: bool = True
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._conditional = conditional

    async def read(self, target: Target) -> DownloadsReading:
        """Look at the figures of the project that is known to be ``target``'s.

        No figures where there is no project, where nothing is new, and where pypistats has a 404,
        by which it says "never heard of it" and "no downloads" alike. Raises SourceError where
        nothing could be read; BudgetSpent passes through.
        """
        # It knows no spelling but the canonical one, and does not redirect to it.
        name = None if target.pypi_name is None else canonical(target.pypi_name)
        if name is None:
            return DownloadsReading()
        url = f"{self._url}/api/packages/{name}/recent"
        validator = target.validators.get(url) if self._conditional else None
        if validator is not None and validator.parser != PARSER:
            validator = None
        request = conditional(Request(url=url, headers={"Accept": "application/json"}), validator)
        answer = await self._client.send(request)
        match answer.status:
            case HTTPStatus.OK:
                given = validator_of(answer, url, PARSER)
                return DownloadsReading(
                    downloads=_read(answer, name), validators=() if given is None else (given,)
                )
            case HTTPStatus.NOT_FOUND:
                return DownloadsReading()
            case HTTPStatus.NOT_MODIFIED if validator is not None:
                return DownloadsReading()
            case status:
                raise refusal(status, url)


def _read(answer: Answer, name: str) -> Downloads:
    page = decode.parse(answer.body, f"pypistats/{name}")
    told = page["package"]
    if canonical(spelling := told.text()) != name:
        raise DecodeError(told.path, f"a spelling of {name}", spelling)
    data = page["data"]
    return Downloads(
        last_day=data["last_day"].integer(),
        last_week=data["last_week"].integer(),
        last_month=data["last_month"].integer(),
    )
