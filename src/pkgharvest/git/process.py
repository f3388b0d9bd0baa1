"""Running ``git`` safely.

Every command gets an environment built here, its own process group, a time-out and, if it writes,
a size limit. Of the user's configuration it gets only proxies, certificates and the directories
declared safe: a repository or a configuration file must not be able to run programs, to ask for
passwords, or to send anything to another host. What to ask of a repository is in
``repository.py`` and ``sources/git.py``.
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
from dataclasses import dataclass, field
from pathlib import Path

from pkgharvest.git.clones import directory_size
from pkgharvest.model.errors import Malformed, TimedOut, Unavailable

_MIN_VERSION = (2, 31)
"""The first git that reads settings from GIT_CONFIG_COUNT."""

_INHERITED_VARIABLES = re.compile(
    r"(?!GIT_)|GIT_(EXEC_PATH|SSH|SSH_COMMAND|SSH_VARIANT|SSL_CAINFO|SSL_CAPATH"
    r"|PROXY_COMMAND|HTTP_PROXY_AUTHMETHOD|PROXY_SSL_.*)\Z"
)
"""Variables that git inherits: all but its own, and of those ssh, proxies and certificates."""

_USER_SETTINGS = re.compile(
    r"http\.(.*\.)?(proxy|proxyauthmethod|proxyssl\w+|sslcainfo|sslcapath|sslbackend"
    r"|schannelcheckrevoke|schannelusesslcainfo)|core\.gitproxy|safe\.directory",
    re.DOTALL,
)
"""Settings of the user that are kept, in lower case, as git prints them."""

_OWN_SETTINGS = (
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

_OWN_VARIABLES = {
    "GIT_ASKPASS": "",  # empty, not unset: git asks nobody and says so
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

_TRACED_PACKET = re.compile(r"^\d\d:\d\d:\d\d\.\d+ .*\bpacket: +(\S+[<>] .*)\n?", re.MULTILINE)
"""A line of GIT_TRACE_PACKET, which git writes to standard error."""

_CHUNK_BYTES = 1 << 16
_MAX_OUTPUT_BYTES = 1 << 22
"""Of a command whose output is read as a whole."""

_MAX_STDERR_BYTES = 1 << 13
_KILL_GRACE_SECONDS = 5.0


class GitError(Malformed):
    """git exited with ``code``. ``stderr`` is the end of its error output, unsanitized.

    ``networked`` tells whether the error may come from a host instead of git itself.
    """

    def __init__(self, code: int, stderr: str, *, networked: bool) -> None:
        super().__init__(f"git exited with {code}")
        self.code = code
        self.stderr = stderr
        self.networked = networked


class CloneTooLarge(Malformed):
    """A clone exceeded its size limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCommand:
    """A command for git. Without ``clone`` and ``directory`` it works on no repository."""

    arguments: tuple[str, ...]
    seconds: float
    """The time-out, after which git is killed."""
    clone: Path | None = None
    """Our own bare clone to work on."""
    directory: Path | None = None
    """The user's repository, bare or not: looked for in this directory and not above it."""
    protocol: str | None = None
    """The only network protocol that git may use. None allows none."""
    max_clone_bytes: int | None = None
    trace_packets: bool = False
    """Whether to collect the packets of git's protocol in ``RunningGit.packets``."""


@dataclass(slots=True)
class RunningGit:
    """A running git, whose output is read as it comes."""

    _process: asyncio.subprocess.Process
    ended: bool = False
    packets: tuple[str, ...] = ()
    """The last packets of the exchange, once git has ended. ``git<`` marks received ones."""

    async def read(self) -> bytes:
        """Return the next part of the output; empty at its end."""
        assert self._process.stdout is not None
        chunk = await self._process.stdout.read(_CHUNK_BYTES)
        self.ended = not chunk
        return chunk


