"""A site behind a proxy that signs users in and says who they are."""

import chat_profiles as cl


@cl.header_auth_callback
async def auth(headers) -> cl.User | None:  # type: ignore[no-untyped-def]
    name = headers.get("X-Forwarded-User")
    if not name or name == "stranger":
        return None
    if name == "broken":
        raise RuntimeError("the directory is away")
    role = "ADMIN" if "admins" in headers.get("X-Forwarded-Groups", "") else "USER"
    return cl.User(identifier=name, metadata={"role": role})


@cl.on_message
async def answer(message: cl.Message) -> None:
    user = cl.user_session.get("user")
    await cl.Message(f"{user.identifier} ({user.metadata['role']}): {message.content}").send()


@cl.on_logout
def goodbye(user: cl.User) -> None:
    cl.logger.warning("goodbye %s", user.identifier)
