"""An answer by a chain of LangChain, which looks into a few notes first.

What it teaches: `LangchainCallbackHandler` shows what a chain does as steps: what it looked for and
found, and what the model was asked and wrote. You give it to any call of LangChain or LangGraph.
The model here only pretends, so you need no key. Put your own in its place.

Install what it needs with `python -m pip install "chat-profiles[langchain]"`, and start it with:

    chat-profiles run examples/langchain_steps.py
"""

from operator import itemgetter

import chat_profiles as cl
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough

NOTES = [
    Document("The library opens at nine.", metadata={"page": 1}),
    Document("The library lends each book for four weeks.", metadata={"page": 2}),
    Document("The café beside it has cake on Sundays.", metadata={"page": 3}),
]


class NoteFinder(BaseRetriever):
    """Finds the notes that share the most words with a question."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        asked = set(query.lower().split())
        found = sorted(
            NOTES,
            key=lambda note: len(asked.intersection(note.page_content.lower().split())),
            reverse=True,
        )
        return found[:2]


model = FakeListChatModel(
    responses=["I only **pretend** to be a model. The steps above show what I was asked."]
)
prompt = ChatPromptTemplate.from_messages(
    [("system", "Answer from these notes alone: {notes}"), ("human", "{question}")]
)
chain = (
    RunnablePassthrough.assign(notes=itemgetter("question") | NoteFinder())
    | prompt
    | model
    | StrOutputParser()
)


@cl.on_chat_start
async def start() -> None:
    await cl.Message(content="Ask me about the library.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    handler = cl.LangchainCallbackHandler()
    reply = cl.Message()
    async for token in chain.astream(
        {"question": message.content}, config={"callbacks": [handler]}
    ):
        reply.stream_token(token)
    await reply.send()
