"""What expressions give, as data: (template, variables, text)."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from engine.expressions.values import Float32

PARIS = ZoneInfo("Europe/Paris")
SHOP: dict[str, Any] = {
    "name": "shop", "count": 3, "price": Float32(2.125), "open": True, "nothing": None, "tags": ["a", 2, Float32(0.5)],
    "when": dt.datetime(2020, 5, 4, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    "stock": {"apple": {"kilos": 4}, "pear": {}}, "kind": "apple",
}
CONFIG = "# a comment\nname: x\nsize: 12\nratio: 1.5\non: true\nat: '10:00:00'\nempty:\nlist:\n  - one\nbase: &b\n  k: v\ncopy: *b\n"

CASES: list[tuple[str, dict[str, Any], str]] = [
    # printing
    ("plain text, { no expression", {}, "plain text, { no expression"),
    ("{{ name }}", SHOP, "shop"),
    ("{{ count }} {{ price }} {{ open }} [{{ nothing }}]", SHOP, "3 2.125 true []"),
    ("{{ tags }} / {{ stock }}", SHOP, '["a",2,0.5] / {"apple":{"kilos":4},"pear":{}}'),
    ("{{ when }}", SHOP, "2020-05-04T12:30+02:00"),
    ("{{ 10000000.0 }} {{ 0.00012 }} {{ 3.0 }}", {}, "1.0E7 1.2E-4 3.0"),
    ("{{ local }}", {"local": dt.datetime(2024, 1, 2, 3, 4, 5, 678000)}, "2024-01-02T03:04:05.678"),
    ("{{ {'a': {}} }}", {}, '{"a":{}}'),
    ("{{ pause }}", {"pause": dt.timedelta(hours=26, seconds=1.5)}, "PT26H1.5S"),
    # access
    ("{{ stock.apple.kilos }} {{ stock['apple']['kilos'] }} {{ stock[kind].kilos }} {{ tags[0] }}", SHOP, "4 4 4 a"),
    ("{{ stock.apple.kilos is defined ? stock.apple.kilos : nowhere }}", SHOP, "4"),
    ("{{ stock[nowhere].kilos is defined ? 1 : 2 }}", SHOP, "2"),
    ("{{ m.1 }} {{ m['1'] }}", {"m": {1: "one"}}, "one one"),
    # `??` and `???`
    ("{{ nowhere ?? name }} {{ nothing ?? name }} {{ stock.x.y.z ?? 'none' }} {{ name ?? (1 / 0) }}", SHOP, "shop shop none shop"),
    ("[{{ nothing ??? 'x' }}] [{{ nowhere ??? 'x' }}]", SHOP, "[] [x]"),
    ("{{ nowhere | upper ?? 'd' }} {{ '' ?? 'd' }}{{ {} ?? 'd' }}", SHOP, "d {}"),
    ("{{ nowhere.deep | default('d') }} {{ '' | default('e') }}", SHOP, "d e"),
    # operators
    ("{{ 7 / 2 }} {{ 7 % 4 }} {{ 7.0 / 2 }} {{ -7 / 2 }} {{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }}", {}, "3 3 3.5 -3 14 20"),
    ("{{ 'a' ~ 1 ~ true }} {{ 'a' + 1 }} {{ [1] + 2 }} {{ [1, 2] - 2 }}", {}, "a1true a1 [1,2] [1]"),
    ("{{ 9223372036854775807 + 1 }}", {}, "-9223372036854775808"),
    ("{{ 1 == 1.0 }} {{ 1 == '1' }} {{ true == 1 }} {{ null == null }} {{ 'a' equals 'a' }} {{ 1 != 2 }}", {}, "true false false true true true"),
    ("{{ 2 > 1 and 1 >= 1 }} {{ null < 1 }} {{ not false or false }}", {}, "true false true"),
    ("{{ [1, 2] contains 2 }} {{ 'abc' contains 'b' }} {{ {'k': 1} contains 'k' }} {{ [1, 2] contains [1, 3] }}", {}, "true true true false"),
    ("{{ 1..3 }} {{ 'a'..'c' }} {{ range(0, 10, 5) }} {{ max(1, 2) }} {{ min(3, 2) }}", {}, '[1,2,3] ["a","b","c"] [0,5,10] 2 2'),
    ("{{ 4 is even }} {{ 3 is odd }} {{ '' is empty }} {{ 'x' is not empty }} {{ [] is iterable }} {{ {} is map }} {{ null is null }}", {}, "true " * 6 + "true"),
    ("{{ '{\"a\":1}' is json }} {{ 'nope' is json }} {{ 2 is equalTo(2) }}", {}, "true false true"),
    ("{{ \"sum #{1 + 2}, name #{name | upper}\" }}", SHOP, "sum 3, name SHOP"),
    ('{{ "it\\"s" }} {{ \'it\\\'s\' }}', {}, 'it"s it\'s'),
    # tags
    ("{% if count > 5 %}a{% elseif count == 3 %}b{% else %}c{% endif %}", SHOP, "b"),
    ("{% for t in tags %}{{ loop.index }}:{{ t }}{% if not loop.last %},{% endif %}{% endfor %}", SHOP, "0:a,1:2,2:0.5"),
    ("{% for e in stock %}{{ e.key }} {% endfor %}{% for x in [] %}{% else %}none{% endfor %}", SHOP, "apple pear none"),
    ("{% set total = 0 %}{% for n in [1, 2, 3] %}{% set total = total + n %}{% endfor %}{{ total }}", {}, "6"),
    ("{{ twice('ab') }}{% macro twice(x, y='!') %}{{ x }}{{ x }}{{ y }}{% endmacro %}", {}, "abab!"),
    ("{% block b %}in{% endblock %}-{{ block('b') }}", {}, "in-in"),
    ("{% filter upper | trim %} a{{ name }} {% endfilter %}", SHOP, "ASHOP"),
    ("x {%- if true -%} y {%- endif %} z\n{# gone #}end", {}, "xy z\nend"),
    ("{% raw %}{{ name }}{% endraw %} {% verbatim %}{{ a\n}}{% endverbatim %}", SHOP, "{{ name }} {{ a\n}}"),
    ("before {%-  raw%}{{ x }}{%endraw -%} after", {}, "before {{ x }} after"),
    # render
    ("{{ v.raw }} {{ render(v.raw) }}", {"v": {"raw": "{{ v.x }}", "x": "1"}}, "{{ v.x }} 1"),
    ("{{ render(a) }} {{ renderOnce(a) }} {{ render(a, recursive=false) }}", {"a": "{{ b }}", "b": "{{ c }}", "c": "end"}, "end {{ c }} {{ c }}"),
    ("{{ render(['{{ c }}']) }} {{ render(n) }}", {"c": "x", "n": 42}, '["x"] 42'),
    # data
    ("{{ fromJson('{\"a\": [1, 2.50]}').a[1] }} {{ fromJson(null) }}", {}, "2.5 "),
    ("{{ fromIon('{day: 2024-04-21, title: \"Main\", n: 12}').title }}", {}, "Main"),
    ("{{ yaml(c).name }} {{ yaml(c).size }} {{ yaml(c).ratio }} {{ yaml(c).at }} {{ yaml(c).list[0] }} {{ yaml(c).copy.k }}", {"c": CONFIG}, "x 12 1.5 10:00:00 one v"),
    ("{{ tags | toIon }} {{ {'a b': {}, 'c': null} | toIon }}", SHOP, '["a",2,5e-1] {\'a b\':{},c:null}'.replace("5e-1", "0.5e0")),
    ("{{ {'a': 1.5} | toJson }} {{ null | toJson }} {{ 'x' | toJson }}", {}, '{"a":1.5} null "x"'),
    ("{{ ['x', 1] | yaml }}{{ 'x' | yaml }}{{ {'a': 'yes'} | yaml }}", {}, " - x\n - 1\nx\na: \"yes\"\n"),
    ("{{ {'a': [1, 2]} | jq('.a[]') }} {{ [5] | jq('.[0]') | first }}", {}, "[1,2] 5"),
    ("{{ stock | keys }} {{ [7, 8] | keys }} {{ {'a': 1} | values }} {{ [[1], 2] | flatten }} {{ [1, 2, 3] | chunk(2) }}", SHOP, '["apple","pear"] [0,1] [1] [1,2] [[1,2],[3]]'),
    ("{{ [2, 1] | sort }} {{ [1, 2] | rsort }} {{ [1, 2] | reverse }} {{ 'abc' | slice(1, 2) }} {{ [1, 2] | last }} {{ 'abc' | length }}", {}, "[1,2] [2,1] [2,1] b 2 3"),
    ("{{ {'a': 1} | merge({'b': 2}) }} {{ [1] | merge([2]) }} {{ [1, null, 'x'] | join('-') }}", {}, '{"a":1,"b":2} [1,2] 1--x'),
    ("{{ '12.3' | number | className }} {{ '7' | number | className }} {{ '9999999999' | number | className }} {{ '1' | number('DOUBLE') }}", {}, "java.lang.Float java.lang.Integer java.lang.Long 1.0"),
    ("{{ 1234.5 | numberFormat('#,##0.00') }} {{ 1.005 | numberFormat('#.##') }} {{ 0.25 | numberFormat('0%') }}", {}, "1,234.50 1 25%"),
    # text
    ("{{ 'a.b.c' | substringBefore('.') }} {{ 'a.b.c' | substringAfterLast('.') }} {{ 'a.b.c' | substringBeforeLast(separator='.') }} {{ 'x' | substringAfter('.') }}", {}, "a c a.b "),
    ("{{ 'Été  à la *mer*' | slugify }} {{ 'o neil' | title }} {{ ' a ' | trim }} {{ 'abc' | capitalize }} {{ 'abcdef' | abbreviate(5) }}", {}, "ete-a-la-mer O Neil a Abc ab..."),
    ("{{ \"it's\" | escapeChar('single') }} {{ \"it's\" | escapeChar('shell') }}", {}, "it\\'s it'\\''s"),
    ("{{ 'aa' | replace({'a': 'b'}) }} {{ 'a1b22' | replace({'(\\d+)': '<$1>'}, regexp=true) }}", {}, "bb a<1>b<22>"),
    ("{{ 'a,b,,' | split(',') }} {{ 'a.b.c' | split('\\.', 2) }}", {}, '["a","b"] ["a","b.c"]'),
    ("{{ 'x\ny' | indent(2) }}|{{ 'x\ny' | nindent(1, '\t') }}|{{ '' | nindent(2) }}", {}, "x\n  y|\n\tx\n\ty|"),
    ("{{ 'a b' | urlencode }} {{ 'a+b' | urldecode }} {{ 'ab' | base64encode }} {{ 'YWI=' | base64decode }}", {}, "a+b a b YWI= ab"),
    ("{{ 'abc' | startsWith('a') }} {{ 'abc' | endsWith('x') }} {{ 'a' | md5 }}", {}, "true false 0cc175b9c0f1b6a831c399e269772661"),
    ("{{ decrypt(k, encrypt(k, 'hush')) }}", {"k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}, "hush"),
    # dates
    ("{{ '2020-05-04T12:30:00+02:00' | date('yyyy-MM-dd HH:mm') }}", {}, "2020-05-04 10:30"),
    ("{{ '2020-05-04' | date(timeZone='Europe/Paris') }}", {}, "2020-05-04T00:00:00.000000+02:00"),
    ("{{ 'July 4, 2021' | date('iso_local_date', existingFormat='MMMM d, yyyy') }} {{ 0 | date('sql') }}", {}, "2021-07-04 1970-01-01 00:00:00.000000"),
    ("{{ d | date('EEE d MMM yy, h:mm a', timeZone='Europe/Paris') }} {{ d | date('iso_instant') }}", {"d": dt.datetime(2024, 1, 31, 22, 5, tzinfo=PARIS)}, "Wed 31 Jan 24, 10:05 PM 2024-01-31T21:05:00Z"),
    ("{{ d | date('HH') }}", {"d": dt.date(2024, 1, 31)}, "12"),
    ("{{ '2024-01-31' | dateAdd(1, 'MONTHS', format='iso_local_date') }} {{ '2024-01-31' | dateAdd(-1, 'DAYS') | timestamp }}", {}, "2024-02-29 1706572800"),
    ("{{ '1970-01-01T00:00:01Z' | timestampNano }} {{ '1970-01-01T00:00:01Z' | timestampMicro }}", {}, "1000000000 1000000"),
    # looped tasks
    ("{{ currentEachOutput(outputs.t).v }}", {"outputs": {"t": {"x": {"y": {"v": "deep"}}}}, "taskrun": {"value": "y"}, "parents": [{"taskrun": {"value": "x"}}]}, "deep"),
    ("{{ printContext() }}", {"a": {"b": [1]}}, '{"a":{"b":[1]}}'),
]

MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("{{ outputs.loda.value }}", {"outputs": {"load": {}, "clean": {}}}, "Unable to find `loda` used in the expression `{{ outputs.loda.value }}` at line 1, column 12: no `outputs.loda`; there are `load`, `clean`; did you mean `load`?"),
    ("one\ntwo {{ nowhere }}", {"here": 1}, "Unable to find `nowhere` used in the expression `two {{ nowhere }}` at line 2, column 8: no `nowhere`; there is `here`"),
    ("{{ a.b }}", {"a": None}, "null"),
    ("{{ missing ?? missing2 }}", {}, "`missing2`"),
    ("{{ missing is defined ? missing : missing2 }}", {}, "`missing2`"),
    ("{% if nothing %}{% endif %}", {"nothing": None}, "null value given to if statement"),
    ("{% if list %}{% endif %}", {"list": []}, "Unsupported value type"),
    ("{{ frob() }}", {}, "Function or Macro [frob] does not exist"),
    ("{{ 1 | frob }}", {}, "Filter [frob] does not exist"),
    ("{{ 1 is frob }}", {}, "Test [frob] does not exist"),
    ("{% include 'x' %}", {}, "the tag `include` is not available"),
    ("{{ 'x'.upper() }}", {}, "methods cannot be called"),
    ("{{ 1 + null }}", {}, "invalid operands"),
    ("{{ 1 / 0 }}", {}, "/ by zero"),
    ("{{ 5 | upper }}", {}, "needs text"),
    ("{{ 'a' | upper('b') }}", {}, "argument"),
    ("{{ 1 | chunk(2) }}", {}, "'chunk' filter can only be applied to List"),
    ("{{ | toJson }}", {}, "Unexpected"),
    ("{{ {not: json} | toJson }}", {}, "Unexpected"),
    ("{{ a b }}", {"a": 1}, "expected }}"),
    ("{{ 'open }}", {}, "Unclosed"),
    ("{{ (1 }}", {}, "Unclosed"),
    ("{# open", {}, "Unclosed comment"),
    ("{% if true %}", {}, "endif"),
    ("{{ fromIon('{not: ion') }}", {}, "not Ion"),
    ("{{ fromJson('{') }}", {}, "Invalid JSON"),
    ("{{ render(a) }}", {"a": "{{ b }}", "b": "{{ a }}"}, "Too many rendering attempts"),
    ("{{ 'x' | date }}", {}, "could not be parsed"),
    ("{{ encrypt('short', 'x') }}", {}, "key"),
]

HOSTILE: list[str] = [
    "{{ ''.__class__.__mro__ }}",
    "{{ x.__init__.__globals__ }}",
    "{{ x['__class__'] }}",
    "{% for a in 1..1000 %}{% for b in 1..1000 %}x{% endfor %}{% endfor %}",
    "{{ 1..1000000000 }}",
    "{{ range(0, 1000000000) }}",
    "{% set a = 'xxxxxxxxxxxxxxxx' %}{% for i in 1..60 %}{% set a = a ~ a %}{% endfor %}{{ a }}",
    "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(x) %}{% for i in 1..900 %}{{ x }}{% endfor %}{% endmacro %}{% set a = m('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') %}{% set b = m(a) %}{{ m(b) }}",
    "{{ render('{{ render(x.loop) }}') }}",
    "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
    "{{ " + "[" * 400 + "]" * 400 + " }}",
    "{{ " + "not " * 400 + "true }}",
    "{% if true %}" * 100 + "{% endif %}" * 100,
    "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | replace({'^(?:a|aa|aaa)+(?=b)|(a+)+b': 'x'}, regexp=true) | frob }}",
    "{{ x | indent(100000000) }}",
    "{{ '{{ x }}' | nothing }}",
    "{{ 9999999999999999999999 }}",
    "{{ self }}{{ config }}{{ cycler }}",
    "{{ '" + "A" * 3_000_000 + "' }}",
    "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(25) }}",
    "{% for a in 1..90000 %}" + "{{ a + a + a + a + a + a + a + a + a + a + a }}" * 20 + "{% endfor %}",
    "{%raw%}" * 100_000,
    "{{ render(raws) }}",
    "{{ 1 }}" * 30_000,
    "{{ x.long | replace({'': x.long}) }}",
    "{{ x.long | replace({'.': x.long}, regexp=true) }}",
    "{{ x.long | split('') | join(x.long) }}",
    "{{ x.lines | indent(1000) }}",
    "{{ ('1e999999999' | number('BIGDECIMAL')) | toIon | frob }}",
    "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | date(existingFormat=\"" + "E'a'" * 30 + "\") }}",
    "{{ 'x' | replace({'" + "(" * 20_000 + "': 'y'}, regexp=true) }}",
]
