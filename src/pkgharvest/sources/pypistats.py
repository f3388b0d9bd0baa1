"""pypistats.org: how often a project was downloaded in the last day, week and month.

One request per project (https://pypistats.org/api/#recent). The host allows 30 requests a minute,
which the transport's rate limits observe, and has new counts once a day.
"""

from http import HTTPStatus

from pkgharvest.model.json_node import DecodeError, parse_json
from pkgharvest.model.observations import DownloadsResult, FetchTarget
from pkgharvest.model.package import Downloads
from pkgharvest.settings.load import PYPISTATS_URL
from pkgharvest.sources.json_api import JsonApi
from pkgharvest.sources.pypi.source import canonical_name
from pkgharvest.transport.base import Response, Transport

PARSER_REVISION = 1
"""Revision of the decoder. Raise it when it reads more or reads it differently."""


class PypistatsSource:
    """A DownloadsSource that reads ``url``, the base of pypistats.

    ``conditional=False`` sends no validators, for a recording that is replayed into an empty
    catalog.
    """

    def __init__(
        self, transport: Transport, *, url: str = PYPISTATS_URL, conditional: bool = True
    ) -> None:
        self._api = JsonApi(
            transport,
            url,
            headers={"Accept": "application/json"},
            parser_revision=PARSER_REVISION,
            conditional=conditional,
        )

    async def read(self, target: FetchTarget) -> DownloadsResult:
        """Read the download counts of the project of ``target``.

        The result is empty if the package has no project, if nothing is new, and for a 404, which
        pypistats sends for unknown projects and for those without downloads. Raises SourceError;
        BudgetSpent passes through.
        """
        # The host knows canonical names only, and does not redirect other spellings to them.
        name = None if target.pypi_name is None else canonical_name(target.pypi_name)
        if name is None:
            return DownloadsResult()
        url = f"{self._api.base_url}/api/packages/{name}/recent"
        response = await self._api.get(url, self._api.usable_validator(target.validators, url))
        if response.status != HTTPStatus.OK:
            return DownloadsResult()
        return DownloadsResult(
            downloads=_decode_downloads(response, name),
            validators=self._api.new_validators(response, url),
        )


def _decode_downloads(response: Response, name: str) -> Downloads:
    node = parse_json(response.body, f"pypistats/{name}")
    if canonical_name(package := node["package"].text()) != name:
        raise DecodeError(node["package"].path, f"a spelling of {name}", package)
    data = node["data"]
    return Downloads(
        last_day=data["last_day"].integer(),
        last_week=data["last_week"].integer(),
        last_month=data["last_month"].integer(),
    )
