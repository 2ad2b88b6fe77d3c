"""The expression language rule by rule: what binds closer, what is null, how numbers, dates and YAML come out."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import ExpressionError
from engine.expressions import Options, render, render_typed
from engine.expressions.values import Double, Float32

V: dict[str, Any] = {
    "n": None, "s": "abc", "l": [1, 2, 3], "m": {"a": 1, "b": {"c": 2}, "d-e": 3}, "f": Double(1.5), "f32": Float32(1.1), "i": 2147483647,
    "big": 2**63 - 1, "t": True, "e": "", "void": [], "nested": [[1, [2]], 3], "money": Decimal("12.30"), "key": "a", "two": ["x", "y"],
}

LANGUAGE: list[tuple[str, str]] = [
    # what binds closer: unary, `..` and `??`, `~`, `|`, `* / %`, `+ -`, comparisons, `is` and `contains`, `and`, `or`, `? :`
    ("{{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ 20 / 2 / 5 }} {{ 2 - 3 - 4 }} {{ 7 - 2 + 1 }}", "14 20 2 -5 6"),
    ("{{ -7 | abs }} {{ 2 + -3 | abs }} {{ - 2 * -3 }}", "7 5 6"),
    ("{{ 1 + 2 ~ 3 }} {{ 1 ~ 2 + 3 }} {{ s | upper ~ 'x' }} {{ 'a' ~ 'b' | upper }}", "123 123 ABCx AB"),
    ("{{ 1..3 | length }} {{ 1 < 2 and 2 < 3 or false }} {{ true or false and false }}", "3 true true"),
    ("{{ not true == false }} {{ not (1 == 2) }} {{ not t and t }}", "true true false"),
    ("{{ 1 == 1 and 2 is even }} {{ [1, 2] contains 1 and s contains 'b' }} {{ 2 isIn [1, 2] ? 'in' : 'out' }}", "true true in"),
    ("{{ t ? 'y' : 'n' }} {{ t ? (false ? 1 : 2) : 3 }} {{ false ? 'a' : false ? 'b' : 'c' }} {{ 1 > 2 ? 1 : 2 }}", "y 2 c 2"),
    ("{{ n ?? 'x' ~ 'y' }} {{ nowhere ?? n ?? 'z' }} {{ n ?? 1 + 1 }}", "xy z 2"),
    # null and what is missing
    ("[{{ n }}] [{{ n ?? '' }}] [{{ e ?? 'x' }}] [{{ void ?? 'x' }}] [{{ false ?? 'x' }}] [{{ 0 ?? 'x' }}]", "[] [] [] [[]] [false] [0]"),
    ("[{{ n ??? 'x' }}] [{{ nowhere ??? 'x' }}] [{{ m.zz ??? 'x' }}] [{{ m.zz.y.x ??? 'x' }}]", "[] [x] [x] [x]"),
    ("{{ l[7] ?? 'no' }} {{ m[nowhere] ?? 'no' }} {{ nowhere[0].a ?? 'no' }} {{ n.a ?? 'no' }} {{ s.a ?? 'no' }} {{ l.a ?? 'no' }}", "no no no no no no"),
    ("{{ (nowhere | upper) ?? 'no' }} {{ (nowhere + 1) ?? 'no' }} {{ (nowhere == 1) ?? 'no' }}", "no no no"),
    ("{{ fromJson(nowhere.x).y ?? 'no' }} {{ max(nowhere, 1) ?? 'no' }} {{ [nowhere][0] ?? 'no' }} {{ {'a': nowhere}.a ?? 'no' }}", "no no no no"),
    ("{{ fromJson(nowhere.x) is defined }} {{ fromJson(json=nowhere) ??? 'no' }} {{ [1, nowhere] | length ?? 'no' }}", "false no no"),
    ("{{ nowhere is defined }} {{ n is defined }} {{ m.a is defined }} {{ m.zz.y is not defined }} {{ l[0] is defined }} {{ l[9] is defined }}", "false false true true true false"),
    ("{{ n is null }} {{ n is empty }} {{ e is empty }} {{ ' ' is empty }} {{ void is empty }} {{ {} is empty }} {{ 0 is empty }} {{ false is empty }}", "true true true true true true false false"),
    ("{{ n == null }} {{ n < 1 }} {{ n >= 1 }} {{ n contains 1 }} {{ 1 isIn n }} {{ n | length }} {{ n | upper ?? 'null' }}", "true false false false false 0 null"),
    ("{{ 'a' + null }} {{ null ~ 'a' }} {{ n | default('d') }} {{ nowhere.x | default('d') }} {{ 0 | default('d') }} {{ ' ' | default('d') }}", "anull a d d 0 d"),
    ("{{ n | upper }}{{ n | date }}{{ n | split(',') }}{{ n | join }}{{ n | first }}{{ n | sort }}{{ n | replace({'a': 'b'}) }}{{ n | number }}{{ n | keys }}", ""),
    # truth
    ("{{ s ? 1 : 2 }} {{ e ? 1 : 2 }} {{ n ? 1 : 2 }} {{ 0 ? 1 : 2 }} {{ 0.0 ? 1 : 2 }} {{ 'false' ? 1 : 2 }}", "1 2 2 2 2 1"),
    ("{% if s %}a{% endif %}{% if e %}b{% endif %}{% if 1 %}c{% endif %}{% if 0 %}d{% endif %}{% if not n %}e{% endif %}", "ace"),
    # access
    ("{{ m.a }} {{ m['a'] }} {{ m[key] }} {{ m['d-e'] }} {{ m.b.c }} {{ m['b'].c }} {{ m[\"b\"][\"c\"] }}", "1 1 1 3 2 2 2"),
    ("{{ l[0] }} {{ l.0 }} {{ l['1'] }} {{ l[1 + 1] }} {{ nested[0][1][0] }} {{ (l)[0] }} {{ {'q': 5}.q }}", "1 1 2 3 2 1 5"),
    # text and its escapes: only the quote around it, a backslash stays
    (r"{{ 'it\'s' }} {{ "
     r'"q\"q" }} {{ '
     r"'a\nb' }} {{ 'a\\b' }}", r"""it's q"q a\nb a\\b"""),
    ('{{ "x#{s}y#{l[0] + 1}" }} {{ "#{s}" }} {{ "a # b" }} {{ \'#{s}\' }} {{ "#{m[\'a\']}" }} {{ "a#{ {\'k\': 1}.k }b" }}', "xabcy2 abc a # b #{s} 1 a1b"),
    ("{{ 'two\nlines' }}", "two\nlines"),
    # lists and maps
    ("{{ [1, 'a', true, null, 1.5, [], {}] }} {{ {'a': 1, s: 2} }} {{ [] }} {{ {} }}", '[1,"a",true,null,1.5,[],{}] {"a":1,"abc":2} [] {}'),
    ("{{ l + 4 }} {{ l + [4, 5] }} {{ l - 1 }} {{ l - [1, 2] }} {{ [[1], 2] - [[1]] }} {{ l }}", "[1,2,3,4] [1,2,3,4,5] [2,3] [3] [2] [1,2,3]"),
    ("{{ l contains [1, 2] }} {{ l contains [1, 9] }} {{ m contains 'a' }} {{ m contains 'z' }} {{ [[1], 2] contains [[1]] }} {{ ['1'] contains 1 }} {{ [1.0] contains 1 }}", "true false true false true false true"),
    ("{{ 'a'..'c' }} {{ 3..1 }} {{ range(3, 1, -1) }} {{ range(0, 5, 2) }} {{ range('a', 'e', 2) }}", '["a","b","c"] [] [3,2,1] [0,2,4] ["a","c","e"]'),
    # numbers as Java has them
    ("{{ 10 / 4 }} {{ -10 / 4 }} {{ 10.0 / 4 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }}", "2 -2 2.5 1 -1 1 1.5 -1.5"),
    ("{{ big + 1 }} {{ i + 1 }} {{ -9223372036854775807 - 2 }} {{ 4611686018427387904 * 2 }}", "-9223372036854775808 2147483648 9223372036854775807 -9223372036854775808"),
    ("{{ 1.0 }} {{ 100.0 }} {{ 0.1 + 0.2 }} {{ 1.0 / 3 }} {{ 12345678.0 }} {{ 0.0001 }} {{ 123456.789 }}", "1.0 100.0 0.30000000000000004 0.3333333333333333 1.2345678E7 1.0E-4 123456.789"),
    ("{{ f32 }} {{ f32 + f32 }} {{ f32 * 2 }} {{ f32 + 1.5 }} {{ f32 == 1.1 }} {{ f32 < 1.2 }} {{ money }} {{ money * 2 }}", "1.1 2.2 2.2 2.6 true true 12.30 24.60"),
    ("{{ 1.0 / 0 }} {{ -1.0 / 0 }} {{ 0.0 / 0 }} {{ 1L + 1 }} {{ 007 }}", "Infinity -Infinity NaN 2 7"),
    ("{{ 1 == 1.0 }} {{ '1' == 1 }} {{ true == 1 }} {{ [true] == [1] }} {{ l == [1, 2, 3.0] }} {{ {'a': [1]} == {'a': [1.0]} }} {{ {'a': 1} == {'a': 2} }}", "true false false false true true false"),
    ("{{ 1 | className }} {{ 1.5 | className }} {{ i | className }} {{ 1 + 1 | className }}", "java.lang.Long java.lang.Double java.lang.Integer 1java.lang.Long"),
    ("{{ '12' | number | className }} {{ '12' | number('LONG') | className }} {{ '12' | number('BIGINTEGER') | className }} {{ '12' | number('BIGDECIMAL') | className }} {{ '1.5' | number('DOUBLE') | className }} {{ '12345678901234567890' | number | className }}",
     "java.lang.Integer java.lang.Long java.math.BigInteger java.math.BigDecimal java.lang.Double java.math.BigInteger"),
    ("{{ 3.141592653 | numberFormat('#.##') }} {{ 1234567.891 | numberFormat('#,###.00') }} {{ 0.5 | numberFormat('00.0') }} {{ 7 | numberFormat }} {{ 1234567 | numberFormat }}", "3.14 1,234,567.89 00.5 7 1,234,567"),
    ("{{ 2.5 | numberFormat('0') }} {{ 3.5 | numberFormat('0') }} {{ 2.675 | numberFormat('0.00') }} {{ -3 | numberFormat('0;(0)') }} {{ -0.001 | numberFormat('0.0') }} {{ 12345 | numberFormat('0.##E0') }} {{ 0.256 | numberFormat('0.0%') }} {{ 5 | numberFormat(\"'#'0\") }} {{ 0 | numberFormat('#') }}",
     "2 4 2.67 (3) 0.0 1.23E4 25.6% #5 0"),
    # loops
    ("{% for x in l %}{{ loop.index }}/{{ loop.length }}/{{ loop.revindex }}{{ loop.first ? 'F' : '' }}{{ loop.last ? 'L' : '' }} {% endfor %}", "0/3/2F 1/3/1 2/3/0L "),
    ("{% for x in m %}{{ x.key }}={{ x.value }};{% endfor %}", 'a=1;b={"c":2};d-e=3;'),
    ("{% for x in n %}a{% else %}b{% endfor %}|{% for x in void %}a{% else %}b{% endfor %}|{% for x in l %}{% else %}b{% endfor %}", "|b|"),
    ("{% for x in 1..2 %}{% for y in two %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }}{% endfor %}", "1x0 1y1 02x0 2y1 1"),
    ("{% set x = 9 %}{% for x in l %}{{ x }}{% endfor %}{{ x }}", "1239"),
    ("{% set a = 1 %}{% if t %}{% set a = 2 %}{% endif %}{{ a }}{% for i in l %}{% set a = a + i %}{% endfor %}{{ a }}", "28"),
    # macros see their arguments alone
    ("{% macro f(a, b='B') %}{{ a }}-{{ b }}{% endmacro %}{{ f('1') }} {{ f('1', '2') }} {{ f(b='x', a='y') }} {{ f() }}", "1-B 1-2 y-x -B"),
    ("{% macro g() %}[{{ s ?? 'hidden' }}]{% endmacro %}{{ g() }}{{ g() | upper }}", "[hidden][HIDDEN]"),
    ("{% macro down(n) %}{{ n }}{% if n > 0 %}{{ down(n - 1) }}{% endif %}{% endmacro %}{{ down(3) }}", "3210"),
    # blocks, filter, whitespace, comments, what is left alone
    ("{% block a %}A{% block b %}B{% endblock %}{% endblock a %}{{ block('b') }}", "ABB"),
    ("{% filter upper %}x{{ s }}{% endfilter %} {% filter replace({'a': 'z'}) | upper %}banana{% endfilter %}", "XABC BZNZNZ"),
    ("a {{- s -}} b {%- if true -%} c {%- endif -%} d {#- gone -#} e {{-1}} {{ 1 -}} f", "aabcbcde -1 1f"),
    ("{% if t %}\nx\n{% endif %}\ny", "\nx\n\ny"),
    ("{# a {{ b }} #}{% raw %}{{ x }}{% endraw %}{% verbatim %}{% if %}{{ }}{% endverbatim %} { x } {% raw %}{% endraw %}", "{{ x }}{% if %}{{ }} { x } "),
    # text filters
    ("{{ 'a,b' | split(',') }} {{ 'a.b' | split('\\.') }} {{ 'abc' | split('') }} {{ 'a1b22c' | split('[0-9]+') }} {{ 'a,b,,' | split(',', -1) }} {{ 'a,b,c' | split(',', 2) }} {{ '' | split(',') }}",
     '["a","b"] ["a","b"] ["a","b","c"] ["a","b","c"] ["a","b","",""] ["a","b,c"] [""]'),
    ("{{ 'a1b2' | replace({'[0-9]': '#'}, regexp=true) }} {{ 'a.b' | replace({'.': '-'}) }} {{ 'ab' | replace({'(?<x>a)': '${x}${x}'}, true) }} {{ ['a', {'a': 'a'}] | replace({'a': 'b'}) }} {{ 'é' | replace({'\\W': '_'}, true) }}",
     'a#b# a-b aab ["b",{"b":"b"}] _'),
    ("{{ s | slice(1) }} {{ s | slice(0, 2) }} {{ l | slice(1, 3) }} {{ s | first }}{{ s | last }} {{ l | last }} {{ 'x y' | title }} {{ ' x ' | trim }}|", "bc ab [2,3] ac 3 X Y x|"),
    ("{{ m | keys }} {{ l | keys }} {{ m | values | length }} {{ [[1], [2, [3]]] | flatten }} {{ [1, 1.0, '1', true, [1], [1]] | distinct }}", '["a","b","d-e"] [0,1,2] 3 [1,2,[3]] [1,"1",true,[1]]'),
    ("{{ [1] | merge([2]) }} {{ {'a': 1} | merge({'a': 2}) }} {{ {'a': 1} | merge(['z']) }} {{ n | merge([1]) }} {{ [1] | merge(n) }}", '[1,2] {"a":2} {"a":1,"z":"z"} [1] [1]'),
    # YAML as Kestra lays it out
    ("{{ {'a': {'b': [1, 2]}} | yaml }}", "a:\n  b:\n   - 1\n   - 2\n"),
    ("{{ {'t': [{'k': 'x', 'd': 1}, {'k': 'z'}]} | yaml }}", "t:\n -\n  k: x\n  d: 1\n -\n  k: z\n"),
    ("{{ {'a': 'x\ny', 'b': 'no', 'c': '', 'd': n, 'e': []} | yaml }}", 'a: |-\n  x\n  y\nb: "no"\nc: ""\nd: null\ne: []\n'),
]


