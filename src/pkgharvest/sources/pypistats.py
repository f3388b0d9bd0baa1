"""pypistats.org: how often a project was downloaded lately.

One request a project, of https://pypistats.org/api/. It may be asked 30 times a minute, for which
``transport/rate_limit`` cares, and has new figures once a day.
"""

from http import HTTPStatus

from pkgharvest.model import json_node
from pkgharvest.model.json_node import DecodeError
from pkgharvest.model.observations import DownloadsResult, FetchTarget
from pkgharvest.model.package import Downloads
from pkgharvest.settings.load import PYPISTATS_URL
from pkgharvest.sources.json_api import status_error
from pkgharvest.sources.pypi.decode import canonical_name
from pkgharvest.transport.base import (
    Request,
    Response,
    Transport,
    make_conditional,
    response_validator,
)

PARSER_REVISION = 1
"""Revision of the reading code below: validators of another revision are not used."""


class PypistatsSource:
    """A DownloadsSource; ``url`` is the base of pypistats.

    ``conditional=False`` sends no validators: a recording is replayed into a catalogue that
    knows nothing yet.
    """

    def __init__(
        self, client: Transport, *, url: str = PYPISTATS_URL, conditional: bool = True
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._conditional = conditional

    async def read(self, target: FetchTarget) -> DownloadsResult:
        """Look at the figures of the project that is known to be ``target``'s.

        No figures where there is no project, where nothing is new, and where pypistats has a 404,
        by which it says "never heard of it" and "no downloads" alike. Raises SourceError where
        nothing could be read; BudgetSpent passes through.
        """
        # It knows no spelling but the canonical one, and does not redirect to it.
        name = None if target.pypi_name is None else canonical_name(target.pypi_name)
        if name is None:
            return DownloadsResult()
        url = f"{self._url}/api/packages/{name}/recent"
        validator = target.validators.get(url) if self._conditional else None
        if validator is not None and validator.parser != PARSER_REVISION:
            validator = None
        request = make_conditional(
            Request(url=url, headers={"Accept": "application/json"}), validator
        )
        answer = await self._client.send(request)
        match answer.status:
            case HTTPStatus.OK:
                given = response_validator(answer, url, PARSER_REVISION)
                return DownloadsResult(
                    downloads=_read(answer, name), validators=() if given is None else (given,)
                )
            case HTTPStatus.NOT_FOUND:
                return DownloadsResult()
            case HTTPStatus.NOT_MODIFIED if validator is not None:
                return DownloadsResult()
            case status:
                raise status_error(status, url)


def _read(answer: Response, name: str) -> Downloads:
    page = json_node.parse_json(answer.body, f"pypistats/{name}")
    told = page["package"]
    if canonical_name(spelling := told.text()) != name:
        raise DecodeError(told.path, f"a spelling of {name}", spelling)
    data = page["data"]
    return Downloads(
        last_day=data["last_day"].integer(),
        last_week=data["last_week"].integer(),
        last_month=data["last_month"].integer(),
    )
