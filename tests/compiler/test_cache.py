"""The cache of machine code on disk: what comes back, who may write it, how large it grows, what happens to damage."""

import functools
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
import pytest

import backlit as bl
from backlit import nn, optim
from backlit.compiler import cache, driver, executable, family

needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps who may write elsewhere than in a mode")
CODE = bytes(range(64))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKLIT_CACHE_DIR", str(tmp_path))
    return tmp_path / "machine-code"


@pytest.fixture
def entry(folder: Path) -> Path:
    """The file of the only entry, `CODE` under "key"."""
    cache.save("key", CODE)
    (path,) = folder.iterdir()
    return path


def what_they_say(*commands: tuple[str, ...]) -> list[str]:
    """Run scripts with their arguments, each in a process of its own, all at once."""
    processes = [
        subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True) for command in commands
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said


# -- what comes back -------------------------------------------------------------------------------------------------


def test_code_comes_back_under_its_key_only(folder: Path) -> None:
    assert cache.load("key") is None
    cache.save("key", CODE)
    cache.save("another", b"")
    assert cache.load("key") == CODE
    assert cache.load("another") == b""
    assert cache.load("a third") is None
    assert cache.load("") is None


def test_the_newest_code_of_a_key_counts(folder: Path) -> None:
    cache.save("key", CODE)
    cache.save("key", CODE[::-1])
    assert cache.load("key") == CODE[::-1]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (llvmlite, "__version__", "0.0"),
        (llvm, "llvm_version_info", (1, 2, 3)),
        (bl, "__version__", "0.0"),
        (cache, "_SOURCES", "an emitter that was edited"),
        (llvm, "get_host_cpu_name", lambda: "i486"),
        (llvm, "get_host_cpu_features", lambda: llvm.FeatureMap({"mmx": False})),
        (llvm, "get_process_triple", lambda: "wasm32-unknown-unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_code_of_other_versions_and_processors_is_not_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, value: Any
) -> None:
    cache.save("key", CODE)
    with monkeypatch.context() as changed:
        # What it remembers is set aside, not cleared, so that the other tests keep theirs.
        changed.setattr(cache, "_surroundings", functools.cache(cache._surroundings.__wrapped__))
        changed.setattr(cache, "host", cache.host.__wrapped__)
        changed.setattr(owner, name, value)
        assert cache.load("key") is None
    assert cache.load("key") == CODE


def test_an_edited_source_of_the_compiler_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(Path(cache.__file__).parent, tmp_path / "compiler")
    monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
    for name in ("cache.py", "cores.py", "driver.py", "kernels.py", "llvm.py", "plan/reading.py"):
        before = cache._hash_sources()
        with (copy / name).open("a") as file:
            file.write("#")
        assert cache._hash_sources() != before


# -- damage ----------------------------------------------------------------------------------------------------------


def damaged(whole: bytes) -> Iterator[bytes]:
    """The entry with each of its bytes changed, cut off at each length, and with something appended."""
    for place in range(len(whole)):
        yield whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        yield whole[:place]
    yield whole + b"\0"
    yield b"\0" * len(whole)


def check_that_damage_is_noticed(entry: Path) -> None:
    for content in damaged(entry.read_bytes()):
        entry.write_bytes(content)
        assert cache.load("key") is None
        assert not entry.exists(), "a damaged entry stays"
        cache.save("key", CODE)
        assert cache.load("key") == CODE


def test_damage_anywhere_is_noticed_and_the_entry_rebuilt(entry: Path) -> None:
    check_that_damage_is_noticed(entry)