@pytest.mark.parametrize(("template", "text"), LANGUAGE)
def test_the_language_gives(template: str, text: str) -> None:
    assert render(template, V) == text


MOMENT = dt.datetime(2013, 9, 8, 16, 19, 12, 123456, tzinfo=dt.timezone(dt.timedelta(hours=1)))
FORMATS = {
    "iso": ("2013-09-08T17:19:12.123456+02:00", "2013-09-08T15:19:12.123456Z"),
    "iso_sec": ("2013-09-08T17:19:12+02:00", "2013-09-08T15:19:12Z"),
    "sql": ("2013-09-08 17:19:12.123456", "2013-09-08 15:19:12.123456"),
    "sql_seq": ("2013-09-08 17:19:12", "2013-09-08 15:19:12"),
    "iso_date_time": ("2013-09-08T17:19:12.123456+02:00[Europe/Paris]", "2013-09-08T15:19:12.123456Z[UTC]"),
    "iso_zoned_date_time": ("2013-09-08T17:19:12.123456+02:00[Europe/Paris]", "2013-09-08T15:19:12.123456Z[UTC]"),
    "iso_date": ("2013-09-08+02:00", "2013-09-08Z"),
    "iso_time": ("17:19:12.123456+02:00", "15:19:12.123456Z"),
    "iso_local_date": ("2013-09-08", "2013-09-08"),
    "iso_instant": ("2013-09-08T15:19:12.123456Z", "2013-09-08T15:19:12.123456Z"),
    "iso_local_date_time": ("2013-09-08T17:19:12.123456", "2013-09-08T15:19:12.123456"),
    "iso_local_time": ("17:19:12.123456", "15:19:12.123456"),
    "iso_offset_time": ("17:19:12.123456+02:00", "15:19:12.123456Z"),
    "iso_ordinal_date": ("2013-251+02:00", "2013-251Z"),
    "iso_week_date": ("2013-W36-7+02:00", "2013-W36-7Z"),
    "rfc_1123_date_time": ("Sun, 8 Sep 2013 17:19:12 +0200", "Sun, 8 Sep 2013 15:19:12 GMT"),
    "full": ("Sunday, September 8, 2013 at 5:19:12 PM Central European Summer Time", "Sunday, September 8, 2013 at 3:19:12 PM Coordinated Universal Time"),
    "long": ("September 8, 2013 at 5:19:12 PM CEST", "September 8, 2013 at 3:19:12 PM UTC"),
    "medium": ("Sep 8, 2013, 5:19:12 PM", "Sep 8, 2013, 3:19:12 PM"),
    "short": ("9/8/13, 5:19 PM", "9/8/13, 3:19 PM"),
    "yyyy/MM/dd HH:mm:ss.SSS": ("2013/09/08 17:19:12.123", "2013/09/08 15:19:12.123"),
    "G GGGG yy y uuuu Q QQ QQQ": ("AD Anno Domini 13 2013 2013 3 03 Q3", "AD Anno Domini 13 2013 2013 3 03 Q3"),
    "M MM MMM MMMM MMMMM L LLL LLLL": ("9 09 Sep September S 9 Sep September", "9 09 Sep September S 9 Sep September"),
    "d dd D DDD E EEE EEEE EEEEE e c F": ("8 08 251 251 Sun Sun Sunday S 7 7 2", "8 08 251 251 Sun Sun Sunday S 7 7 2"),
    "a h hh K k H A n N S SSSSSSSSS": ("PM 5 05 5 17 17 62352123 123456000 62352123456000 1 123456000", "PM 3 03 3 15 15 55152123 123456000 55152123456000 1 123456000"),
    "VV z O OOOO X XX XXX": ("Europe/Paris CEST GMT+2 GMT+02:00 +02 +0200 +02:00", "UTC UTC GMT GMT Z Z Z"),
    "x xx xxx Z ZZZZ ZZZZZ": ("+02 +0200 +02:00 +0200 GMT+02:00 +02:00", "+00 +0000 +00:00 +0000 GMT Z"),
    "'it''s' yyyy''yy [HH]": ("it's 2013'13 17", "it's 2013'13 15"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_date_takes_every_format_in_every_zone(name: str) -> None:
    for zone, text in zip(("Europe/Paris", "UTC"), FORMATS[name], strict=True):
        assert render("{{ d | date(f, timeZone=z) }}", {"d": MOMENT, "f": name, "z": zone}) == text


DATES: list[tuple[str, str]] = [
    ("{{ '2013-09-08T17:19:12+02:00' | date }} {{ '2013-09-08T17:19:12Z' | date('iso_sec') }}", "2013-09-08T15:19:12.000000Z 2013-09-08T17:19:12Z"),
    ("{{ '2013-09-08T17:19:12' | date('iso_sec', timeZone='Europe/Paris') }} {{ '2013-09-08' | date('iso_sec', timeZone='Asia/Tokyo') }}", "2013-09-08T17:19:12+02:00 2013-09-08T00:00:00+09:00"),
    ("{{ '2013-09-08T17:19:12.123456789+02:00[Europe/Paris]' | date('iso_offset_time') }} {{ '2013-09-08T17:19' | date('HH:mm') }}", "15:19:12.123456Z 17:19"),
    ("{{ 1378653552 | date('iso_sec') }} {{ day | date('iso_sec') }} {{ '2024-01-02' | date('yyyy-MM-dd', timeZone='+05:30') }}", "2013-09-08T15:19:12Z 2024-02-03T12:00:00Z 2024-01-02"),
    ("{{ '3 février 2024' | date('iso_local_date', existingFormat='d MMMM yyyy', locale='fr') }} {{ '2024-01' | date('iso_local_date', existingFormat='yyyy-MM[-dd]') }}", "2024-02-03 2024-01-01"),
    ("{{ '02/03/24 5:07 PM' | date('iso_sec', existingFormat='MM/dd/yy h:mm a') }} {{ '2024-034' | date('iso_local_date', existingFormat='yyyy-DDD') }}", "2024-02-03T17:07:00Z 2024-02-03"),
    ("{{ day | date('EEEE d MMMM', locale='fr') }} {{ day | date('EEE d. MMM', locale='de-DE') }} {{ day | date('long', locale='es', timeZone='UTC') | length > 10 }}", "samedi 3 février Sa. 3. Feb. true"),
    ("{{ '2024-01-31' | dateAdd(1, 'MONTHS', 'iso_local_date') }} {{ '2024-02-29' | dateAdd(-1, 'YEARS', 'iso_local_date') }} {{ '2024-01-01' | dateAdd(-1, 'DAYS', 'iso_local_date') }}", "2024-02-29 2023-02-28 2023-12-31"),
    ("{{ '2024-01-01' | dateAdd(1, 'WEEKS', 'MM-dd') }} {{ '2024-01-01' | dateAdd(1, 'DECADES', 'yyyy') }} {{ '2024-01-01' | dateAdd(90, 'MINUTES', 'HH:mm') }} {{ '2024-01-01' | dateAdd(1, 'HALF_DAYS', 'HH') }}", "01-08 2034 01:30 12"),
    # hours by the clock that never jumps, days by the calendar; what spring skips comes after it
    ("{{ '2024-03-31T00:30:00' | dateAdd(3, 'HOURS', timeZone='Europe/Paris') }}", "2024-03-31T04:30:00.000000+02:00"),
    ("{{ '2024-10-27T00:30:00' | dateAdd(3, 'HOURS', timeZone='Europe/Paris') }}", "2024-10-27T02:30:00.000000+01:00"),
    ("{{ '2024-03-30T02:30:00' | dateAdd(1, 'DAYS', timeZone='Europe/Paris') }} {{ '2024-03-30T12:00:00' | dateAdd(1, 'DAYS', 'iso_sec', timeZone='Europe/Paris') }}", "2024-03-31T03:30:00.000000+02:00 2024-03-31T12:00:00+02:00"),
    ("{{ '1970-01-01T00:00:01.5Z' | timestamp }} {{ '1970-01-01T00:00:01.5Z' | timestampMilli }} {{ '1970-01-01T00:00:01.5Z' | timestampMicro }} {{ '1970-01-01T00:00:01.5Z' | timestampNano }}", "1 1500 1500000 1500000000"),
    ("{{ '1970-01-01T01:00:00' | timestamp(timeZone='Europe/Paris') }} {{ '01.01.1970' | timestamp(existingFormat='dd.MM.yyyy') }}", "0 0"),
    ("{{ isWeekend('2024-02-04') }} {{ isWeekend('2024-02-05T23:59:00-08:00') }} {{ dayOfWeek(day) }} {{ isDayWeekInMonth('2024-02-26', 'MONDAY', 'LAST') }} {{ isDayWeekInMonth('2024-02-26', 'MONDAY', 'FIRST') }}", "true false SATURDAY true false"),
    ("{{ isPublicHoliday('2024-12-25', 'FR') }} {{ isPublicHoliday('2024-08-15', 'DE') }} {{ isPublicHoliday('2024-08-15', 'DE', 'SL') }} {{ isPublicHoliday(day) }}", "true false true false"),
    ("{{ day }} {{ local }} {{ zoned }} {{ short }} {{ wait }} {{ [zoned, wait] | toJson }}", '2024-02-03 2024-02-03T04:05:06.007 2024-02-03T04:05:06+01:00[Europe/Paris] 2024-02-03T04:05 PT26H1.5S ["2024-02-03T04:05:06+01:00","PT26H1.5S"]'),
]


@pytest.mark.parametrize(("template", "text"), DATES)
def test_dates(template: str, text: str) -> None:
    paris = ZoneInfo("Europe/Paris")
    variables = {
        "day": dt.date(2024, 2, 3), "local": dt.datetime(2024, 2, 3, 4, 5, 6, 7000), "zoned": dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=paris),
        "short": dt.datetime(2024, 2, 3, 4, 5), "wait": dt.timedelta(hours=26, seconds=1.5),
    }
    assert render(template, variables) == text


def test_the_zone_of_the_installation_is_that_of_dates_without_one() -> None:
    options = Options(time_zone="America/New_York")
    assert render("{{ '2024-07-01T12:00:00' | date }}", {}, options=options) == "2024-07-01T12:00:00.000000-04:00"
    assert render("{{ '2024-07-01T12:00:00Z' | date }}", {}, options=options) == "2024-07-01T08:00:00.000000-04:00"


# what is wrong, where, and what could be meant
TOLD: list[tuple[str, str]] = [
    ("{{ outputs.loda.value }}", "Unable to find `loda` used in the expression `{{ outputs.loda.value }}` at line 1, column 12: no `outputs.loda`; there are `load`, `clean`; did you mean `load`?"),
    ("a\n  {{ inptus.x }}", "Unable to find `inptus` used in the expression `{{ inptus.x }}` at line 2, column 6: no `inptus`; there are `inputs`, `outputs`, `text`, `list`; did you mean `inputs`?"),
    ("{{ list[7] }}", "Unable to find `7` used in the expression `{{ list[7] }}` at line 1, column 9: no `list[7]`"),
    ("{{ inputs['a b'] }}", "no `inputs['a b']`; there is `x`"),
    ("{{ text | uper }}", "Filter [uper] does not exist, did you mean `upper`? ({{ text | uper }}:1) at column 11"),
    ("{{ 1 is evn }}", "Test [evn] does not exist, did you mean `even`?"),
    ("{{ secrt('A') }}", "Function or Macro [secrt] does not exist, did you mean `secret`?"),
    ("one\n{{ 1 / 0 }}", "/ by zero ({{ 1 / 0 }}:2) at column 6"),
    ("{{ text | abbreviate }}", "The 'abbreviate' filter expects an argument 'length'."),
    ("{{ text | abbreviate('x') }}", "The 'abbreviate' filter expects an argument 'length' that is a whole number, found java.lang.String"),
    ("{{ text | upper('b') }}", "The 'upper' filter does not take these arguments (too many positional arguments); it takes none"),
    ("{{ text | split(',', size=3) }}", "it takes delimiter, limit"),
    ("{{ fromJson() }}", "The 'fromJson' function expects an argument 'json'."),
    ("{{ encrypt('x') }}", "The 'encrypt' function expects an argument 'plaintext'."),
    ("{{ text + 1 - 2 }}", "invalid operands for mathematical operation [SUBTRACT]"),
    ("{{ text < 1 }}", "invalid operands for mathematical comparison [LESS_THAN]"),
    ("{% for x in text %}{% endfor %}", "Not an iterable object. Value = [a java.lang.String]"),
    ("{{ text contains 1 }}{{ 1 contains 1 }}", "Contains operator can only be used on Collections, Maps and arrays. Actual type was: java.lang.Long"),
    ("{{ range(1, 3, 0) }}", "The increment of the range function must be different than 0"),
    ("{{ '2024-02-30' | date }}", "day"),
    ("{{ text | date }}", "Text 'word' could not be parsed as a date"),
    ("{{ '2024-01-01' | date('b') }}", "Unknown pattern letter: b"),
    ("{{ '2024-01-01' | date(timeZone='Mars/Base') }}", "Unknown time-zone ID: Mars/Base"),
    ("{{ '2024-01-01' | date('MMMM', locale='zz') }}", "`zz` is not a locale"),
    ("{{ '2024-01-01' | dateAdd(1, 'LIGHTYEARS') }}", "`LIGHTYEARS` is not a unit of time; there are NANOS"),
    ("{{ isPublicHoliday('2024-01-01', 'ZZ') }}", "No public holidays are known of `ZZ`"),
    ("{{ isDayWeekInMonth('2024-01-01', 'MOONDAY', 'FIRST') }}", "a day is one of MONDAY"),
    ("{{ 'x' | number }}", 'For input string: "x"'),
    ("{{ '99999999999' | number('INT') }}", 'For input string: "99999999999"'),
    ("{{ 'x' | number('SMALL') }}", "`SMALL` is not a type of number"),
    ("{{ [1, 'a'] | sort }}", "values of one kind"),
    ("{% macro f(a, a) %}{% endmacro %}", "the macro has two arguments `a`"),
    ("{% macro f(a) %}{% endmacro %}{{ f(b=1) }}", "'b'"),
    ("{% macro f(a) %}{{ a.b }}{% endmacro %}\n{{ f({}) }}", "no `a.b`"),
    ("{{ render('{{ 1 +') }}", "({{ 1 +:1)"),
    ("{{ render('{{ nowhere }}') }}", "Unable to find `nowhere` used in the expression `{{ nowhere }}` at line 1, column 4"),
]


@pytest.mark.parametrize(("template", "told"), TOLD)
def test_a_mistake_says_where_it_is_and_what_could_be_meant(template: str, told: str) -> None:
    variables = {"inputs": {"x": 1}, "outputs": {"load": {}, "clean": {}}, "text": "word", "list": [1]}
    with pytest.raises(ExpressionError, match=re.escape(told)) as error:
        render(template, variables)
    assert error.value.line >= 1


@pytest.mark.parametrize(
    "template",
    ["{{ fromIon(s) }}", "{{ yaml(s) }}", "{{ fromJson(s) }}", "{{ decrypt(s, s) }}", "{% for x in s %}{% endfor %}", "{{ s - 1 }}", "{{ s.a }}", "{{ s | chunk(1) }}", "{{ s | base64decode }}", "{{ s | jq('.a') }}"],
)
def test_a_message_does_not_quote_what_may_be_secret(template: str) -> None:
    secret = '"hush-hush: {[ \x01 }'
    with pytest.raises(ExpressionError) as error:
        render(template, {"s": secret})
    assert "hush" not in error.value.message


def test_of_a_long_text_only_the_expression_is_shown() -> None:
    with pytest.raises(ExpressionError) as error:
        render("{{ render(s) }}", {"s": "hush " * 100 + "{{ nowhere }} " + "hush " * 100})
    assert "hush" not in error.value.message
    assert "`{{ nowhere …`" in error.value.message


def test_typed_rendering_keeps_types_through_every_expression() -> None:
    assert render_typed("{{ l }}", V) == [1, 2, 3]
    assert render_typed("{{ m.b }}", V) == {"c": 2}
    assert render_typed("{{ n }}", V) is None
    assert render_typed("{{ 1 + 1 }}", V) == 2
    assert render_typed("{{ t }}", V) is True
    assert render_typed("{% if t %}{{ l }}{% endif %}", V) == [1, 2, 3]
    assert render_typed("{% for x in l %}{{ x }}{% endfor %}", V) == 6
    assert render_typed("{{ s }}-{{ n }}", V) == "abc-"
