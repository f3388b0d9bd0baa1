"""Running git: what it inherits, and when it is killed."""

import asyncio
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pkgharvest.git.process import CloneTooLarge, GitCommand, GitError, GitProcess
from pkgharvest.model.errors import Malformed, TimedOut, Unavailable

PATH = os.environ["PATH"]


def stand_in(directory: Path, script: str) -> str:
    """Create a ``git`` that runs ``script``, except for ``version`` and ``config``."""
    path = directory / "git-stand-in"
    usual = 'case "$2" in version|config) exec git "$@";; esac'
    path.write_text(f"#!/bin/sh\n{usual}\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(executable: str, command: GitCommand, environ: Mapping[str, str] | None = None) -> bytes:
    process = GitProcess(environ or {"PATH": PATH}, executable=executable)
    return asyncio.run(process.run(command))


def inherited_environment(
    tmp_path: Path, environ: Mapping[str, str], **more: str | Path
) -> dict[str, str]:
    """Return the environment of a git whose user has ``environ``."""
    command = GitCommand(arguments=("status",), seconds=10, **more)  # type: ignore[arg-type]
    out = run(stand_in(tmp_path, "env -0"), command, {"PATH": PATH} | dict(environ))
    return dict(line.split("=", 1) for line in out.decode().split("\0") if line)


def settings(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (environment[f"GIT_CONFIG_KEY_{n}"], environment[f"GIT_CONFIG_VALUE_{n}"])
        for n in range(int(environment["GIT_CONFIG_COUNT"]))
    ]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        return False


def test_git_may_use_one_protocol_only(tmp_path: Path) -> None:
    assert inherited_environment(tmp_path, {})["GIT_ALLOW_PROTOCOL"] == ""
    assert inherited_environment(tmp_path, {}, protocol="ssh")["GIT_ALLOW_PROTOCOL"] == "ssh"
    assert inherited_environment(tmp_path, {}, protocol="https")["GIT_ALLOW_PROTOCOL"] == "https"
    assert (
        inherited_environment(tmp_path, {}, protocol="http")["GIT_ALLOW_PROTOCOL"] == "http:https"
    )


def test_traced_packets_are_separated_from_error_output(tmp_path: Path) -> None:
    script = (
        "echo >&2 '12:00:00.123456 pkt-line.c:80           packet:          git< version 2'\n"
        "echo >&2 warning: packet: lost\n"
        "echo >&2 '12:00:00.123456 packet:    ls-remote> 0000'\n"
        '[ "$GIT_TRACE_PACKET" = 1 ] && exit "$2"'
    )
    process = GitProcess({"PATH": PATH}, executable=stand_in(tmp_path, script))

    async def packets(code: str) -> tuple[str, ...]:
        command = GitCommand(arguments=(code,), seconds=10, trace_packets=True)
        async with process.start(command) as running:
            while await running.read():
                pass
        return running.packets

    assert asyncio.run(packets("0")) == ("git< version 2", "ls-remote> 0000")
    with pytest.raises(GitError) as caught:
        asyncio.run(packets("3"))
    assert (caught.value.code, caught.value.stderr) == (3, "warning: packet: lost\n")
    assert "GIT_TRACE_PACKET" not in inherited_environment(tmp_path, {"GIT_TRACE_PACKET": "1"})


def test_has_password_for_looks_into_netrc(tmp_path: Path) -> None:
    process = GitProcess({"PATH": PATH, "HOME": str(tmp_path)})
    assert not process.has_password_for("h.org")
    (tmp_path / ".netrc").write_text("machine h.org login me password x\n", encoding="utf-8")
    assert process.has_password_for("h.org")
    assert not process.has_password_for("i.org")
    assert not GitProcess({"PATH": PATH}).has_password_for("h.org")
    (tmp_path / ".netrc").write_bytes(b"\xff machine")
    assert not process.has_password_for("h.org")


def test_git_variables_of_the_user_are_not_inherited(tmp_path: Path) -> None:
    traps = {
        "GIT_DIR": "/elsewhere",
        "GIT_WORK_TREE": "/elsewhere",
        "GIT_INDEX_FILE": "x",
        "GIT_OBJECT_DIRECTORY": "x",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "x",
        "GIT_TRACE": "1",
        "GIT_CONFIG_PARAMETERS": "'core.pager=x'",
        "GIT_SSL_NO_VERIFY": "1",
        "GIT_EXTERNAL_DIFF": "x",
    }
    found = inherited_environment(tmp_path, traps, directory=tmp_path)
    assert not traps.keys() & found.keys()
    assert inherited_environment(tmp_path, traps, clone=tmp_path / "c")["GIT_DIR"] == str(
        tmp_path / "c"
    )


def test_proxies_certificates_and_ssh_are_inherited(tmp_path: Path) -> None:
    kept = {
        "https_proxy": "http://proxy.example:3128",
        "GIT_SSL_CAINFO": "/etc/ca.pem",
        "GIT_PROXY_SSL_CAINFO": "/etc/proxy.pem",
        "GIT_SSH_COMMAND": "ssh -i key",
        "HOME": "/home/somebody",
    }
    assert kept.items() <= inherited_environment(tmp_path, kept).items()
    assert "BatchMode=yes" in inherited_environment(tmp_path, {})["GIT_SSH_COMMAND"]
    assert "GIT_SSH_COMMAND" not in inherited_environment(tmp_path, {"GIT_SSH": "/usr/bin/myssh"})


def test_only_proxies_certificates_and_safe_directories_of_the_configuration_are_kept(
    tmp_path: Path,
) -> None:
    (tmp_path / ".gitconfig").write_text(
        "[http]\n proxy = http://proxy.example:3128\n sslCAInfo = /etc/ca.pem\n"
        " cookieFile = /home/x/cookies\n extraHeader = Authorization: secret\n sslVerify = false\n"
        '[http "https://Git.example.org/A.b"]\n proxy =\n sslCAPath = /etc/certs\n'
        "[safe]\n directory = /srv/repo\n directory = *\n bareRepository = explicit\n"
        '[core]\n hooksPath = /evil\n sshCommand = evil\n gitProxy = "proxy for git"\n'
        "[credential]\n helper = store\n"
        '[url "git@elsewhere:"]\n insteadOf = https://\n',
        encoding="utf-8",
    )
    found = settings(inherited_environment(tmp_path, {"HOME": str(tmp_path)}))
    ours = [key for key, _ in settings(inherited_environment(tmp_path, {"HOME": "/nowhere"}))]
    assert found[: len(found) - len(ours)] == [
        ("http.proxy", "http://proxy.example:3128"),
        ("http.sslcainfo", "/etc/ca.pem"),
        ("http.https://Git.example.org/A.b.proxy", ""),
        ("http.https://Git.example.org/A.b.sslcapath", "/etc/certs"),
        ("safe.directory", "/srv/repo"),
        ("safe.directory", "*"),
        ("core.gitproxy", "proxy for git"),
    ]
    assert ("core.hooksPath", os.devnull) in found
    assert ("credential.helper", "") in found


def test_the_configuration_of_the_working_directory_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / ".git" / "refs").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (tmp_path / ".git" / "config").write_text("[http]\n proxy = http://evil\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "http.proxy" not in dict(settings(inherited_environment(tmp_path, {})))


def test_a_missing_git_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not installed") as caught:
        run("git", GitCommand(arguments=("version",), seconds=1), {"PATH": "/nonexistent"})
    assert caught.value.hint
    assert "2.31" in caught.value.hint


def test_a_git_that_is_too_old_is_unavailable(tmp_path: Path) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.9\n", encoding="utf-8")
    old.chmod(0o755)
    with pytest.raises(Unavailable, match=r"git 2\.30 is too old"):
        run(str(old), GitCommand(arguments=("version",), seconds=5))


def test_a_git_error_carries_the_end_of_the_error_output(tmp_path: Path) -> None:
    lines = "yes a line of complaint | head -n 100000"
    git = stand_in(tmp_path, f"{lines} >&2; echo fatal: x >&2; exit 7")
    with pytest.raises(GitError) as caught:
        run(git, GitCommand(arguments=("log",), seconds=10))
    assert caught.value.code == 7
    assert caught.value.stderr.endswith("fatal: x\n")
    assert len(caught.value.stderr) <= 8192


def test_output_without_end_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="longer than"):
        run(stand_in(tmp_path, "yes"), GitCommand(arguments=("log",), seconds=10))


