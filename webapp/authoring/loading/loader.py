"""Loading an app file: run it once, and collect what it registered."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from webapp.authoring.errors import AppFileError
from webapp.authoring.loading.app_file import ChatApp, loading, refuse_while_loading
from webapp.authoring.loading.load_errors import load_error


def load_chat_app(chat: str | Path | ChatApp) -> ChatApp:
    """Return the app that ``chat`` names.

    Parameters
    ----------
    chat:
        The path of an app file, the name of a module, or an app that is loaded already.

    Raises
    ------
    AppFileError
        When there is no such file, or running it fails; the message gives file, line and reason.
    """
    refuse_while_loading()
    if isinstance(chat, ChatApp):
        return chat
    path, module_name = locate_app_file(chat)
    source = _source(path)
    app = ChatApp(name=path.stem, path=path)
    module = _module(module_name, path)
    with loading(app), _as_a_script_would(path.parent):
        _execute(source, path, module)
    return app


def locate_app_file(chat: str | Path) -> tuple[Path, str]:
    """Return the file that ``chat`` names, and what its module is called; it is not run.

    Raises
    ------
    AppFileError
        When there is no such file or module, or it is no Python file.
    """
    path, given = Path(chat), str(chat) or "''"
    if path.is_dir() and str(chat):
        raise AppFileError(given, f"is a folder; {_what_to_give(path)}")
    if path.exists():
        if path.suffix != ".py":
            raise AppFileError(given, "is no Python file; give the path of your app file.")
        return path.resolve(), path.stem
    if path.suffix == ".py" or len(path.parts) > 1 or (path.suffix and _meant(path)):
        raise AppFileError(given, f"there is no such file; {_what_to_give(path)}")
    return _module_file(given), given


def _what_to_give(path: Path) -> str:
    file = _meant(path)
    return f"did you mean {file}?" if file else "give the path of your app file."


def _meant(path: Path) -> Path | None:
    # app.py, for app and for app.txt; a path such as .. has no name that could be completed.
    meant = [Path(f"{path}.py"), path.with_suffix(".py")] if path.name else []
    return next((file for file in meant if file.is_file()), None)


def _module_file(name: str) -> Path:
    try:
        spec = importlib.util.find_spec(name)
    except Exception as error:
        # For a name with dots, Python runs the package, which is the author's as well.
        raise AppFileError(name, f"cannot be imported: {error}") from error
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise AppFileError(
            name,
            f"is neither a file nor a module that Python can find; {_what_to_give(Path(name))}",
        )
    return Path(spec.origin).resolve()


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AppFileError(str(path), f"cannot be read: {error.strerror}.") from error


def _module(name: str, path: Path) -> ModuleType:
    # The module is not looked up in sys.modules: a second load must run the file again, so that
    # its decorators register with the app of that load.
    taken = sys.modules.get(name)
    if taken is not None and taken.__spec__ is not None:
        # What was imported stays: in the place of a library, a file called like one (webapp.py,
        # random.py) would break everybody who uses it.
        name = f"{name}__app_file"
    module = ModuleType(name)
    module.__file__ = str(path)
    module.__package__ = name.rpartition(".")[0]
    sys.modules[name] = module
    return module


@contextmanager
def _as_a_script_would(folder: Path) -> Iterator[None]:
    """Let the file import its neighbours, and leave no compiled files behind.

    The folder stays on the path afterwards: callbacks may import when they are called.
    """
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _execute(source: bytes, path: Path, module: ModuleType) -> None:
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the author's file
    except (Exception, SystemExit) as error:
        # Whatever the author's file raises is theirs to read: the last line of their own files,
        # not the framework's frames.
        raise load_error(error, path) from error
