"""Numbers from text, and text from numbers as Java's DecimalFormat makes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Any, NamedTuple

from engine.errors import ExpressionError
from engine.expressions.values import BigInteger, Double, Float32, Long, fits_float32, is_number, java_class, text_of, to_float32


def number(value: Any, type: str | None = None) -> Any:
    """A text as a number: the smallest kind that holds it, or INT, FLOAT, LONG, DOUBLE, BIGDECIMAL or BIGINTEGER.

    {{ '12.3' | number | className }} → java.lang.Float
    {{ '7' | number('LONG') + 1 }} → 8
    """
    if value is None or is_number(value):
        return value
    text = text_of(value, "number").strip()
    if type is not None and type not in NUMBER_TYPES:
        raise ExpressionError(f"`{type}` is not a type of number; there are {', '.join(NUMBER_TYPES)}")
    try:
        if type is not None:
            return _in_bounds(NUMBER_TYPES[type](text), type)
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        wide = float(text)
        return Float32(to_float32(wide)) if fits_float32(wide) else Double(wide)
    except (ValueError, InvalidOperation) as error:
        raise ExpressionError(f'For input string: "{text[:100]}"') from error


NUMBER_TYPES: dict[str, Callable[[str], Any]] = {
    "INT": int, "FLOAT": lambda text: to_float32(float(text)), "LONG": Long, "DOUBLE": Double, "BIGDECIMAL": Decimal,
    "BIGINTEGER": BigInteger,
}


def _in_bounds(made: Any, type: str) -> Any:
    bits = {"INT": 31, "LONG": 63}.get(type)
    if bits is not None and not -(2**bits) <= made < 2**bits:
        raise ValueError(f"{made} does not fit {type}")
    return made


def number_format(value: Any, format: str | None = None) -> Any:
    """A number by a pattern of Java's DecimalFormat.

    {{ 1234.5 | numberFormat('#,##0.00') }} → 1,234.50
    {{ 0.256 | numberFormat('0.#%') }} → 25.6%
    """
    if value is None:
        return None
    if not is_number(value):
        raise ExpressionError(f"The 'numberFormat' filter needs a number, found {java_class(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    plain, _, below_zero = (format or "#,##0.###").partition(";")
    amount = Decimal(value)
    shape = _Shape.of(below_zero if below_zero and amount < 0 else plain)
    text = shape.digits(abs(amount))
    sign = "-" if amount < 0 and not below_zero and text.strip("0.,") else ""
    return sign + shape.prefix + text + shape.suffix


LONGEST = 200  # characters of a pattern


class _Shape(NamedTuple):
    """A pattern for numbers, taken apart."""

    prefix: str
    whole: str
    decimals: str
    exponent: str
    suffix: str

    @classmethod
    def of(cls, pattern: str) -> _Shape:
        if len(pattern) > LONGEST:
            raise ExpressionError(f"a pattern for numbers has at most {LONGEST} characters")
        found = re.fullmatch(r"((?:'[^']*'|[^#0,.'])*)([#0,]*)(?:\.([#0]*))?(?:E(0+))?((?:'[^']*'|[^#0'])*)", pattern)
        if found is None:
            raise ExpressionError(f"`{pattern[:50]}` is not a pattern for numbers")
        quoted = (re.sub(r"'([^']*)'", lambda quote: quote[1] or "'", found[index]) for index in (1, 5))
        return cls(next(quoted), found[2], found[3] or "", found[4] or "", next(quoted))

    def digits(self, amount: Decimal) -> str:
        with localcontext() as context:
            context.prec = 400
            amount *= 100 if "%" in self.prefix + self.suffix else 1000 if "‰" in self.prefix + self.suffix else 1
            if not self.exponent:
                return self._plain(amount)
            power = amount.adjusted() if amount else 0
            return f"{self._plain(amount.scaleb(-power))}E{power:0{len(self.exponent)}d}"

    def _plain(self, amount: Decimal) -> str:
        rounded = amount.quantize(Decimal(1).scaleb(-len(self.decimals)), ROUND_HALF_EVEN)
        integer, _, fraction = f"{rounded:f}".partition(".")
        needed = self.decimals.count("0")
        fraction = fraction[:needed] + fraction[needed:].rstrip("0")
        integer = integer.lstrip("0").rjust(self.whole.replace(",", "").count("0"), "0")
        size = len(self.whole) - self.whole.rindex(",") - 1 if "," in self.whole else 0
        if size and integer:
            integer = re.sub(rf"(?<=\d)(?=(?:\d{{{size}}})+$)", ",", integer)
        return integer + (f".{fraction}" if fraction else "") or "0"
