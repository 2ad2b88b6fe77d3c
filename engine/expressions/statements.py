"""Pebble's tags and the text around them, onto jinja2's syntax tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jinja2 import nodes

from engine.errors import ExpressionError
from engine.expressions.lexer import Token
from engine.expressions.parser import ExpressionParser, Used, operation, placed

REMOVED = frozenset({"autoescape", "cache", "embed", "extends", "flush", "from", "import", "include", "parallel"})
MAX_BLOCKS = 40


class Parsed(NamedTuple):
    """A template that was read: its tree, the filters, tests and functions that it names, and the names of its macros."""

    tree: nodes.Template
    used: tuple[Used, ...]
    macros: frozenset[str]


class TemplateParser(ExpressionParser):
    """Reads a whole template; macros and blocks are lifted to its start, so that they may be used before they are written."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.lifted: list[nodes.Node] = []
        self.names: set[str] = set()
        self.inside = 0
        self.tags: dict[str, Callable[[Token], list[nodes.Node]]] = {
            "if": self._if, "for": self._for, "set": self._set, "macro": self._macro, "block": self._block, "filter": self._filter_tag,
        }

    def template(self) -> nodes.Template:
        """The tree; raises ExpressionError where the text does not follow the grammar."""
        body = self._body(())
        return nodes.Template([*self.lifted, *body], lineno=1)

    def _body(self, ends: tuple[str, ...]) -> list[nodes.Node]:
        """Everything up to one of the tags `ends`, which is left as the current token."""
        found: list[nodes.Node] = []
        while True:
            token = self.current
            if token.kind == "end":
                if ends:
                    self.fail(f"Unexpected end of the text, expected {{% {ends[-1]} %}}")
                return found
            if token.kind == "tag_start" and self.tokens[self.position + 1].value in ends:
                self.next()
                return found
            self.next()
            found += self._piece(token)

    def _piece(self, token: Token) -> list[nodes.Node]:
        if token.kind == "text":
            return [self._out(operation("$text", nodes.Const(token.value)), token)]
        if token.kind == "print_start":
            value = self.expression()
            self.expect("print_end")
            return [self._out(operation("$print", value), token)]
        name = self.expect("name")
        tag = self.tags.get(name.value)
        if tag is None:
            self.fail(f"the tag `{name.value}` is not available" if name.value in REMOVED else f'Unexpected tag name "{name.value}"', name)
        self.inside += 1
        if self.inside > MAX_BLOCKS:
            self.fail(f"tags are nested more than {MAX_BLOCKS} deep", name)
        made = tag(token)
        self.inside -= 1
        return made

    @staticmethod
    def _out(value: nodes.Expr, token: Token) -> nodes.Node:
        return nodes.Output([value], lineno=token.line)

    def _close(self, *names: str) -> str:
        name = self.expect("name").value
        if name not in names:
            self.fail(f'Unexpected tag name "{name}", expected {names[-1]}')
        return name

    def _if(self, token: Token) -> list[nodes.Node]:
        test = placed("$if", self.current, self.expression())
        self.expect("tag_end")
        body = self._body(("elseif", "else", "endif"))
        otherwise: list[nodes.Node] = []
        ending = self._close("elseif", "else", "endif")
        if ending == "elseif":
            otherwise = self._if(token)
        else:
            if ending == "else":
                self.expect("tag_end")
                otherwise = self._body(("endif",))
                self._close("endif")
            self.expect("tag_end")
        return [nodes.If(test, body, [], otherwise, lineno=token.line)]

    def _for(self, token: Token) -> list[nodes.Node]:
        name = self.expect("name")
        self.expect("name", "in")
        values = self.expression()
        self.expect("tag_end")
        body = self._body(("else", "endfor"))
        otherwise: list[nodes.Node] = []
        if self._close("else", "endfor") == "else":
            self.expect("tag_end")
            otherwise = self._body(("endfor",))
            self._close("endfor")
        self.expect("tag_end")
        if otherwise:
            otherwise = [nodes.If(operation("$looped", nodes.Const(True)), otherwise, [], [], lineno=token.line)]
        rounds = placed("$for", token, values, nodes.Const(name.value))
        return [nodes.For(nodes.Name("round", "store"), rounds, body, otherwise, None, False, lineno=token.line)]

    def _set(self, token: Token) -> list[nodes.Node]:
        name = self.expect("name")
        self.expect("punctuation", "=")
        value = self.expression()
        self.expect("tag_end")
        return [nodes.ExprStmt(operation("$set", value, nodes.Const(name.value)), lineno=token.line)]

    def _macro(self, token: Token) -> list[nodes.Node]:
        name = self.expect("name")
        self.expect("punctuation", "(")
        parameters: list[nodes.Name] = []
        defaults: list[nodes.Expr] = []
        while not self.take(")"):
            if parameters:
                self.expect("punctuation", ",")
            parameter = self.expect("name")
            if any(parameter.value == known.name for known in parameters):
                self.fail(f"the macro has two arguments `{parameter.value}`", parameter)
            parameters.append(nodes.Name(parameter.value, "param"))
            defaults.append(self.expression() if self.take("=") else nodes.Const(None))
        self.expect("tag_end")
        body = self._body(("endmacro",))
        self._close("endmacro")
        if self.current.kind == "name":
            self.next()
        self.expect("tag_end")
        bind = [nodes.ExprStmt(operation("$set", nodes.Name(p.name, "load"), nodes.Const(p.name))) for p in parameters]
        self._lift(f"macro_{name.value}", parameters, defaults, [*bind, *body], token)
        return []

    def _lift(self, name: str, parameters: list[nodes.Name], defaults: list[nodes.Expr], body: list[nodes.Node], token: Token) -> None:
        if name in self.names:
            self.fail(f"`{name.partition('_')[2]}` is defined twice", token)
        self.names.add(name)
        self.lifted.append(nodes.Macro(name, parameters, defaults, body, lineno=token.line))

    def _block(self, token: Token) -> list[nodes.Node]:
        label = self.next()
        if label.kind not in ("name", "string"):
            self.fail("a block needs a name", label)
        self.expect("tag_end")
        body = self._body(("endblock",))
        self._close("endblock")
        if self.current.kind in ("name", "string"):
            self.next()
        self.expect("tag_end")
        key = f"block_{label.value.encode().hex()}"
        self._lift(key, [], [], body, token)
        return [self._out(operation("$print", operation("$block", nodes.Const(key))), token)]

    def _filter_tag(self, token: Token) -> list[nodes.Node]:
        key = f"section_{len(self.names)}"
        self.names.add(key)
        hole = operation("$block", nodes.Const(key))
        value = self.filter(hole)
        while self.take("|", "operator"):
            value = self.filter(value)
        self.expect("tag_end")
        body = self._body(("endfilter",))
        self._close("endfilter")
        self.expect("tag_end")
        self.names.discard(key)
        self._lift(key, [], [], body, token)
        return [self._out(operation("$print", value), token)]


def parse(source: str) -> Parsed:
    """Reads a template; raises ExpressionError with the place of what does not follow the grammar."""
    try:
        parser = TemplateParser(source)
        tree = parser.template()
    except RecursionError as error:
        raise ExpressionError("expressions are nested too deep", template=source) from error
    macros = frozenset(name.removeprefix("macro_") for name in parser.names if name.startswith("macro_"))
    return Parsed(tree, tuple(parser.used), macros)
