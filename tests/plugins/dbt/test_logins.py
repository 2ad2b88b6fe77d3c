"""What is secret in a profiles.yml, however it stands there."""

from __future__ import annotations

import json

import pytest

from plugins.dbt._artifacts import Artifact, without_secrets
from plugins.dbt._logins import hidden
from plugins.scripts._script import open_place
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import dbt, shell

POSTGRES = "shop:\n  target: dev\n  outputs:\n    dev:\n      {type: postgres, host: db, user: ada, dbname: shop, schema: marts, FIELD}\n"


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("password: hunter22", ["hunter22"]),
        ("pass: hunter22", ["hunter22"]),
        ("PASSWORD: 12345678", ["12345678"]),
        ("token: dapi0123", ["dapi0123"]),
        ("keyfile_json: {project_id: p, private_key: '-----BEGIN', private_key_id: x}", ["-----BEGIN"]),
        ("client_secret: abcdef", ["abcdef"]),
        ("aws_secret_access_key: abcdef", ["abcdef"]),
        ("settings: {motherduck_token: abcdef, s3_region: eu}", ["abcdef"]),
        ("attach: [{path: 'postgres:host=db password=hunter22 user=ada'}]", ["hunter22"]),
        ("path: 'postgres://ada:hunter22@db/shop'", ["hunter22"]),
        ("password: \"{{ env_var('WORD') }}\"", ["from-the-task"]),
        ("password: \"{{ env_var('NONE', 'otherwise') }}\"", ["otherwise"]),
        ("password: \"{{ env_var('NONE') }}\"", []),
        ("password: marts", []),  # as the schema: it hides nothing but the word
        ("password: abc", []),
        ("password:", []),
        ("threads: 4, sslmode: require, public_token: x1234, private_key_path: /etc/key", []),
    ],
)
def test_passwords_tokens_and_keys_are_found(field: str, found: list[str]) -> None:
    assert list(hidden(POSTGRES.replace("FIELD", field), {"WORD": "from-the-task"})) == found


@pytest.mark.parametrize("text", ["", "a: [", "\t", "just text", "- 1", "a: &a [*a]", "a: 2026-13-45"])
def test_what_is_no_profile_has_none(text: str) -> None:
    assert list(hidden(text, {})) == []


def test_a_password_in_clear_is_in_no_line_of_the_log(context: MemoryContext) -> None:
    profiles = POSTGRES.replace("FIELD", "password: hunter22")
    shell("cat profiles.yml", "echo postgresql://ada:hunter22@db", profiles=profiles).run(context)
    assert any("ada" in line for line in context.lines())
    assert not any("hunter22" in line for line in context.lines())


def test_so_is_one_in_a_folder_that_a_flag_names(context: MemoryContext) -> None:
    folder = context.working_dir / "connect"
    folder.mkdir()
    (folder / "profiles.yml").write_text(POSTGRES.replace("FIELD", "password: \"{{ env_var('WORD') }}\""))
    task = dbt("dbt build --profiles-dir connect", profiles=None, env={"WORD": "hunter22"})
    with open_place(task, context) as place:
        task.prepare(context, place)
    assert context.mask("it is hunter22") != "it is hunter22"


def test_an_artifact_keeps_its_names_and_loses_secrets_that_were_compiled_in(context: MemoryContext) -> None:
    context.hide("hunter22")
    node = {"unique_id": "model.a.hunter22", "raw_code": "{{ env_var('W') }}", "compiled_code": "select 'hunter22'", "checksum": "c"}
    told = {"nodes": {"model.a.hunter22": node}, "args": {"vars": {"w": "hunter22"}}, "metadata": {"env": {"W": "hunter22"}}}
    kept = without_secrets(Artifact(context.working_dir, json.dumps(told).encode()), context)
    clear = json.loads(kept.content)
    assert clear["nodes"]["model.a.hunter22"] == {**node, "compiled_code": "select '******'"}
    assert (clear["args"], clear["metadata"]) == ({"vars": {"w": "******"}}, {"env": {"W": "******"}})
    plain = Artifact(context.working_dir, b'{"nodes": {}}  ')
    assert without_secrets(plain, context) is plain, "what holds no secret stays as dbt wrote it"