def test_a_head_that_says_nothing_of_the_code_would_be_caught(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = cache._head(b"", b"")
    monkeypatch.setattr(cache, "_head", lambda digest, code: head)
    cache.save("key", CODE)
    with pytest.raises(AssertionError):
        check_that_damage_is_noticed(entry)


def test_an_entry_under_the_name_of_another_is_noticed(entry: Path, folder: Path) -> None:
    content = entry.read_bytes()
    cache.save("another", CODE[::-1])
    (other,) = set(folder.iterdir()) - {entry}
    other.write_bytes(content)
    assert cache.load("another") is None
    assert not other.exists()


def test_something_else_in_the_place_of_an_entry_only_costs_the_entry(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()
    assert cache.load("key") is None
    cache.save("key", CODE)
    assert cache.load("key") is None


# -- who may write ---------------------------------------------------------------------------------------------------


def given_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a path belong to another user, or else let this be another user."""
    user = os.geteuid()
    if user == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)


@needs_modes
def test_only_the_user_can_read_and_write_what_is_made(entry: Path, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


@needs_modes
@pytest.mark.parametrize("mode", [0o770, 0o720, 0o707, 0o702, 0o1777])
def test_nothing_is_loaded_from_a_folder_that_others_can_write(entry: Path, folder: Path, mode: int) -> None:
    folder.chmod(mode)
    assert cache.load("key") is None
    cache.save("another", CODE)
    assert list(folder.iterdir()) == [entry], "something was changed where others can write"
    folder.chmod(0o755)
    assert cache.load("key") == CODE


@needs_modes
@pytest.mark.parametrize("mode", [0o660, 0o620, 0o606, 0o602])
def test_no_file_is_loaded_that_others_can_write(entry: Path, mode: int) -> None:
    entry.chmod(mode)
    assert cache.load("key") is None
    assert not entry.exists()
    cache.save("key", CODE)
    assert cache.load("key") == CODE


@needs_modes
def test_nothing_is_loaded_from_the_folder_of_another_user(
    entry: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_away(folder, monkeypatch)
    assert cache.load("key") is None
    cache.save("another", CODE)
    assert list(folder.iterdir()) == [entry]


@needs_modes
def test_no_file_of_another_user_is_loaded(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_away(entry, monkeypatch)
    assert cache.load("key") is None


@needs_modes
def test_what_root_alone_can_write_is_loaded() -> None:
    mode = stat.S_IFREG | 0o644
    root, user, other = (os.stat_result((mode, 0, 0, 1, u, 0, 0, 0, 0, 0)) for u in (0, os.geteuid(), os.geteuid() + 1))
    assert cache._is_ours(root)
    assert cache._is_ours(user)
    assert not cache._is_ours(other)


@needs_modes
def test_a_link_in_the_place_of_an_entry_is_not_followed(entry: Path, tmp_path: Path) -> None:
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert cache.load("key") is None
    cache.save("key", CODE)
    assert not entry.is_symlink()
    assert cache.load("key") == CODE


@needs_modes
def test_a_pipe_in_the_place_of_an_entry_is_not_waited_for(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry, 0o600)
    assert cache.load("key") is None
    cache.save("key", CODE)
    assert cache.load("key") == CODE


@needs_modes
def test_the_folder_at_the_end_of_a_link_counts(
    entry: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.setenv("BACKLIT_CACHE_DIR", str(link))
    assert cache.load("key") == CODE
    folder.chmod(0o777)
    assert cache.load("key") is None


# -- where it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "variable", "value", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "{home}/mine", "mine/backlit"),
        ("linux", "XDG_CACHE_HOME", "relative", ".cache/backlit"),
        ("linux", "XDG_CACHE_HOME", "", ".cache/backlit"),
        ("darwin", "XDG_CACHE_HOME", "", "Library/Caches/backlit"),
        ("win32", "LOCALAPPDATA", "{home}/Local", "Local/backlit"),
        ("win32", "LOCALAPPDATA", "", "AppData/Local/backlit"),
        ("linux", "BACKLIT_CACHE_DIR", "~/own", "own"),
    ],
)
def test_it_lies_where_the_platform_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, value: str, expected: str
) -> None:
    for name in ("BACKLIT_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv(variable, value.format(home=tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert cache._folder() == tmp_path / expected / "machine-code"


def test_on_windows_only_the_profile_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("BACKLIT_CACHE_DIR", str(tmp_path / "home" / ".." / "shared"))
    assert cache._folder() is None
    monkeypatch.setenv("BACKLIT_CACHE_DIR", str(tmp_path / "home" / "mine"))
    assert cache._folder() is not None


def test_tests_keep_out_of_the_cache_of_the_user() -> None:
    chosen = os.environ["BACKLIT_CACHE_DIR"]
    assert chosen
    assert cache._folder() == Path(chosen) / "machine-code"


# -- where it cannot work, it costs the speed alone ------------------------------------------------------------------


def check_that_nothing_is_kept() -> None:
    cache.save("key", CODE)
    assert cache.load("key") is None


def test_an_empty_name_switches_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKLIT_CACHE_DIR", "")
    check_that_nothing_is_kept()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        monkeypatch.setenv("BACKLIT_CACHE_DIR", str(tmp_path / place))
        check_that_nothing_is_kept()


def test_a_user_without_a_home_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("BACKLIT_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    check_that_nothing_is_kept()


@needs_modes
@pytest.mark.parametrize("room", [0, 1, 50])
def test_a_full_disk_costs_nothing_and_leaves_nothing(folder: Path, room: int) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        check_that_nothing_is_kept()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []
    cache.save("key", CODE)
    assert cache.load("key") == CODE


@pytest.mark.parametrize("function", ["mkdir", "stat", "replace", "unlink"])
def test_an_error_of_the_file_system_costs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(Path, function, refuse)
        cache.save("key", CODE)
        assert cache.load("key") in (None, CODE)
    cache.save("key", CODE)
    assert cache.load("key") == CODE


# -- how large it grows ----------------------------------------------------------------------------------------------


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_was_not_used_for_longest_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 14_000)
    known: dict[Path, int] = {}
    for number in range(10):
        cache.save(str(number), bytes(1000 - 40))
        (made,) = set(folder.iterdir()) - set(known)
        known[made] = number
        os.utime(made, (1_000_000 + number, 1_000_000 + number))
    assert len(known) == 10
    own = folder / "notes.txt"
    own.write_bytes(bytes(5000))
    assert cache.load("0") is not None
    cache.save("new", bytes(1000 - 40))
    gone = [number for number in map(str, range(10)) if cache.load(number) is None]
    assert gone == ["1"]
    assert cache.load("new") is not None
    assert own.exists(), "a file of somebody else was removed"


def test_the_size_stays_within_its_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 20_000)
    for number in range(100):
        cache.save(str(number), bytes(number * 20))
        assert size(folder) <= 20_000
    assert size(folder) > 10_000
    cache.save("larger than all", bytes(20_001))
    assert cache.load("larger than all") is None
    assert cache.load("99") is not None


def test_few_savings_look_at_the_whole_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(cache, "_sweep", looks.append)
    monkeypatch.setattr(cache, "LIMIT", 32 * 8 * 100)
    for number in range(400):
        cache.save(str(number), bytes(100))
    # One in eight: 50 of 400, and a spread of 6.6.
    assert 10 < len(looks) < 120


# -- several processes -----------------------------------------------------------------------------------------------

_WRITER = """
import sys
from backlit.compiler import cache
cache.LIMIT = 30_000
found = 0
for turn in range(300):
    # 0, 1, 4, 9, 6, 5, 6, 9, 4, 1: four of them have room, so that some are found and some have gone.
    key = str(turn**2 % 10)
    code = cache.load(key)
    if code is not None and code != key.encode() * 5000:
        sys.exit(1)
    found += code is not None
    cache.save(key, key.encode() * 5000)
print(found)
"""


def test_processes_write_at_once_and_read_only_what_is_whole(folder: Path) -> None:
    assert all(int(found) > 0 for found in what_they_say((_WRITER,), (_WRITER,)))
    assert size(folder) <= 40_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_parent_and_child_of_a_fork_share_it(folder: Path) -> None:
    script = """
import os, sys
from backlit.compiler import cache
cache.save("before", b"1")
child = os.fork()
if not child:
    seen = cache.load("before")
    cache.save("child", b"2")
    os._exit(seen != b"1")
_, status = os.waitpid(child, 0)
cache.save("after", b"3")
print(status, cache.load("child"), cache.load("after"))
"""
    assert what_they_say((script,)) == ["0 b'2' b'3'"]


# -- in use ----------------------------------------------------------------------------------------------------------


def training_step() -> tuple[Callable[..., Any], tuple[Any, ...], nn.Module]:
    bl.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = optim.SGD(network.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (bl.randn(5, 3), bl.tensor([0, 1, 1, 0, 1])), network


def run_once() -> tuple[float, list[Any], Any]:
    """Compile and run the step as a process does that never saw it."""
    from backlit.compiler.compiled import compile

    executable._cached_code.cache_clear()
    family.forget()
    step, arguments, network = training_step()
    compiled = compile(step)
    loss = compiled(*arguments).item()
    return (
        loss,
        [p.detach().numpy().copy() for p in network.parameters()],
        compiled.specialised(*arguments).executable.code,
    )


def refuse_to_emit(*_: Any, **__: Any) -> Any:
    raise AssertionError("code was emitted though it is on disk")


def test_code_from_the_disk_is_not_emitted_again_and_does_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, parameters, _ = run_once()
    (path,) = folder.iterdir()
    with monkeypatch.context() as forbidden:
        forbidden.setattr(driver, "emit", refuse_to_emit)
        again, same, code = run_once()
        assert again == loss
        for one, other in zip(parameters, same, strict=True):
            np.testing.assert_array_equal(one, other)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(AssertionError, match="emitted"):
            run_once()
    assert "define" in str(code.modules()[0]), "LLVM's text is there on demand"
    assert run_once()[0] == loss
    assert path.exists()


def test_another_process_finds_the_code(folder: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import test_cache
test_cache.cache._SOURCES = "the same, whoever edits a file while the tests run"
if sys.argv[2] == "second":
    test_cache.driver.emit = test_cache.refuse_to_emit
print(test_cache.run_once()[0])
"""
    here = str(Path(__file__).parent)
    assert what_they_say((script, here, "first")) == what_they_say((script, here, "second"))
    assert len(list(folder.iterdir())) == 1
