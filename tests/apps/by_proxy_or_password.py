"""A site whose users a proxy may vouch for, and where others have a password."""

import chat_profiles as cl


@cl.header_auth_callback
def by_headers(headers) -> cl.User | None:  # type: ignore[no-untyped-def]
    name = headers.get("X-Forwarded-User")
    return cl.User(identifier=name) if name else None


@cl.password_auth_callback
def by_password(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None