@dataclass(slots=True)
class GitProcess:
    """Runs ``executable``. ``environ`` is the environment of the user.

    The user's GIT_SSH_COMMAND and GIT_SSH are kept, even if they ask for a password.
    """

    environ: Mapping[str, str]
    executable: str = "git"
    _prepared: tuple[str, tuple[tuple[str, str], ...]] | None = field(default=None, init=False)
    """The path of git, and the user's settings to keep, once they were looked up."""

    async def run(self, command: GitCommand) -> bytes:
        """Run ``command`` and return its output, which must be short.

        Raises GitError, TimedOut, CloneTooLarge, Malformed for an output that is too long, and
        Unavailable if there is no usable git.
        """
        async with self.start(command) as running:
            return await _read_all(running)

    @contextlib.asynccontextmanager
    async def start(self, command: GitCommand) -> AsyncIterator[RunningGit]:
        """Run ``command`` while the block reads its output. Raises the same errors as ``run``.

        If the block ends before the output does, git is killed.
        """
        if self._prepared is None:
            self._prepared = await self._prepare()
        executable, settings = self._prepared
        directory = command.directory or (command.clone.parent if command.clone else Path(os.sep))
        environment = self._environment(command, settings)
        async with _supervised(executable, command, environment, directory) as running:
            yield running

    def has_password_for(self, host: str) -> bool:
        """Tell whether git sends a password to ``host``: the user's netrc has one."""
        home = self.environ.get("HOME")
        if not home:
            return False
        try:
            return netrc.netrc(Path(home) / ".netrc").authenticators(host) is not None
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
            return False

    async def _prepare(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Find git, and the settings to keep from the user's configuration."""
        executable = shutil.which(self.executable, path=self.environ.get("PATH"))
        hint = f"install git {'.'.join(map(str, _MIN_VERSION))} or newer"
        if executable is None:
            raise Unavailable("git is not installed, or not on the PATH", hint=hint)
        # In the environment of the user, but in no repository: GIT_DIR keeps git from finding one.
        environment = {**self.environ, "GIT_DIR": os.devnull, "LC_ALL": "C"}

        async def query(*arguments: str) -> bytes:
            command = GitCommand(arguments=arguments, seconds=30)
            async with _supervised(executable, command, environment, Path(os.sep)) as running:
                return await _read_all(running)

        version = re.search(rb"(\d+)\.(\d+)", await query("version"))
        if version and (int(version[1]), int(version[2])) < _MIN_VERSION:
            raise Unavailable(f"git {version[0].decode()} is too old", hint=hint)
        try:
            output = await query("config", "--null", "--get-regexp", r"^(http|core|safe)\.")
        except GitError:  # nothing is set, or git cannot read its configuration
            return executable, ()
        entries = output.decode(errors="surrogateescape").split("\0")
        return executable, tuple(
            (key, value)
            for key, has_value, value in (entry.partition("\n") for entry in entries)
            if has_value and _USER_SETTINGS.fullmatch(key)
        )

    def _environment(
        self, command: GitCommand, settings: tuple[tuple[str, str], ...]
    ) -> dict[str, str]:
        environment = {
            name: value for name, value in self.environ.items() if _INHERITED_VARIABLES.match(name)
        } | _OWN_VARIABLES
        if "GIT_SSH" not in environment:
            # ControlMaster would leave a process that holds git's standard error open.
            environment.setdefault(
                "GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30 -oControlMaster=no"
            )
        # http may redirect to https, but not the other way round.
        environment["GIT_ALLOW_PROTOCOL"] = (
            "http:https" if command.protocol == "http" else command.protocol or ""
        )
        if command.trace_packets:
            environment["GIT_TRACE_PACKET"] = "1"
        if command.directory is not None:
            environment["GIT_CEILING_DIRECTORIES"] = str(command.directory.parent)
        else:
            environment["GIT_DIR"] = str(command.clone or os.devnull)
        all_settings = (*settings, *_OWN_SETTINGS)
        environment["GIT_CONFIG_COUNT"] = str(len(all_settings))
        for number, (key, value) in enumerate(all_settings):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment


@contextlib.asynccontextmanager
async def _supervised(
    executable: str, command: GitCommand, environment: Mapping[str, str], directory: Path
) -> AsyncIterator[RunningGit]:
    process = await _start(executable, command, environment, directory)
    assert process.stderr is not None
    running = RunningGit(process)
    error_output = asyncio.create_task(_read_tail(process.stderr))
    watchdog = asyncio.create_task(_kill_oversized(process, command))
    try:
        async with asyncio.timeout(command.seconds):
            yield running
            if running.ended:
                await process.wait()
    except TimeoutError as error:
        raise TimedOut(
            f"git {command.arguments[0]} timed out after {command.seconds:g} s"
        ) from error
    finally:
        # Whatever ended the block, including a cancellation: no process may be left running.
        _kill(process)
        watchdog.cancel()
        waiting = {error_output, watchdog, asyncio.create_task(process.wait())}
        _, unfinished = await asyncio.wait(waiting, timeout=_KILL_GRACE_SECONDS)
        for task in unfinished:
            task.cancel()
    if not running.ended:
        return
    stderr = ""
    if not error_output.cancelled() and error_output not in unfinished:
        stderr = error_output.result().decode(errors="replace")
    if command.trace_packets:
        running.packets = tuple(_TRACED_PACKET.findall(stderr))
        stderr = _TRACED_PACKET.sub("", stderr)
    if _is_oversized(command):
        raise CloneTooLarge(f"a clone of more than {command.max_clone_bytes} bytes")
    if process.returncode:
        raise GitError(process.returncode, stderr, networked=command.protocol is not None)


async def _start(
    executable: str, command: GitCommand, environment: Mapping[str, str], directory: Path
) -> asyncio.subprocess.Process:
    start = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
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
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        # asyncio itself would kill git alone, and wait for its children.
        with contextlib.suppress(OSError):
            process = await start
            _kill(process)
            await process.wait()
        raise
    except OSError as error:
        raise Unavailable(f"cannot run git in {directory}: {error.strerror}") from error


async def _read_all(running: RunningGit) -> bytes:
    output = b""
    while chunk := await running.read():
        output += chunk
        if len(output) > _MAX_OUTPUT_BYTES:
            raise Malformed(f"git's output is longer than {_MAX_OUTPUT_BYTES} bytes")
    return output


async def _read_tail(stream: asyncio.StreamReader) -> bytes:
    tail = b""
    while chunk := await stream.read(_CHUNK_BYTES):
        tail = (tail + chunk)[-_MAX_STDERR_BYTES:]
    return tail


async def _kill_oversized(process: asyncio.subprocess.Process, command: GitCommand) -> None:
    """Kill git as soon as its clone is too large."""
    while command.max_clone_bytes is not None:
        await asyncio.sleep(0.25)
        if _is_oversized(command):
            _kill(process)
            return


def _is_oversized(command: GitCommand) -> bool:
    return (
        command.max_clone_bytes is not None
        and command.clone is not None
        and directory_size(command.clone) > command.max_clone_bytes
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill git and its child processes, unless it has ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
