"""Secrets on their way through an execution: in clear where a task needs them, hidden wherever people look."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions import eval as evaluation
from executions import services
from executions.masks import MASK, Masks
from executions.models import Execution, TaskRun
from flows.models import Flow
from namespaces.services import secrets
from tests.executions.flows import CORE, NAMESPACE, log, messages, save, start, work_off

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]
AROUND = st.binary(max_size=5)
SECRET = "pa55/w+rd<&\"'é of ours"
ENCODERS = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a line": lambda text: base64.b64encode(f"{text}\n".encode()).decode(),
    "base64 after one byte": lambda text: base64.b64encode(f"u{text}:".encode()).decode(),
    "base64 after two bytes": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"u:{text}".encode()).decode().rstrip("="),
    "an address": quote,
    "a part of an address": lambda text: quote(text, safe=""),
    "a form": quote_plus,
    "JSON": json.dumps,
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "HTML": html.escape,
    "Python": repr,
    "a shell": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "hexadecimal": lambda text: text.encode().hex(),
    "capitals": str.upper,
    "small letters": str.lower,
    "backwards": lambda text: text[::-1],
}


def remains(shown: str, encoded: str) -> bool:
    """Whether six signs of the encoded secret in a row can still be read."""
    return any(encoded[at : at + 6] in shown for at in range(len(encoded) - 5))


@pytest.mark.parametrize("how", ENCODERS)
def test_a_secret_is_hidden_in_the_forms_that_encoders_give_it(how: str) -> None:
    masks = Masks()
    masks.add(SECRET)
    encoded = ENCODERS[how](SECRET)
    shown = masks.text(f"it is {encoded}, and that is all")
    assert MASK in shown
    assert not remains(shown.removeprefix("it is ").removesuffix(", and that is all"), encoded), shown
    assert shown.startswith("it is ")
    assert shown.endswith(", and that is all")


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=6, max_size=80), AROUND, AROUND)
def test_base64_never_shows_a_secret_wherever_it_lies(secret: str, before: bytes, after: bytes) -> None:
    masks = Masks()
    masks.add(secret)
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    left = masks.text(encoded).replace(MASK, "").rstrip("=")
    assert len(left) <= 8 * (len(before) + len(after)) // 6 + 2, "more signs are left than the other bytes take"


def test_a_long_secret_is_hidden_where_base64_is_wrapped() -> None:
    key = "\n".join(f"line {number} of a private key" for number in range(8))
    masks = Masks()
    masks.add(key)
    wrapped = base64.encodebytes(key.encode()).decode()
    assert [masks.text(line) for line in wrapped.splitlines()] == [MASK] * len(wrapped.splitlines())
    assert masks.text("line 3 of a private key\nx") == f"{MASK}\nx"


@pytest.mark.parametrize("secret", ["", " ", "\n", "a"])
def test_a_secret_that_is_hardly_one_hides_no_other_text(secret: str) -> None:
    masks = Masks()
    masks.add(secret)
    assert masks.text("This is bold") in ("This is bold", "This is bold".replace("a", MASK))


def put(key: str, value: str) -> None:
    secrets.put(user=None, namespace=NAMESPACE, key=key, value=value)


@pytest.mark.parametrize(
    "expression",
    [
        "{{ secret('KEY') }}",
        "{{ secret('KEY') | upper }}",
        "{{ secret('KEY') | slice(0, 3) }}",
        "{{ secret('KEY') | split('') | join('.') }}",
        "{{ secret('KEY') | base64encode }}",
        "{{ secret('KEY') | reverse }}",
        "{{ secret('KEY') | sha256 }}",
        "{{ secret('KEY') | length }}",
        "{{ secret('KEY') starts with 'zq' }}",
        "{{ secret('KEY') == 'zq-hidden-7391-value' ? 'a' : 'b' }}",
        "{% for c in secret('KEY') | split('') %}{{ c }},{% endfor %}",
        "{{ nope(secret('KEY')) }}",
        "{{ secret('KEY') | jq('.') }}",
    ],
)
def test_the_tester_tells_nothing_of_a_secret(expression: str) -> None:
    put("KEY", "zq-hidden-7391-value")
    execution = work_off(start(save("tested", "tasks:\n" + log("one"))))
    told = [evaluation.evaluate(user=None, execution_id=execution.id, expression=expression)]
    secrets.put(user=None, namespace=NAMESPACE, key="KEY", value="another one, and longer than that")
    told.append(evaluation.evaluate(user=None, execution_id=execution.id, expression=expression))
    assert told[0] == told[1], "what the tester says depends on the secret"


def test_the_tester_says_which_secret_is_not_there() -> None:
    execution = work_off(start(save("tested", "tasks:\n" + log("one"))))
    told = evaluation.evaluate(user=None, execution_id=execution.id, expression="{{ secret('NONE') }}")
    assert "Cannot find secret for key 'NONE'" in told["error"]


def test_a_form_shows_no_secret() -> None:
    put("KEY", "zq-hidden-7391-value")
    flow = save("asking", "inputs:\n  - {id: which, type: SELECT, expression: \"{{ [secret('KEY') | upper] }}\"}\ntasks:\n" + log("one"))
    checks = services.validate_inputs(user=None, namespace=NAMESPACE, flow_id=flow, inputs={"which": "x"})
    assert "HIDDEN" not in str(checks)


def test_a_subflow_is_given_a_secret_that_nobody_can_read() -> None:
    put("KEY", "zq-hidden-7391-value")
    check = "{{ inputs.key == 'zq-' ~ 'hidden-7391-value' ? 'right' : 'wrong' }} {{ inputs.plain }} {{ inputs.key }}"
    save("below", "inputs:\n  - {id: key, type: STRING}\n  - {id: plain, type: STRING}\ntasks:\n" + log("told", check))
    inputs = "inputs: {key: \"{{ secret('KEY') }}\", plain: seen}"
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: below, {inputs}}}\n"
    parent = work_off(start(save("above", "tasks:\n" + call)))
    assert parent.state == "SUCCESS", messages(parent)
    assert messages(Execution.objects.get(flow_id="below"), 2) == [f"right seen {MASK}"]
    rows = [str(list(kind.objects.values())) for kind in (Execution, TaskRun)]
    assert not any("hidden-7391" in row for row in rows)


def test_what_no_database_can_keep_is_left_out() -> None:
    body = "labels: {a: x}\ntasks:\n"
    body += f'  - {{id: one, type: {CORE}.debug.Return, format: "{{{{ inputs.it }}}}"}}\n' + log("two", "{{ inputs.it }}")
    body = 'inputs:\n  - {id: it, type: STRING}\noutputs:\n  - {id: o, type: STRING, value: "{{ inputs.it }}"}\n' + body
    execution = work_off(start(save("holed", body), inputs={"it": "e\0f\ud800"}, labels=[("b\0", "\0c")]))
    assert execution.state == "SUCCESS", messages(execution)
    assert (execution.inputs, execution.outputs) == ({"it": "ef\N{REPLACEMENT CHARACTER}"}, {"o": "ef\N{REPLACEMENT CHARACTER}"})
    assert execution.task_runs.get(task_id="one").outputs == {"value": "ef\N{REPLACEMENT CHARACTER}"}
    assert "ef\N{REPLACEMENT CHARACTER}" in messages(execution)
    assert {"b": "c", "a": "x"}.items() <= dict(execution.label_rows.values_list("key", "value")).items()
    rows = [repr(list(model.objects.values())) for model in (Execution, TaskRun, Flow)]
    assert not any("\\x00" in row or "\\u0000" in row for row in rows)
