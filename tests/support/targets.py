"""Targets for tests of sources: a package nobody knows anything of, and one that has been read."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pkgharvest.model import locators
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.transport.base import Request, Response

API = "https://api.github.com"


def new_target(text: str = "octo/cat") -> FetchTarget:
    """Return a package that was just added."""
    return FetchTarget(
        package_id=1, slug="cat", sources=("repo",), locator=locators.parse_locator(text)
    )


def learned(target: FetchTarget, reading: RepositoryResult, at: dt.datetime) -> FetchTarget:
    """Return ``target`` as the catalogue knows it after ``reading``, which was made ``at``."""
    news = reading.activity
    if reading.repository is not None:
        target = replace(
            target,
            locator=reading.repository.locator,
            repo_id=reading.repository.repo_id,
            default_branch=reading.repository.default_branch,
        )
    if news is not None:
        target = replace(target, head=news.head, days_since=news.since)
    if reading.contributors_asked:
        target = replace(target, contributors_known=True, contributors_read=at)
    validators = {
        key: validator
        for key, validator in target.validators.items()
        if key.partition("?")[0] not in {new.key.partition("?")[0] for new in reading.validators}
    }
    validators |= {validator.key: validator for validator in reading.validators}
    return replace(target, validators=validators)


@dataclass(slots=True)
class Canned:
    """An Exchange that has its answers ready, by URL; anything else is a mistake of the test."""

    answers: Mapping[str, Response | BaseException]
    asked: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """Give the answer for the URL, or raise it."""
        await asyncio.sleep(0)
        self.asked.append(request)
        answer = self.answers[request.url]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def urls(self) -> list[str]:
        """The URLs that were asked, in order."""
        return [request.url for request in self.asked]


def response(url: str, body: bytes = b"", status: int = 200, **headers: str) -> Response:
    """Return an answer of ``url``; underscores in names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body, url=url)
