"""Running the real ``git``, at arm's length.

Every command gets an environment of its own making, its own process group, a time-out and, where
it writes, a bound on what it may write. Of the user's configuration only what reaches a proxy and
trusts a certificate is handed on, with the directories that are declared safe. What is asked of a
repository is not known here.
"""

import asyncio
import contextlib
import netrc
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.git.clones import directory_size
from pkgharvest.model.errors import Malformed, TimedOut, Unavailable

_OLDEST = (2, 31)
"""The first git that takes settings from GIT_CONFIG_COUNT."""

_KEPT = re.compile(
    r"(?!GIT_)|GIT_(EXEC_PATH|SSH|SSH_COMMAND|SSH_VARIANT|SSL_CAINFO|SSL_CAPATH"
    r"|PROXY_COMMAND|HTTP_PROXY_AUTHMETHOD|PROXY_SSL_.*)\Z"
)
"""Variables that git inherits: of its own, what concerns ssh, proxies and certificates."""

_USERS = re.compile(
    r"http\.(.*\.)?(proxy|proxyauthmethod|proxyssl\w+|sslcainfo|sslcapath|sslbackend"
    r"|schannelcheckrevoke|schannelusesslcainfo)|core\.gitproxy|safe\.directory",
    re.DOTALL,
)
"""Settings that are the user's to make, in the lower case in which git prints them."""

