"""Shell tasks as a process: exit codes, output lines, files, kill, timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import Result, TaskFailed
from plugins.core.runner import _group
from plugins.scripts.shell.commands import Commands
from plugins.scripts.shell.script import Script
from tests.plugins.context import MemoryContext

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}


def commands(*lines: str, **given: Any) -> Commands:
    return Commands.model_validate({"id": "a", "type": "c", "commands": list(lines), "taskRunner": PROCESS, **given})


def script(text: str, **given: Any) -> Script:
    return Script.model_validate({"id": "a", "type": "s", "script": text, "taskRunner": PROCESS, **given})


def failure_of(task: Commands | Script, context: MemoryContext) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        task.run(context)
    return caught.value


def outputs(result: Result) -> dict[str, Any]:
    return dict(result.outputs or {})


def test_stdout_is_info_and_stderr_is_error(context: MemoryContext) -> None:
    result = commands("echo 0", "echo 1", ">&2 echo 2", ">&2 echo 3").run(context)
    assert outputs(result)["exitCode"] == 0
    assert result.state == "SUCCESS"
    assert sorted((line.level, line.message) for line in context.logs) == [("ERROR", "2"), ("ERROR", "3"), ("INFO", "0"), ("INFO", "1")]


def test_the_exit_code_of_a_failed_script_is_kept(context: MemoryContext) -> None:
    failed = failure_of(commands("echo 1 1>&2", "exit 66", "echo 2"), context)
    assert failed.message == "Command failed with exit code 66"
    assert failed.outputs is not None
    assert failed.outputs["exitCode"] == 66
    assert context.lines("INFO") == []
    assert context.lines("ERROR") == ["1"]


def test_the_first_failing_command_ends_the_script(context: MemoryContext) -> None:
    failed = failure_of(commands("unknown", "echo 1"), context)
    assert (failed.outputs or {})["exitCode"] == 127
    assert context.lines("INFO") == []


def test_without_fail_fast_the_last_command_decides(context: MemoryContext) -> None:
    result = commands("unknown", "echo 1", failFast=False).run(context)
    assert outputs(result)["exitCode"] == 0
    assert context.lines("INFO") == ["1"]


def test_files_of_the_output_directory_are_kept_and_uris_become_paths(context: MemoryContext) -> None:
    uri = context.storage.put(b"I'm here", "get.yml")
    task = commands(
        "mkdir -p {{ outputDir}}/sub/dir/",
        f"""echo '::{{"outputs": {{"extract":"'$(cat {uri})'"}}}}::'""",
        "echo 1 >> {{ outputDir}}/file.xml",
        "echo 2 >> {{ outputDir}}/sub/dir/file.csv",
        "echo 3 >> {{ outputDir}}/file.xml",
    )
    given = outputs(task.run(context))
    assert given["vars"] == {"extract": "I'm here"}
    assert {name: context.storage.text(uri) for name, uri in given["outputFiles"].items()} == {
        "file.xml": "1\n3\n",
        "sub/dir/file.csv": "2\n",
    }
    assert list(context.working_dir.iterdir()) == []


def test_an_output_may_be_null(context: MemoryContext) -> None:
    assert outputs(commands("""echo '::{"outputs": {"extract":null}}::'""").run(context))["vars"] == {"extract": None}


def test_later_outputs_win_and_are_kept_after_a_failure(context: MemoryContext) -> None:
    failed = failure_of(commands("""echo '::{"outputs":{"a":1,"b":1}}::'""", """echo '::{"outputs":{"a":2}}::'""", "exit 1"), context)
    assert (failed.outputs or {})["vars"] == {"a": 2, "b": 1}


def test_metrics_and_log_lines_come_from_the_output(context: MemoryContext) -> None:
    commands(
        """echo '::{"metrics":[{"name":"rows","type":"counter","value":3,"tags":{"t":"x"}}]}::'""",
        """echo '::{"metrics":[{"name":"time","type":"timer","value":2.5}]}::'""",
        """echo '::{"logs":[{"level":"WARN","message":"careful"}]}::'""",
        "echo '::{bad}::'",
    ).run(context)
    assert [(metric.name, metric.value, metric.kind, metric.tags) for metric in context.metrics] == [
        ("rows", 3, "counter", {"t": "x"}),
        ("time", 2.5, "timer", {}),
    ]
    assert context.lines("WARN") == ["careful", "Invalid outputs '{bad}'"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e999", "1" + "0" * 400, "true", '"3"'])
def test_a_metric_that_is_no_number_is_told_and_left_out(value: str, context: MemoryContext) -> None:
    commands(f"""echo '::{{"metrics":[{{"name":"rows","value":{value}}}]}}::'""").run(context)
    assert context.metrics == []
    assert context.lines("WARN")[0].startswith("Invalid metric")


def test_two_thousand_lines_keep_their_order(context: MemoryContext) -> None:
    script('for i in {1..2000}\ndo\n   echo "$i"\ndone\n', interpreter=["/bin/bash", "-c"]).run(context)
    assert context.lines("INFO") == [str(number) for number in range(1, 2001)]


def test_input_files_come_in_and_output_files_go_out(context: MemoryContext) -> None:
    uri = context.storage.put(b"a: 1\n", "application.yml")
    task = script("mkdir out\ncat test/application.yml literal.txt > out/bla.yml\n", outputFiles=["out/**"])
    task = task.model_copy(update={"input_files": {"test/application.yml": uri, "literal.txt": "in {{ flow.id }}"}})
    given = outputs(task.run(context))
    assert list(given["outputFiles"]) == ["out/bla.yml"]
    assert context.storage.text(given["outputFiles"]["out/bla.yml"]) == "a: 1\nin a_flow"


def test_a_named_output_file_is_known_by_its_path(context: MemoryContext) -> None:
    given = outputs(script("echo -n {{ outputFiles.outfile }} > outfile", outputFiles=["outfile"]).run(context))
    assert context.storage.text(given["outputFiles"]["outfile"]) == str(context.working_dir / "outfile")


def test_input_files_may_be_an_expression_that_gives_json(context: MemoryContext) -> None:
    context.variables["files"] = '{"a.txt": "one", "b.txt": null}'
    commands("cat a.txt", "test ! -e b.txt", inputFiles="{{ files }}").run(context)
    assert context.lines("INFO") == ["one"]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "./a", "a/../../b", "", "a\x00b"])
def test_an_input_file_cannot_leave_the_folder(context: MemoryContext, name: str) -> None:
    failed = failure_of(commands("true", inputFiles={name: "x"}), context)
    assert "Invalid file name" in failed.message


def test_a_link_of_an_earlier_task_does_not_lead_a_file_out_of_the_folder(context: MemoryContext) -> None:
    outside = context.folder / "outside"
    outside.mkdir()
    (context.working_dir / "models").symlink_to(outside)
    (context.working_dir / "plain.txt").symlink_to(outside / "target.txt")
    assert "leads out" in failure_of(commands("true", inputFiles={"models/a.sql": "x"}), context).message
    commands("true", inputFiles={"plain.txt": "x"}).run(context)
    assert list(outside.iterdir()) == []


def test_a_link_is_no_output_file(context: MemoryContext) -> None:
    given = outputs(commands("ln -s /etc/hostname leaked.txt", "echo ok > good.txt", outputFiles=["*.txt"]).run(context))
    assert list(given["outputFiles"]) == ["good.txt"]


def test_namespace_files_come_in_by_pattern(context: MemoryContext) -> None:
    files = context.namespace("company.team").files
    files.write("models/a.sql", b"select 1")
    files.write("profiles.yml", b"x")
    files.write("dbt/profiles.yml", b"y")
    commands("find . -type f -name '*.*' | grep -v .kestra", namespaceFiles={"enabled": True, "exclude": ["profiles.yml"]}).run(context)
    assert context.lines("INFO") == ["./models/a.sql"]


def test_a_later_namespace_wins_and_a_present_file_may_be_kept(context: MemoryContext) -> None:
    context.namespace("one").files.write("a.txt", b"one")
    context.namespace("two").files.write("a.txt", b"two")
    commands("cat a.txt", namespaceFiles={"namespaces": ["one", "two"]}).run(context)
    commands("cat a.txt", namespaceFiles={"namespaces": ["one"], "ifExists": "WARN"}).run(context)
    assert context.lines("INFO") == ["two", "two"]
    assert "was not brought" in context.lines("WARN")[0]
    assert "cannot be brought" in failure_of(commands("true", namespaceFiles={"namespaces": ["one"], "ifExists": "FAIL"}), context).message


def test_folders_of_several_namespaces_become_one(context: MemoryContext) -> None:
    context.namespace("one").files.write("models/a.sql", b"one")
    context.namespace("one").files.write("models/deep/b.sql", b"one")
    context.namespace("two").files.write("models/a.sql", b"two")
    context.namespace("two").files.write("models/deep/c.sql", b"two")
    given = {"namespaces": ["one", "two"]}
    commands("cat models/a.sql models/deep/b.sql models/deep/c.sql", namespaceFiles=given).run(context)
    assert context.lines("INFO") == ["twoonetwo"]
    assert "Brought 4 namespace file(s) into the working directory" in context.lines("DEBUG")
    commands("ls one/models two/models/deep", namespaceFiles={**given, "folderPerNamespace": True}).run(context)
    assert context.lines("INFO")[1:] == ["one/models:", "a.sql", "deep", "", "two/models/deep:", "c.sql"]


def test_a_folder_that_is_a_link_to_elsewhere_takes_no_namespace_file(context: MemoryContext, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (context.working_dir / "models").symlink_to(tmp_path / "outside")
    context.namespace("one").files.write("models/a.sql", b"one")
    assert "leads out" in failure_of(commands("true", namespaceFiles={"namespaces": ["one"]}), context).message
    assert list((tmp_path / "outside").iterdir()) == []


def test_before_commands_are_logged_at_debug_and_share_the_shell(context: MemoryContext) -> None:
    commands("echo $GREETING", beforeCommands=["echo preparing", "GREETING=hello"]).run(context)
    assert context.lines("DEBUG")[-1] == "preparing"
    assert context.lines("INFO") == ["hello"]


def test_the_environment_holds_only_what_the_task_defines(context: MemoryContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    commands("env", env={"MY_VALUE": "{{ flow.id }}", "NUMBER": 3}).run(context)
    names = {line.partition("=")[0] for line in context.lines("INFO")}
    assert {"MY_VALUE", "NUMBER", "PATH", "HOME", "LANG", "WORKING_DIR", "OUTPUT_DIR"} <= names
    assert "MY_VALUE=a_flow" in context.lines("INFO")
    assert not any(name.startswith(("DATABASE", "DJANGO", "KESTRA_WEB", "REDIS", "VIRTUAL")) for name in names)


def test_commands_may_be_one_expression_that_gives_a_list(context: MemoryContext) -> None:
    context.variables["list"] = ["echo a", "echo b"]
    Commands.model_validate({"id": "a", "type": "c", "commands": "{{ list }}", "taskRunner": PROCESS}).run(context)
    assert context.lines("INFO") == ["a", "b"]


def test_bytes_that_are_no_text_do_not_stop_the_reading(context: MemoryContext) -> None:
    commands(r"printf 'a\377b\n'", r"printf 'no end'").run(context)
    assert context.lines("INFO") == ["a\N{REPLACEMENT CHARACTER}b", "no end"]


def test_a_task_that_takes_too_long_is_stopped_and_fails(context: MemoryContext) -> None:
    began = time.monotonic()
    failed = failure_of(commands("echo started", "sleep 60", timeout="PT0.5S"), context)
    assert "timeout of 0.5 seconds" in failed.message
    assert failed.state == "FAILED"
    assert time.monotonic() - began < 5
    assert context.lines("INFO") == ["started"]


@pytest.mark.linux
def test_a_killed_task_leaves_no_process(context: MemoryContext) -> None:
    context.cancel_after(0.5)
    failed = failure_of(commands("trap '' TERM", "setsid sleep 4711 &", "sleep 4712 &", "sleep 4713"), context)
    assert failed.state == "KILLED"
    assert _group.members(context.groups[0]) == []
    assert not [pid for pid in _group._pids() if _command_line(pid).startswith("sleep 471")]


@pytest.mark.linux
def test_what_a_finished_task_left_running_is_ended(context: MemoryContext) -> None:
    began = time.monotonic()
    commands("sleep 4721 &", "echo done").run(context)
    assert time.monotonic() - began < 5
    assert not [pid for pid in _group._pids() if _command_line(pid).startswith("sleep 4721")]


def test_a_task_killed_before_it_starts_does_not_start(context: MemoryContext) -> None:
    context.cancel()
    assert failure_of(commands("touch {{ workingDir }}/started"), context).state == "KILLED"
    assert not (context.working_dir / "started").exists()


def test_a_missing_interpreter_is_told(context: MemoryContext) -> None:
    assert "no such program" in failure_of(commands("x", interpreter=["/no/such/shell", "-c"]), context).message


@pytest.mark.root
def test_commands_run_as_the_user_of_the_settings(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context(run_as=(12345, 12346))
    for folder in (context.folder, context.folder.parent, context.folder.parent.parent, context.folder.parent.parent.parent):
        folder.chmod(0o755)
    given = outputs(
        commands("id -u", "id -g", "id -G", "echo x > mine.txt", "cat /etc/shadow || true", outputFiles=["mine.txt"]).run(context)
    )
    assert context.lines("INFO") == ["12345", "12346", "12346"]
    assert "mine.txt" in given["outputFiles"]
    assert "rights" not in context.headers
    assert any("ermission denied" in line for line in context.lines("ERROR"))


def test_a_run_with_the_rights_of_the_server_says_so(context: MemoryContext) -> None:
    commands("true").run(context)
    assert context.headers["rights"] == "runs with the server's rights"


def _command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.linux
def test_what_left_the_group_of_a_lost_attempt_is_found_by_its_mark(context: MemoryContext) -> None:
    mark = _group.mark_of(context.task_run_id, context.attempt)
    commands("cat /proc/self/environ | tr '\\0' '\\n' | grep KESTRA_ATTEMPT").run(context)
    assert context.lines("INFO") == [f"KESTRA_ATTEMPT={mark}"]


@pytest.mark.parametrize("interpreter", [["/bin/sh", "-c"], ["/bin/bash", "-euc"]])
def test_a_secret_in_a_command_is_not_in_the_list_of_processes(context: MemoryContext, interpreter: list[str]) -> None:
    context.hide("hunter22")
    told = "tr '\\0' ' ' < /proc/$$/cmdline"
    result = commands("word=hunter22; set -e", told, "[ $word = hunter$((11 * 2)) ] && echo right", "exit 7", interpreter=interpreter)
    failed = failure_of(result, context)
    assert (failed.outputs or {})["exitCode"] == 7
    assert "right" in context.lines("INFO")[-1]
    assert not any("hunter22" in line or "******" in line for line in context.lines()), context.lines()
