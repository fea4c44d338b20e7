"""Arabic and Hebrew: text from right to left, beside text from left to right."""

import webapp as cl


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(
            name="مساعد الكتابة",
            markdown_description="يساعد في كتابة **الرسائل** والنصوص القصيرة باللغة العربية.",
        ),
        cl.ChatProfile(
            name="עוזר", markdown_description="עונה על שאלות על `Python` ועל מסדי נתונים."
        ),
        cl.ChatProfile(name="English", markdown_description="From left to right."),
    ]


@cl.on_chat_start
def start() -> None:
    cl.Message("مرحبا! كيف يمكنني مساعدتك اليوم في **Flask** و HTMX؟").send()
