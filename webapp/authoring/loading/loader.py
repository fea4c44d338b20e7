"""Loading an app file: running it once, and collecting its callbacks."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from webapp.authoring.checking.app_check import refuse_problems
from webapp.authoring.errors import AppFileError
from webapp.authoring.life.tool_servers import join_to_start
from webapp.authoring.loading.app_file import ChatApp, loading, refuse_while_loading
from webapp.authoring.loading.config_file import read_config_file
from webapp.authoring.loading.load_errors import load_error


def load_chat_app(chat: str | Path | ChatApp) -> ChatApp:
    """Run the app file that ``chat`` names, and return the app with its callbacks.

    Parameters
    ----------
    chat:
        The path of an app file, the name of a module, or a loaded app.

    Raises
    ------
    AppFileError
        There is no such file, or running it fails. The message gives file, line and reason.
    """
    refuse_while_loading()
    if isinstance(chat, ChatApp):
        return chat
    path, module_name = locate_app_file(chat)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise AppFileError(str(path), f"cannot be read: {error.strerror}.") from error

    refuse_problems(path, source)
    app = ChatApp(name=path.stem, path=path)
    # Never an earlier module from sys.modules: a second load must run the file again, so that its
    # decorators register with the app of that load.
    imported = sys.modules.get(module_name)
    if imported is not None and imported.__spec__ is not None:
        # An imported module stays: an app file called like a library (webapp.py, random.py) would
        # break all code that uses the library.
        module_name = f"{module_name}__app_file"
    module = ModuleType(module_name)
    module.__file__ = str(path)
    module.__package__ = module_name.rpartition(".")[0]
    sys.modules[module_name] = module
    with loading(app), _script_conditions(path.parent):
        try:
            exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the author's
        except (Exception, SystemExit) as error:
            # The author wants the last line of their own files, not the frames of the framework.
            raise load_error(error, path) from error
    app.use_config(read_config_file(path.parent))
    join_to_start(app)
    return app


def locate_app_file(chat: str | Path) -> tuple[Path, str]:
    """Return the file that ``chat`` names and the name of its module, without running it.

    Raises
    ------
    AppFileError
        There is no such file or module, or it is not a Python file.
    """
    path, given = Path(chat), str(chat) or "''"
    if path.is_dir() and str(chat):
        raise AppFileError(given, f"is a folder; {_suggest_file(path)}")
    if path.exists():
        if path.suffix != ".py":
            raise AppFileError(given, "is not a Python file; give the path of your app file.")
        return path.resolve(), path.stem
    if path.suffix == ".py" or len(path.parts) > 1 or (path.suffix and _find_python_file(path)):
        raise AppFileError(given, f"there is no such file; {_suggest_file(path)}")
    if "." in given:
        _put_current_folder_on_path()
    try:
        spec = importlib.util.find_spec(given)
    except Exception as error:
        # For a name with dots, Python runs the package, which is the author's code as well.
        raise AppFileError(given, f"cannot be imported: {error}") from error
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise AppFileError(
            given,
            f"is neither a file nor a module that Python can find; {_suggest_file(path)}",
        )
    return Path(spec.origin).resolve(), given


def _suggest_file(path: Path) -> str:
    file = _find_python_file(path)
    return f"did you mean {file}?" if file else "give the path of your app file."


def _find_python_file(path: Path) -> Path | None:
    # app.py for app and for app.txt. A path such as `..` has no name that could be completed.
    candidates = [Path(f"{path}.py"), path.with_suffix(".py")] if path.name else []
    return next((file for file in candidates if file.is_file()), None)


def _put_current_folder_on_path() -> None:
    # Python does it for `python -m`, and gunicorn does it, but an installed command has its own
    # folder there.
    with suppress(FileNotFoundError):  # the current folder was removed
        folder = str(Path.cwd())
        if folder not in sys.path:
            sys.path.insert(0, folder)


@contextmanager
def _script_conditions(folder: Path) -> Iterator[None]:
    """Let the app file import its neighbours and what lies in the current folder, as a script and
    `python -m` can, but write no compiled files.

    Both folders stay on the path afterwards, since callbacks may import when they are called.
    """
    _put_current_folder_on_path()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
