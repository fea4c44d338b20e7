"""The other name of `webapp`: ``import chat_profiles as cl`` gives you the same module.

It finds the framework beside itself. A folder or file called ``webapp`` that lies in the current
folder, which many servers search first, is not taken for it.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_beside = Path(__file__).resolve().parents[1] / "webapp"
# In a checkout, this file lies within the framework.
_folder = _beside if _beside.is_dir() else _beside.parents[1]
if "webapp" not in sys.modules:
    _spec = spec_from_file_location(
        "webapp", _folder / "__init__.py", submodule_search_locations=[str(_folder)]
    )
    sys.modules["webapp"] = module_from_spec(_spec)
    try:
        _spec.loader.exec_module(sys.modules["webapp"])
    except BaseException:
        del sys.modules["webapp"]
        raise
elif Path(sys.modules["webapp"].__file__ or "").resolve().parent != _folder:
    raise ImportError(
        f"{sys.modules['webapp'].__file__} is called webapp, which is the name of this "
        "framework. Give it another name."
    )
