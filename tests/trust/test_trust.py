"""Trusted code: whose word counts, what it covers, and that nothing else is executed."""

import importlib
import json
import os
import pathlib
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from attribution.errors import UserError
from attribution.trust import forget, look, say_yes, store, trust
from attribution.trust.imports import local_files
from attribution.trust.loading import running


@pytest.fixture
def folder(tmp_path):
    """The user's code: a file with neighbours of every kind."""
    code = tmp_path / "code"
    for path, text in {
        "net.py": "import beside_one\nfrom parcel.deep import layer\nimport importlib\n"
        "def build(): return beside_one.VALUE\n"
        "def later():\n    import beside_late\n    return beside_late.VALUE\n"
        "def made_up(name): return importlib.import_module(name).VALUE\n",
        "beside_one.py": "VALUE = 1\n",
        "beside_late.py": "VALUE = 2\n",
        "unused.py": "VALUE = 3\n",
        "parcel/__init__.py": "from . import sibling\n",
        "parcel/sibling.py": "import beside_two\n",
        "parcel/deep/__init__.py": "from .layer import VALUE\n",
        "parcel/deep/layer.py": "from .. import sibling\nfrom ..other import VALUE\n",
        "parcel/other.py": "VALUE = 4\n",
        "parcel/never.py": "VALUE = 5\n",
        "beside_two.py": "VALUE = 6\n",
    }.items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_text(text)
    yield code.resolve()
    for name in [
        name
        for name in sys.modules
        if name.split(".")[0] in ("beside_one", "beside_late", "beside_two", "parcel", "unused")
    ]:
        del sys.modules[name]


def names(files, folder):
    return {os.path.relpath(name, folder) for name in files}


SEEN = {
    "net.py",
    "beside_one.py",
    "beside_late.py",
    "beside_two.py",
    "parcel/__init__.py",
    "parcel/sibling.py",
    "parcel/other.py",
}
SEEN |= {"parcel/deep/__init__.py", "parcel/deep/layer.py"}


MODULES = ("__init__", "sibling", "other", "never")


def test_every_local_import_is_found_by_reading(folder):
    assert names(local_files(folder / "net.py"), folder) == SEEN


def test_an_import_of_everything_counts_every_module_of_the_package(folder):
    (folder / "parcel" / "__init__.py").write_text("__all__ = ['nev' + 'er']\n")
    (folder / "net.py").write_text("from parcel import *\ndef build(): return never.VALUE\n")
    assert names(trust(folder / "net.py").files, folder) == {
        "net.py",
        "beside_two.py",
        *(f"parcel/{one}.py" for one in MODULES),
    }
    with running(folder / "net.py") as module:
        assert module.build() == 5


def test_what_is_installed_is_not_local_even_below_the_code(folder, monkeypatch):
    packages = folder / "env" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "installed_one.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(str(packages))
    (folder / "net.py").write_text("import installed_one, json, numpy\n")
    trust(folder / "net.py")
    assert names(look(folder / "net.py").files, folder) == {"net.py"}
    with running(folder / "net.py") as module:
        assert module.installed_one.VALUE == 7


def test_trusted_code_runs_with_its_neighbours(folder):
    trust(folder / "net.py")
    path = list(sys.path)
    with running(folder / "net.py") as module:
        assert (module.build(), module.later()) == (1, 2)
    assert sys.path == path


