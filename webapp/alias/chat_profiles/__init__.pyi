from webapp import *
from webapp import AsyncLangchainCallbackHandler as AsyncLangchainCallbackHandler
from webapp import LangchainCallbackHandler as LangchainCallbackHandler
from webapp import LlamaIndexCallbackHandler as LlamaIndexCallbackHandler
from webapp import __all__ as __all__
from webapp import instrument_openai as instrument_openai
