"""stand-in"""


class Part: ...