@pytest.mark.parametrize("changed", sorted(SEEN))
def test_a_change_anywhere_is_refused_by_name_before_anything_runs(folder, changed, tmp_path):
    before = trust(folder / "net.py").files[str(folder / changed)]
    with open(folder / changed, "a") as stream:
        stream.write(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    now = look(folder / "net.py")
    assert now.changes == [(str(folder / changed), before, now.files[str(folder / changed)])]
    with (
        pytest.raises(UserError, match=rf"{changed} changed: SHA-256 \w{{64}}, was {before}"),
        running(folder / "net.py"),
    ):
        pass
    assert not (tmp_path / "ran").exists()
    trust(folder / "net.py")
    with running(folder / "net.py"):
        assert (tmp_path / "ran").exists() or changed == "beside_late.py"


def test_files_that_nobody_imports_may_change(folder):
    trust(folder / "net.py")
    (folder / "unused.py").write_text("VALUE = 8\n")
    with running(folder / "net.py") as module:
        assert module.build() == 1


def test_a_file_laid_in_the_way_of_an_installed_module_is_refused(folder, tmp_path):
    """It is imported by something else while the code runs, so reading the code does not find it."""
    (folder / "net.py").write_text("import fractions_like_taken\n")
    trust(folder / "net.py")
    (folder / "fractions_like_taken.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with (
        pytest.raises(UserError, match=r"fractions_like_taken.py was not there or not imported"),
        running(folder / "net.py"),
    ):
        pass
    assert not (tmp_path / "ran").exists()


def test_an_import_made_up_while_running_is_refused_and_named_in_the_next_question(folder):
    trust(folder / "net.py")
    with running(folder / "net.py") as module:
        with pytest.raises(UserError, match=r"asks for .*unused.py \(SHA-256 \w{64}\), which was not among"):
            module.made_up("unused")
        with pytest.raises(UserError, match=r"never.py"):
            module.made_up("parcel.never")
    asked = look(folder / "net.py")
    assert {"unused.py", "parcel/never.py"} <= names([name for name, _, _ in asked.changes], folder)
    assert not asked.trusted
    say_yes(asked)
    with running(folder / "net.py") as module:
        assert (module.made_up("unused"), module.made_up("parcel.never")) == (3, 5)


def test_a_folder_that_the_code_adds_to_the_search_path_counts_as_local(folder, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "beside_shared.py").write_text("VALUE = 9\n")
    (folder / "net.py").write_text(f"import sys\nsys.path.append({str(tmp_path / 'shared')!r})\nimport beside_shared\n")
    alone = store.Entry(local_files(folder / "net.py"))
    try:
        for _ in range(2):  # the second time the folder is on the path before
            store.keep(folder / "net.py", alone)
            with pytest.raises(UserError, match=r"shared/beside_shared.py.* not among"), running(folder / "net.py"):
                pass
        trust(folder / "net.py")
        with running(folder / "net.py") as module:
            assert module.beside_shared.VALUE == 9
        (tmp_path / "shared" / "beside_shared.py").write_text("VALUE = 10\n")
        with pytest.raises(UserError, match=r"beside_shared.py changed"), running(folder / "net.py"):
            pass
    finally:
        sys.path[:] = [path for path in sys.path if path != str(tmp_path / "shared")]
        sys.modules.pop("beside_shared", None)


def test_bytecode_beside_the_source_is_never_run(folder, tmp_path):
    """A planted cache with the source's time and size would run in its place."""
    import py_compile

    trust(folder / "net.py")
    source = folder / "beside_one.py"
    about, text = source.stat(), source.read_text()
    source.write_text("VALUE = 9\n")
    os.utime(source, ns=(about.st_atime_ns, about.st_mtime_ns))
    py_compile.compile(str(source))
    source.write_text(text)
    os.utime(source, ns=(about.st_atime_ns, about.st_mtime_ns))
    with running(folder / "net.py") as module:
        assert module.build() == 1


PAST = {
    "a loader of its own": "import importlib.util as u\ns = u.spec_from_file_location('x', FILE)\nm = "
    "u.module_from_spec(s)\ns.loader.exec_module(m)\n",
    "runpy": "import runpy\nrunpy.run_path(FILE)\n",
    "exec": "exec(compile(open(FILE).read(), FILE, 'exec'), {})\n",
}


@pytest.mark.parametrize("way", PAST)
def test_what_the_code_runs_past_the_imports_is_compared_too(folder, way, tmp_path):
    beside = folder / "unused.py"
    beside.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')\n")
    (folder / "net.py").write_text(f"FILE = {str(beside)!r}\n{PAST[way]}")
    trust(folder / "net.py")
    with pytest.raises(UserError, match=r"unused.py.*not among"), running(folder / "net.py"):
        pass
    assert not (tmp_path / "ran").exists()
    trust(folder / "net.py")  # the question names it now
    with running(folder / "net.py"):
        assert (tmp_path / "ran").read_text() == "x"
    beside.write_text(beside.read_text() + "\n")
    with pytest.raises(UserError, match=r"unused.py changed"), running(folder / "net.py"):
        pass
    assert (tmp_path / "ran").read_text() == "x"


def test_a_planted_cache_does_not_run_past_the_imports_either(folder, tmp_path):
    import py_compile

    beside = folder / "unused.py"
    (folder / "net.py").write_text(f"FILE = {str(beside)!r}\n{PAST['a loader of its own']}")
    store.keep(folder / "net.py", store.Entry(local_files(folder / "net.py", [str(beside)])))
    text, about = beside.read_text(), beside.stat()
    harm = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    beside.write_text(harm)
    cache = py_compile.compile(str(beside), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert os.path.exists(cache)
    beside.write_text(text)
    os.utime(beside, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(UserError, match="something else than its text"), running(folder / "net.py"):
        pass
    assert not (tmp_path / "ran").exists()


def test_an_extension_module_runs_from_the_bytes_that_were_compared(folder):
    import shutil

    import markupsafe

    built = next(pathlib.Path(markupsafe.__file__).parent.glob("_speedups*.so"), None)
    if built is None:
        pytest.skip("no small extension module in this environment")
    shutil.copy(built, folder / "parcel" / built.name)
    (folder / "net.py").write_text("from parcel import _speedups\n")
    (folder / "parcel" / "__init__.py").write_text("")
    trust(folder / "net.py")
    assert names(look(folder / "net.py").files, folder) == {"net.py", "parcel/__init__.py", f"parcel/{built.name}"}
    with running(folder / "net.py") as module:
        assert module._speedups.__file__ != str(folder / "parcel" / built.name)
    with open(folder / "parcel" / built.name, "ab") as stream:
        stream.write(b"x")
    with pytest.raises(UserError, match=r"_speedups.*changed"), running(folder / "net.py"):
        pass


def test_what_is_too_large_for_code_is_not_read(folder):
    with open(folder / "net.py", "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UserError, match="1,099,511,627,776 bytes"):
        look(folder / "net.py")


def test_a_change_between_the_look_and_the_reading_is_refused(folder, monkeypatch):
    """The bytes that are executed are those that were compared."""
    trust(folder / "net.py")
    seen = look(folder / "net.py")
    (folder / "parcel" / "other.py").write_text("VALUE = 'other'\n")
    monkeypatch.setattr("attribution.trust.loading.look", lambda code: seen)
    with pytest.raises(UserError, match=r"other.py changed while it was read"), running(folder / "net.py"):
        pass


def test_what_is_kept_is_what_was_shown(folder):
    seen = look(folder / "net.py")
    (folder / "beside_one.py").write_text("VALUE = 'later'\n")
    say_yes(seen)
    assert [name for name, _, _ in look(folder / "net.py").changes] == [str(folder / "beside_one.py")]


def test_two_files_with_neighbours_of_one_name_get_each_its_own(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "net.py").write_text("import beside_one\ndef build(): return beside_one.VALUE\n")
    (other / "beside_one.py").write_text("VALUE = 'theirs'\n")
    trust(folder / "net.py")
    trust(other / "net.py")
    found = []
    for code in (folder, other, folder):
        with running(code / "net.py") as module:
            found.append(module.build())
    assert found == [1, "theirs", 1]


def test_other_threads_do_not_see_the_neighbours(folder):
    trust(folder / "net.py")
    found = []

    def elsewhere():
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("unused")
        found.append(True)

    with running(folder / "net.py"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found == [True]


def test_trust_is_taken_back(folder):
    trust(folder / "net.py")
    assert forget(folder / "net.py")
    assert not forget(folder / "net.py")
    with pytest.raises(UserError, match="is not trusted"), running(folder / "net.py"):
        pass


def test_links_are_followed_before_they_are_looked_up(folder, tmp_path):
    trust(folder / "net.py")
    (tmp_path / "link.py").symlink_to(folder / "net.py")
    assert look(tmp_path / "link.py").trusted


def test_the_file_is_the_user_s_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABLAME_TRUST", str(tmp_path / "settings" / "trusted.json"))
    trust(folder / "net.py")
    path = store.place()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o666)
    with pytest.raises(UserError, match="may be written by others"):
        look(folder / "net.py")


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABLAME_TRUST")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert store.place() == tmp_path / "datablame" / "trusted.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert store.place() == tmp_path / "me" / ".config" / "datablame" / "trusted.json"
    monkeypatch.setenv("DATABLAME_TRUST", "here.json")
    with pytest.raises(UserError, match="not a full path"):
        store.place()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 99, "trusted": {}}', '{"format": 1, "trusted": {"/a.py": 3}}']
)
def test_a_damaged_file_is_said_and_trusts_nothing(folder, text):
    trust(folder / "net.py")
    store.place().write_text(text)
    with pytest.raises(UserError, match="cannot be read"), running(folder / "net.py"):
        pass


def test_writers_at_once_lose_nothing(tmp_path):
    codes = [tmp_path / f"net{number}.py" for number in range(24)]
    for code in codes:
        code.write_text("VALUE = 1\n")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trust, codes))
    assert len(json.loads(store.place().read_text())["trusted"]) == 24
    assert all(look(code).trusted for code in codes)
