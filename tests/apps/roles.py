"""Login and roles: Alice is an admin, Bob a user, Charlie is offered nothing."""

import webapp as cl

ROLES = {"alice": "ADMIN", "bob": "USER", "charlie": "STRANGER"}
PROFILES = [
    cl.ChatProfile(name="public", markdown_description="For **everybody**."),
    cl.ChatProfile(name="team", markdown_description="For the team.", default=True),
    cl.ChatProfile(name="admin-only", markdown_description="For admins.", display_name="Admins"),
]


@cl.set_chat_profiles
def chat_profiles(current_user: cl.User) -> list[cl.ChatProfile] | None:
    match current_user.metadata["role"]:
        case "ADMIN":
            return PROFILES
        case "USER":
            return PROFILES[:2]
    return None


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User | None:
    if username in ROLES and password == username * 2:
        return cl.User(identifier=username, metadata={"role": ROLES[username]})
    return None


@cl.on_chat_start
async def start() -> None:
    user = cl.user_session.get("user")
    profile = cl.user_session.get("chat_profile")
    await cl.Message(content=f"Hello {user.identifier}, this is {profile}.").send()