def test_a_time_out_kills_the_whole_process_group(tmp_path: Path) -> None:
    git = stand_in(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"git fetch timed out after 2 s"):
        run(git, GitCommand(arguments=("fetch",), seconds=2))
    assert time.monotonic() - began < 30
    assert not alive(int((tmp_path / "pid").read_text("utf-8")))


def test_a_cancellation_kills_the_whole_process_group(tmp_path: Path) -> None:
    git = stand_in(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    pid_file = tmp_path / "pid"

    async def cancelled() -> None:
        process = GitProcess({"PATH": PATH}, executable=git)
        task = asyncio.create_task(process.run(GitCommand(arguments=("fetch",), seconds=60)))
        while not (pid_file.exists() and pid_file.read_text("utf-8")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not alive(int(pid_file.read_text("utf-8")))

    asyncio.run(cancelled())


def test_a_cancellation_while_git_starts_kills_the_whole_process_group(tmp_path: Path) -> None:
    git = stand_in(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait")

    async def cancelled() -> None:
        process = GitProcess({"PATH": PATH}, executable=git)
        task = asyncio.create_task(process.run(GitCommand(arguments=("fetch",), seconds=60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - began < 5
    pid_file = tmp_path / "pid"
    assert not (pid_file.exists() and alive(int(pid_file.read_text("utf-8") or 0)))


def test_git_is_killed_when_the_block_ends_early(tmp_path: Path) -> None:
    git = stand_in(tmp_path, f"echo $$ > {tmp_path}/pid; echo first; exec sleep 60")

    async def first() -> bytes:
        process = GitProcess({"PATH": PATH}, executable=git)
        async with process.start(GitCommand(arguments=("log",), seconds=60)) as running:
            return await running.read()

    assert asyncio.run(first()) == b"first\n"
    assert not alive(int((tmp_path / "pid").read_text("utf-8")))


def test_a_clone_that_exceeds_its_size_limit_is_stopped(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    git = stand_in(tmp_path, f"head -c 100000 /dev/zero > {clone}/pack; exec sleep 60")
    command = GitCommand(arguments=("fetch",), seconds=30, clone=clone, max_clone_bytes=50_000)
    began = time.monotonic()
    with pytest.raises(CloneTooLarge):
        run(git, command)
    assert time.monotonic() - began < 5


def test_a_clone_that_exceeded_its_size_limit_too_fast_to_be_stopped_is_an_error(
    tmp_path: Path,
) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    git = stand_in(tmp_path, f"head -c 100000 /dev/zero > {clone}/pack")
    with pytest.raises(CloneTooLarge):
        run(git, GitCommand(arguments=("fetch",), seconds=30, clone=clone, max_clone_bytes=50_000))


def test_a_repository_is_looked_for_in_its_directory_and_not_above(tmp_path: Path) -> None:
    run("git", GitCommand(arguments=("init", "-q", "--bare"), seconds=10, clone=tmp_path / ".git"))
    inside = tmp_path / "inside"
    inside.mkdir()
    ask = ("rev-parse", "--git-dir")
    assert run("git", GitCommand(arguments=ask, seconds=10, directory=tmp_path)) == b".git\n"
    with pytest.raises(GitError) as caught:
        run("git", GitCommand(arguments=ask, seconds=10, directory=inside))
    assert "not a git repository" in caught.value.stderr
