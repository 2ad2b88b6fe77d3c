"""Pebble's grammar onto jinja2's syntax tree.

Every operation becomes a jinja filter whose name no template can spell (`$get`, `$add`…), so that the sandbox sees neither
attribute access nor a call: what an expression can do is exactly what `runtime.py`, `filters` and `functions` offer.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from jinja2 import nodes

from engine.errors import ExpressionError
from engine.expressions.lexer import Token, tokenize

BINARY = {
    "or": 10, "and": 15, "is": 20, "is not": 20, "contains": 20, "isIn": 20, "==": 30, "equals": 30, "!=": 30, ">": 30, "<": 30,
    ">=": 30, "<=": 30, "+": 40, "-": 40, "*": 60, "/": 60, "%": 60, "|": 100, "~": 110, "..": 120, "??": 120, "???": 120,
}
OPERATIONS = {
    "contains": "$contains", "isIn": "$in", "==": "$eq", "equals": "$eq", "!=": "$ne", ">": "$gt", "<": "$lt", ">=": "$ge", "<=": "$le",
    "+": "$add", "-": "$sub", "*": "$mul", "/": "$div", "%": "$mod", "~": "$concat", "..": "$range",
}
UNARY = {"not": "$not", "+": "$plus", "-": "$minus"}
UNARY_PRECEDENCE = 500
CONSTANTS = {"true": True, "TRUE": True, "false": False, "FALSE": False, "null": None, "NULL": None, "none": None, "NONE": None}
MAX_NESTING = 60
SHOWN = {"print_end": "}}", "tag_end": "%}", "close_part": "}", "name": "a name", "string": "a text"}


class Used(NamedTuple):
    """A filter, test or function that a template names, and where."""

    kind: str
    name: str
    line: int
    column: int


def operation(name: str, *arguments: nodes.Expr, keywords: list[nodes.Keyword] | None = None) -> nodes.Expr:
    """A call of one of our own filters; the first argument is what flows in."""
    return nodes.Filter(arguments[0], name, list(arguments[1:]), keywords or [], None, None)


def placed(name: str, token: Token, *arguments: nodes.Expr, keywords: list[nodes.Keyword] | None = None) -> nodes.Expr:
    """An operation that is told where it stands, after what flows in: its errors say so."""
    return operation(name, arguments[0], nodes.Const((token.line, token.column)), *arguments[1:], keywords=keywords)


class ExpressionParser:
    """Reads expressions from a list of tokens."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.depth = 0
        self.paths: dict[int, str] = {}
        self.kept: list[nodes.Expr] = []
        self.used: list[Used] = []

    @property
    def current(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        place = token or self.current
        raise ExpressionError(message, template=self.source, line=place.line, column=place.column)

    def at(self, value: str, kind: str = "punctuation") -> bool:
        return self.current.kind == kind and self.current.value == value

    def take(self, value: str, kind: str = "punctuation") -> bool:
        if self.at(value, kind):
            self.position += 1
            return True
        return False

    def expect(self, kind: str, value: str | None = None) -> Token:
        token = self.current
        if token.kind != kind or value not in (None, token.value):
            found = f'"{token.value}"' if token.value else "the end"
            self.fail(f"Unexpected {found}, expected {value or SHOWN.get(kind, kind)}")
        return self.next()

    def expression(self, minimum: int = 0) -> nodes.Expr:
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"expressions are nested more than {MAX_NESTING} deep")
        left = self._unary() if self.current.kind == "operator" and self.current.value in UNARY else self._primary()
        while self.current.kind == "operator" and BINARY.get(self.current.value, -1) >= minimum:
            left = self._binary(left, self.next())
        if minimum == 0:
            left = self._ternary(left)
        self.depth -= 1
        return left

    def _unary(self) -> nodes.Expr:
        sign = self.next()
        return placed(UNARY[sign.value], sign, self.expression(UNARY_PRECEDENCE))

    def _binary(self, left: nodes.Expr, operator: Token) -> nodes.Expr:
        sign = operator.value
        if sign == "|":
            return self.filter(left)
        if sign in ("is", "is not"):
            tested = self._test(left)
            return placed("$not", operator, tested) if sign == "is not" else tested
        right = self.expression(BINARY[sign] + 1)
        if sign in ("and", "or"):
            return (nodes.And if sign == "and" else nodes.Or)(placed("$bool", operator, left), placed("$bool", operator, right))
        if sign in ("??", "???"):
            mark = "$not_null" if sign == "??" else "$not_missing"
            return operation("$unbox", nodes.Or(operation(mark, left), operation("$box", right)))
        return placed(OPERATIONS[sign], operator, left, right)

    def _ternary(self, test: nodes.Expr) -> nodes.Expr:
        sign = self.current
        if not self.take("?"):
            return test
        first = self.expression()
        self.expect("punctuation", ":")
        return nodes.CondExpr(placed("$bool", sign, test), first, self.expression())

    def filter(self, left: nodes.Expr) -> nodes.Expr:
        token = self.next()
        if token.kind not in ("name", "operator") or not token.value.isidentifier():
            self.fail(f'Unexpected "{token.value}", expected the name of a filter', token)
        return self._applied("filter", token, left)

    def _test(self, left: nodes.Expr) -> nodes.Expr:
        return self._applied("test", self.expect("name"), left)

    def _applied(self, kind: str, token: Token, left: nodes.Expr) -> nodes.Expr:
        arguments, keywords = self.arguments() if self.at("(") else ([], [])
        self.used.append(Used(kind, token.value, token.line, token.column))
        return placed(f"{kind}:{token.value}", token, left, *arguments, keywords=keywords)

    def arguments(self) -> tuple[list[nodes.Expr], list[nodes.Keyword]]:
        self.expect("punctuation", "(")
        positional: list[nodes.Expr] = []
        named: list[nodes.Keyword] = []
        while not self.take(")"):
            if positional or named:
                self.expect("punctuation", ",")
            if self.current.kind == "name" and self._peek("="):
                name = self.next().value
                self.next()
                named.append(nodes.Keyword(name, self.expression()))
            elif named:
                self.fail("a positional argument cannot follow a named one")
            else:
                positional.append(self.expression())
        return positional, named

    def _peek(self, value: str) -> bool:
        following = self.tokens[self.position + 1]
        return following.kind == "punctuation" and following.value == value

    def _primary(self) -> nodes.Expr:
        token = self.current
        if token.kind == "string":
            return self.postfix(self._string())
        self.next()
        if token.kind == "name":
            return self.postfix(self._name(token))
        if token.kind == "number":
            return self.postfix(self._number(token))
        if token.kind == "punctuation" and token.value == "(":
            inside = self.expression()
            self.expect("punctuation", ")")
            return self.postfix(inside)
        if token.kind == "punctuation" and token.value == "[":
            return self.postfix(self._list())
        if token.kind == "punctuation" and token.value == "{":
            return self.postfix(self._map())
        return self.fail(f'Unexpected token "{token.kind.upper()}" of value "{token.value}"', token)

    def _number(self, token: Token) -> nodes.Expr:
        whole = token.value.removesuffix("L")
        if "." not in whole and (len(whole.lstrip("0")) > 19 or int(whole[-19:]) >= 2**63):
            self.fail(f"the number {token.value} does not fit 64 bits", token)
        return operation("$number", nodes.Const(token.value.removesuffix("L")))

    def _name(self, token: Token) -> nodes.Expr:
        if self.at("("):
            arguments, keywords = self.arguments()
            self.used.append(Used("function", token.value, token.line, token.column))
            return placed("$call", token, nodes.Const(token.value), *arguments, keywords=keywords)
        if token.value in CONSTANTS:
            return nodes.Const(CONSTANTS[token.value])
        return self._named(placed("$load", token, nodes.Const(token.value)), token.value)

    def _named(self, node: nodes.Expr, path: str) -> nodes.Expr:
        """Remembers how a value is written, for the message when it is missing (`kept` holds the node, so that its id stays its own)."""
        self.paths[id(node)] = path
        self.kept.append(node)
        return node

    def _get(self, node: nodes.Expr, key: nodes.Expr, written: str, token: Token) -> nodes.Expr:
        path = self.paths.get(id(node), "") + written
        return self._named(placed("$get", token, node, key, nodes.Const(path.lstrip("."))), path)

    def _string(self) -> nodes.Expr:
        parts: list[nodes.Expr] = []
        start, previous = self.current, ""
        while (self.current.kind == "string" and previous != "plain") or self.current.kind == "open_part":
            token = self.next()
            if token.kind == "string":
                parts.append(nodes.Const(token.value))
                previous = "" if token.value == "" else "plain"
                if token.value == "" and self.current.kind not in ("string", "open_part"):
                    break
            else:
                parts.append(self.expression())
                self.expect("close_part")
                previous = ""
        whole = parts[0]
        for part in parts[1:]:
            whole = placed("$concat", start, whole, part)
        return whole

    def _list(self) -> nodes.Expr:
        items: list[nodes.Expr] = []
        while not self.take("]"):
            if items:
                self.expect("punctuation", ",")
            items.append(self.expression())
        return operation("$literal", nodes.List(items))

    def _map(self) -> nodes.Expr:
        pairs: list[nodes.Pair] = []
        while not self.take("}"):
            if pairs:
                self.expect("punctuation", ",")
            key = self.expression()
            self.expect("punctuation", ":")
            pairs.append(nodes.Pair(key, self.expression()))
        return operation("$literal", nodes.Dict(pairs))

    def postfix(self, node: nodes.Expr) -> nodes.Expr:
        while True:
            if self.take("."):
                token = self.next()
                if token.kind not in ("name", "number", "operator") or not token.value.replace("_", "a").isalnum():
                    self.fail(f'Unexpected "{token.value}", expected the name of an attribute', token)
                if self.at("("):
                    self.fail(f"methods cannot be called; `{token.value}` may exist as a filter: `value | {token.value}`", token)
                node = self._get(node, nodes.Const(token.value), f".{token.value}", token)
            elif self.take("["):
                token, key = self.current, self.expression()
                self.expect("punctuation", "]")
                node = self._get(node, key, f"[{self._written(key, token)}]", token)
            else:
                return node

    def _written(self, key: nodes.Expr, token: Token) -> str:
        """How a key in brackets looks in a message."""
        if isinstance(key, nodes.Const) and isinstance(key.value, str):
            return f"'{key.value}'"
        return token.value if token.kind == "number" else self.paths.get(id(key), "…")
