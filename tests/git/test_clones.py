"""The cache of clones: names, locks, sizes and removal."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from pkgharvest.git.clones import CloneCache, directory_size
from pkgharvest.model.errors import TimedOut, Unavailable
from pkgharvest.model.locators import Locator, parse_locator

ONE = parse_locator("https://example.org/owner/one")
TWO = parse_locator("https://example.org/owner/two")


def filled(clones: CloneCache, locator: Locator, size: int) -> Path:
    path = clones.path_of(locator)
    (path / "objects" / "pack").mkdir(parents=True)
    (path / "objects" / "pack" / "a.pack").write_bytes(b"x" * size)
    return path


def hold(clones: CloneCache, locator: Locator) -> Path:
    async def held() -> Path:
        async with clones.hold(locator, 1) as path:
            return path

    return asyncio.run(held())


def test_spellings_of_one_repository_share_a_clone(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    path = clones.path_of(parse_locator("https://github.com/Owner/Name"))
    assert path == clones.path_of(parse_locator("git@github.com:owner/name.git"))
    assert path.name.startswith("github.com-owner-name-")
    assert path.suffix == ".git"


@pytest.mark.parametrize(
    "path", ["-/--upload-pack=x", "a/" + "b" * 500, "%F0%9F%98%80/x", "...", "a/b.lock"]
)
def test_clone_names_are_valid_on_any_file_system(path: str, tmp_path: Path) -> None:
    name = CloneCache(tmp_path).path_of(Locator(scheme="https", host="e.org", path=path)).name
    assert len(name) < 100
    assert name[0].isalnum()
    assert name.isascii()
    assert "/" not in name


def test_similar_names_are_different_clones(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    paths = ["a-b/c", "a/b-c", "A-b/c", "a-b/c_"]
    locators = [Locator(scheme="https", host="e.org", path=path) for path in paths]
    assert len({clones.path_of(locator) for locator in locators}) == len(paths)


def test_the_clone_directory_is_created_when_needed_and_private(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path / "cache" / "clones")
    assert clones.size() == clones.remove(ONE) == clones.keep_only([]) == 0
    assert not clones.directory.exists()
    hold(clones, ONE)
    assert clones.directory.stat().st_mode & 0o777 == 0o700


def test_clones_have_a_size_and_can_be_removed(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    one, two = filled(clones, ONE, 100), filled(clones, TWO, 20)
    assert clones.size() == 120
    assert clones.remove(ONE) == 100
    assert not one.exists()
    assert two.exists()
    assert clones.size() == directory_size(two) == 20


def test_orphaned_clones_are_removed_and_foreign_files_kept(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    one, two = filled(clones, ONE, 100), filled(clones, TWO, 20)
    theirs = tmp_path / "somebody.git"
    theirs.mkdir()
    (tmp_path / "notes.lock").touch()
    left = one / "objects" / "pack" / "tmp_pack_x"
    left.write_bytes(b"x" * 7)
    assert clones.keep_only([ONE]) == 27
    assert one.exists()
    assert not left.exists()
    assert not two.exists()
    assert theirs.exists()
    assert (tmp_path / "notes.lock").exists()


def test_lock_files_of_removed_clones_are_removed(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    hold(clones, ONE)
    clones.keep_only([])
    assert list(tmp_path.iterdir()) == []


def test_a_clone_has_one_holder_and_is_not_removed_while_held(tmp_path: Path) -> None:
    clones, others = CloneCache(tmp_path), CloneCache(tmp_path)
    path = filled(clones, ONE, 100)

    async def contend() -> None:
        async with clones.hold(ONE, 1):
            assert others.remove(ONE) == others.keep_only([]) == 0
            with pytest.raises(TimedOut, match="in use"):
                async with others.hold(ONE, 0.15):
                    pytest.fail("held twice")
            async with others.hold(TWO, 0.15):
                pass
        async with others.hold(ONE, 0.15):
            pass

    asyncio.run(contend())
    assert path.exists()


def test_waiting_holders_of_a_clone_take_turns(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    order: list[int] = []

    async def one(number: int) -> None:
        async with clones.hold(ONE, 5):
            order.append(number)
            await asyncio.sleep(0.01)
            order.append(number)

    async def three() -> None:
        await asyncio.gather(*(one(number) for number in range(3)))

    asyncio.run(three())
    assert order[::2] == order[1::2]


def test_a_failing_holder_releases_the_clone(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)

    async def fail() -> None:
        async with clones.hold(ONE, 1):
            raise KeyError

    with contextlib.suppress(KeyError):
        asyncio.run(fail())
    hold(clones, ONE)


def test_leftovers_of_a_killed_git_are_removed_from_the_clone(tmp_path: Path) -> None:
    clones = CloneCache(tmp_path)
    path = filled(clones, ONE, 1)
    (path / "refs" / "heads").mkdir(parents=True)
    (path / "objects" / "tmp_objdir-incoming-x").mkdir()
    left = ["shallow.lock", "config.lock", "refs/heads/default.lock", "objects/pack/a.keep"]
    left += [
        "objects/pack/tmp_pack_1",
        "objects/pack/.tmp-1-pack-x",
        "objects/tmp_objdir-incoming-x/y",
    ]
    for name in left:
        (path / name).touch()
    hold(clones, ONE)
    assert [p.name for p in path.rglob("*") if p.is_file()] == ["a.pack"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_clone_directory_that_cannot_be_created_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"cannot use the cache directory"):
        hold(CloneCache(tmp_path / "file" / "clones"), ONE)
