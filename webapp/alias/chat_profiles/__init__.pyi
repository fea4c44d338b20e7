from webapp import *
from webapp import __all__ as __all__
