"""The widgets that a chat's settings are made of. An app file imports them from here.

Example
-------
::

    from chat_profiles.input_widget import Select, Slider

    @cl.on_chat_start
    async def start():
        await cl.ChatSettings([Slider(id="Temperature", label="Temperature", max=2)]).send()
"""

from webapp.authoring.inputs.choices import MultiSelect, RadioGroup, Select
from webapp.authoring.inputs.dates import DatePicker
from webapp.authoring.inputs.tab import Tab
from webapp.authoring.inputs.widgets import (
    Checkbox,
    InputWidget,
    NumberInput,
    Slider,
    Switch,
    Tags,
    TextInput,
)

__all__ = [
    "Checkbox",
    "DatePicker",
    "InputWidget",
    "MultiSelect",
    "NumberInput",
    "RadioGroup",
    "Select",
    "Slider",
    "Switch",
    "Tab",
    "Tags",
    "TextInput",
]
