"""What our templates may write beyond Jinja."""

from __future__ import annotations

import re

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

_INDENTATION = re.compile(r"\n[ \t]+")


class WithoutIndentation(Extension):
    """Leaves out the indentation of templates, which is for those who read their source."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        del name, filename
        return _INDENTATION.sub("\n", source)


class Inline(Extension):
    """Puts a template in the place of ``{% inline "name.html" %}`` when this one is compiled.

    It means what ``include`` means, with two differences. An ``include`` costs about 10
    microseconds of CPU each time it is drawn, and this costs nothing. But each place has a copy of
    the code, so it is for small templates and for those that are always there.

    In development it is an ``include``, so that a template that you change is read again.
    """

    tags = {"inline"}  # noqa: RUF012 - declared so by Jinja

    def parse(self, parser: Parser) -> nodes.Node:
        """Return what stands in the place of the tag."""
        line = next(parser.stream).lineno
        name = parser.stream.expect("string").value
        loader = self.environment.loader
        if self.environment.auto_reload or loader is None:
            return nodes.Include(nodes.Const(name), True, False, lineno=line)
        source, filename, _ = loader.get_source(self.environment, name)
        body = self.environment.parse(source, name, filename).body
        for node in body:
            # A traceback names this file, so its line must be of this file, too.
            node.set_lineno(line, override=True)
        return nodes.Scope(body, lineno=line)