_OURS = (
    ("core.askPass", ""),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("http.followRedirects", "initial"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("log.showSignature", "false"),
    ("mailmap.file", ""),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    ("transfer.credentialsInUrl", "die"),
)

_FIXED = {
    "GIT_ASKPASS": "",  # set and empty: ask nobody, and say that nobody was asked
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LANGUAGE": "",
    "LC_ALL": "C",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
}

# No connection is left open behind our back: its process would hold git's standard error open.
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=30 -oControlMaster=no"

_PACKET = re.compile(r"^\d\d:\d\d:\d\d\.\d+ .*\bpacket: +(\S+[<>] .*)\n?", re.MULTILINE)
"""A line of GIT_TRACE_PACKET, which goes where the complaints go."""

_CHUNK = 1 << 16
_LONGEST_ANSWER = 1 << 22  # bytes, of a command that is run whole
_LONGEST_COMPLAINT = 1 << 13
_WATCH_SECONDS = 0.25
_GRACE_SECONDS = 5.0
_SETTINGS_SECONDS = 30.0


class GitError(Malformed):
    """git ended with ``code``; ``stderr`` is the end of its complaint, foreign and uncleaned.

    ``networked`` says whether it is possible that not git complains, but a host.
    """

    def __init__(self, code: int, stderr: str, *, networked: bool) -> None:
        super().__init__(f"git ended with {code}")
        self.code = code
        self.stderr = stderr
        self.networked = networked


class CloneTooLarge(Malformed):
    """A clone grew beyond its bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCommand:
    """What git is to do. With neither ``clone`` nor ``place`` it works on no repository."""

    arguments: tuple[str, ...]
    seconds: float
    """Until it is killed."""
    clone: Path | None = None
    """Our own bare clone to work on."""
    place: Path | None = None
    """Somebody's repository, bare or not: looked for in this directory and not above it."""
    protocol: str | None = None
    """The only one that it may speak over the network; None: none at all."""
    bound: int | None = None
    """Bytes that ``clone`` may grow to."""
    traced: bool = False
    """Whether to tell the packets of git's protocol, in `Running.packets`."""


class RunningGit:
    """A git at work, whose answer is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.ended = False
        self.packets: tuple[str, ...] = ()
        """Once all is over, what was exchanged last: ``git< version 2`` was received."""

    async def read(self) -> bytes:
        """Return the next part of the answer; nothing at its end."""
        assert self._process.stdout is not None
        chunk = await self._process.stdout.read(_CHUNK)
        self.ended = not chunk
        return chunk


class GitProcess:
    """Runs ``executable``, with ``environ`` as the environment that the user is in.

    The user's GIT_SSH_COMMAND and GIT_SSH are kept, and are then the user's to keep from asking.
    """

    def __init__(self, environ: Mapping[str, str], *, executable: str = "git") -> None:
        self._environ = dict(environ)
        self._executable = executable
        self._ready: tuple[str, tuple[tuple[str, str], ...]] | None = None

    async def run(self, command: GitCommand) -> bytes:
        """Run ``command`` to its end and return its whole, short answer.

        Raises GitError, TimedOut, TooLarge, or Unavailable where there is no git to run.
        """
        async with self.start(command) as running:
            return await _whole(running)

    @contextlib.asynccontextmanager
    async def start(self, command: GitCommand) -> AsyncIterator[RunningGit]:
        """Run ``command`` while the block reads its answer; raises as `run` does.

        A block that leaves before the end of the answer has heard enough: git is killed.
        """
        if self._ready is None:
            self._ready = await self._prepare()
        executable, settings = self._ready
        environment = self._environment(command, settings)
        directory = command.place or (command.clone.parent if command.clone else Path(os.sep))
        async with _supervised(executable, command, environment, directory) as running:
            yield running

    def has_password_for(self, host: str) -> bool:
        """Tell whether git sends the user's password for ``host``: it stands in their netrc."""
        home = self._environ.get("HOME")
        if not home:
            return False
        try:
            return netrc.netrc(Path(home) / ".netrc").authenticators(host) is not None
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
            return False

    async def _prepare(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Find git, and in the user's configuration the settings to hand on."""
        executable = shutil.which(self._executable, path=self._environ.get("PATH"))
        hint = f"install git {'.'.join(map(str, _OLDEST))} or newer"
        if executable is None:
            raise Unavailable("git is not installed, or not on the PATH", hint=hint)
        # As the user would run it, in no repository: a GIT_DIR that is none keeps it from looking.
        environment = self._environ | {"GIT_DIR": os.devnull, "LC_ALL": "C"}

        async def ask(*arguments: str) -> bytes:
            command = GitCommand(arguments=arguments, seconds=_SETTINGS_SECONDS)
            async with _supervised(executable, command, environment, Path(os.sep)) as running:
                return await _whole(running)

        version = re.search(rb"(\d+)\.(\d+)", await ask("version"))
        if version and (int(version[1]), int(version[2])) < _OLDEST:
            raise Unavailable(f"git {version[0].decode()} is too old", hint=hint)
        try:
            listed = await ask("config", "--null", "--get-regexp", r"^(http|core|safe)\.")
        except GitError:  # nothing set, or a configuration that git cannot read
            return executable, ()
        settings = []
        for entry in listed.decode(errors="surrogateescape").split("\0"):
            key, found, value = entry.partition("\n")
            if found and _USERS.fullmatch(key):
                settings.append((key, value))
        return executable, tuple(settings)

    def _environment(
        self, command: GitCommand, settings: tuple[tuple[str, str], ...]
    ) -> dict[str, str]:
        environment = {name: value for name, value in self._environ.items() if _KEPT.match(name)}
        environment |= _FIXED
        if "GIT_SSH" not in environment:
            environment.setdefault("GIT_SSH_COMMAND", _SSH)
        match command.protocol:
            case None:
                environment["GIT_ALLOW_PROTOCOL"] = ""
            case "http":  # which may send us on to https, but never the other way
                environment["GIT_ALLOW_PROTOCOL"] = "http:https"
            case protocol:
                environment["GIT_ALLOW_PROTOCOL"] = protocol
        if command.traced:
            environment["GIT_TRACE_PACKET"] = "1"
        if command.place is not None:
            environment["GIT_CEILING_DIRECTORIES"] = str(command.place.parent)
        else:
            environment["GIT_DIR"] = str(command.clone or os.devnull)
        every = (*settings, *_OURS)
        environment["GIT_CONFIG_COUNT"] = str(len(every))
        for number, (key, value) in enumerate(every):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment


@contextlib.asynccontextmanager
async def _supervised(
    executable: str, command: GitCommand, environment: Mapping[str, str], directory: Path
) -> AsyncIterator[RunningGit]:
    try:
        process = await asyncio.create_subprocess_exec(
            executable,
            "--no-pager",
            *command.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"git cannot be run in {directory}: {error.strerror}") from error
    assert process.stderr is not None
    running = RunningGit(process)
    complaint = asyncio.create_task(_tail(process.stderr))
    watch = asyncio.create_task(_watch(process, command))
    try:
        async with asyncio.timeout(command.seconds):
            yield running
            if running.ended:
                await process.wait()
    except TimeoutError as error:
        raise TimedOut(
            f"git {command.arguments[0]} did not end within {command.seconds:g} s"
        ) from error
    finally:
        # Whatever ended the block, a cancellation included: nothing of it runs on.
        _kill(process)
        watch.cancel()
        waiting = {complaint, watch, asyncio.create_task(process.wait())}
        _, unfinished = await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
        for task in unfinished:
            task.cancel()
    if not running.ended:
        return
    stderr = ""
    if not complaint.cancelled() and complaint not in unfinished:
        stderr = complaint.result().decode(errors="replace")
    if command.traced:
        running.packets = tuple(_PACKET.findall(stderr))
        stderr = _PACKET.sub("", stderr)
    if _outgrown(command):
        raise CloneTooLarge(f"a clone of more than {command.bound} bytes")
    if process.returncode:
        raise GitError(process.returncode, stderr, networked=command.protocol is not None)


async def _whole(running: RunningGit) -> bytes:
    answer = b""
    while chunk := await running.read():
        answer += chunk
        if len(answer) > _LONGEST_ANSWER:
            raise Malformed(f"git's answer is longer than {_LONGEST_ANSWER} bytes")
    return answer


async def _tail(stream: asyncio.StreamReader) -> bytes:
    tail = b""
    while chunk := await stream.read(_CHUNK):
        tail = (tail + chunk)[-_LONGEST_COMPLAINT:]
    return tail


async def _watch(process: asyncio.subprocess.Process, command: GitCommand) -> None:
    """Kill git once its clone is too large."""
    while command.bound is not None:
        await asyncio.sleep(_WATCH_SECONDS)
        if _outgrown(command):
            _kill(process)
            return


def _outgrown(command: GitCommand) -> bool:
    if command.bound is None or command.clone is None:
        return False
    return directory_size(command.clone) > command.bound


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill git and all that it started, unless it has ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
