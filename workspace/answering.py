"""Answering questions about unsaved text on a worker: the text stands in a kept copy of the place, in which dbt is run."""

from __future__ import annotations

import json
import logging
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from catalog.reading import mapping
from engine.document import Flow, Task
from engine.execution import Execution, TaskRun
from engine.states import State as EngineState
from executions import logbook, ports
from executions.aside import AsideContext
from executions.context import Sink
from executions.logbook import Line
from namespaces.services import connections
from plugins.contract import RunContext, TaskFailed
from plugins.core.runner._hand_over import hand_over, identity_of
from plugins.core.runner.process import TYPE as PROCESS
from plugins.dbt import _command, _database, _state
from plugins.dbt.cli.dbt_cli import DbtCLI
from plugins.scripts import _folders
from plugins.scripts._script import Place as Working
from workspace import dbt_errors, kept_copies, questions, sql_tools, targets
from workspace.kept_copies import PROFILES, KeptCopy
from workspace.models import Question
from workspace.previews import table

_TOOLS = {"format": sql_tools.formatted, "lint": sql_tools.linted}
SHOWING = ("preview", "columns")
POLL_SECONDS = 0.3
DATABASE_SECONDS = 10  # how long to wait for a DuckDB file that a run writes
INSTALLS = ("packages.yml", "dependencies.yml", "package-lock.yml")
State = Question.State
logger = logging.getLogger(__name__)


def run(question_id: str) -> None:
    """Answer a question, unless it was cancelled or answered before.

    This is the outermost place of an answer, and so the only one that catches every Exception: the page is told that it failed.
    """
    taken = Question.objects.filter(id=question_id, state=State.WAITING).update(state=State.RUNNING)
    question = Question.objects.filter(id=question_id).select_related("user").first() if taken else None
    if question is None:
        return
    began = time.perf_counter()
    try:
        answer = _answered(question)
        answer["seconds"] = round(time.perf_counter() - began, 3)
        questions.end(question.id, State.FAILED if "problems" in answer else State.DONE, answer)
    except Exception as error:
        logger.exception("A question of %s about %s failed unexpectedly", question.user_id, question.namespace)
        questions.end(question.id, State.FAILED, {"problems": [questions.problem(f"Something broke on our side: {type(error).__name__}")]})
    finally:
        kept_copies.forget_old()


def _answered(question: Question) -> dict[str, Any]:
    """The answer, or its problems."""
    asked = question.asked
    copy = KeptCopy(questions.place_of(question), question.user_id, question.kind)
    with copy.held(), _Context(question, copy) as context:
        try:
            if question.kind not in _TOOLS and (asked.get("alone") or asked.get("selection") or not asked["path"]):
                copy.bring(asked["path"], None)
                answer = Asked.about(question, copy).answered(context, question, alone=True)
                if "problems" not in answer or not asked.get("alone") or asked.get("selection"):
                    return answer  # else it may be right in its place, and there its lines are told
            copy.bring(asked["path"], asked["text"])
            if question.kind in _TOOLS:
                return _TOOLS[question.kind](context, copy, asked)
            return Asked.about(question, copy).answered(context, question, alone=False)
        except TaskFailed as failure:
            return {"problems": [questions.problem(context.told(failure.message))]}


class Asked(DbtCLI):
    """One command of dbt for a question, with the profile made read-only."""

    _copy: KeptCopy
    _asked: Mapping[str, Any]
    _profile: str = ""
    _read_only: Mapping[str, str] = {}

    @classmethod
    def about(cls, question: Question, copy: KeptCopy) -> Asked:
        """The task that answers a question."""
        asked = question.asked
        task = cls.model_validate(
            {
                "id": "ask",
                "type": "io.kestra.plugin.dbt.cli.DbtCLI",
                "containerImage": "ghcr.io/kestra-io/dbt",
                "taskRunner": {"type": PROCESS},
                "commands": [_naming(asked["target"])],
                "timeout": "PT15M",
                "parseRunResults": False,
                **({"projectDir": asked["folder"]} if asked["folder"] else {}),
            }
        )
        task._copy, task._asked = copy, asked
        return task

    def write_profiles(self, context: RunContext, place: Working) -> None:
        """Beside the copy: what the place has, else the default connection, else what a flow brings; made read-only."""
        project = self._project(context, place)
        name = _state.profile_name(place.folder, project) or "default"
        text = self._brought(place, project, name) or self._connected(context, place) or self._of_flow(context, name)
        if not text:
            raise TaskFailed(
                f"Nothing says how to connect: there is no profiles.yml with the profile '{name}', the namespace has no default "
                "connection, and no flow here brings `profiles` for it"
            )
        self._profile, self._read_only = targets.read_only(text, name, self._asked["target"], place.folder)
        _folders.write(self._copy.beside, f"{PROFILES}/profiles.yml", self._profile.encode()).chmod(0o600)
        hand_over(self._copy.beside, identity_of(context.settings))

    def _brought(self, place: Working, project: Path, name: str) -> str:
        for folder in dict.fromkeys((place.folder, project)):
            text = (_folders.read_inside(place.folder, folder / "profiles.yml") or b"").decode(errors="replace")
            if name in targets.read(text):
                return text
        return ""

    def _of_flow(self, context: RunContext, name: str) -> str:
        for template in targets.of_flows(context.flow.namespace, name):
            text = context.render(template)
            if name in targets.read(text):
                return text
        return ""

    def _profile_texts(self, context: RunContext, place: Working) -> list[str]:
        return [self._profile]

    def answered(self, context: _Context, question: Question, *, alone: bool) -> dict[str, Any]:
        """Run what answers the question, the text being `alone`, or in its place among the files."""
        with self.opened(context) as (place, runner, shell):
            self._install(context, place, lambda command, heard: runner.execute(shell([command], heard), context).exit_code)
            heard = _Heard()
            command = self._full(context, self.command(question, alone=alone))
            shown = shlex.join(["dbt", "show", *_target(self._asked)])  # without the text, which is no shell
            calls = _command.invocations([self._full(context, shown)])
            project = self._project(context, place)
            env = {"DBT_PROFILES_DIR": str(self._copy.beside / PROFILES)}
            around = self._copy.folder  # the profile lies there, beside the files
            paths = _database.files(around, project, calls, env, _state.identity(around, project, calls, env))
            with _database.held(context, paths, DATABASE_SECONDS):
                runner.execute(shell([command], heard.line), context)
        return heard.answer(context, question, "" if alone else self._compiled())

    def _compiled(self) -> str:
        """The compiled SQL of the model that was asked for, as far as dbt came to it."""
        says = _folders.read_inside(self._copy.files, self._copy.files / self._asked["folder"] / "dbt_project.yml") or b""
        name = targets.read(says.decode(errors="replace")).get("name")
        path = self._copy.beside / kept_copies.TARGET / "compiled" / str(name) / self._inside()
        return (_folders.read_inside(self._copy.beside, path) or b"").decode(errors="replace")

    def _inside(self) -> str:
        folder, path = self._asked["folder"], str(self._asked["path"])
        return path.removeprefix(f"{folder}/") if folder else path

    def _want_notes(self, context: RunContext, place: Working) -> bool:
        """It wants none, but what comes with them: that a command only reads."""
        return True

    def prepare(self, context: RunContext, place: Working) -> dict[str, str]:
        """Also what makes the connection read-only."""
        return {**super().prepare(context, place), **self._read_only}

    def command(self, question: Question, *, alone: bool) -> str:
        """The command of dbt that answers a question."""
        asked = question.asked
        shows = question.kind in SHOWING
        verb = ["dbt", "show" if shows else "compile", "--no-populate-cache"]
        if shows:
            verb += ["--limit", str(asked["limit"]), "--output", "json"]
        if alone:
            verb.append("--no-write-json")
        inline = asked.get("selection") or (asked["text"] if alone or not asked["selectable"] else "")
        verb += ["--inline", inline] if inline else ["--select", f"path:{self._inside()}"]
        return shlex.join([*verb, *_target(asked)])

    def _full(self, context: RunContext, command: str) -> str:
        folders = {"--profiles-dir": PROFILES, "--target-path": kept_copies.TARGET, "--log-path": kept_copies.LOGS}
        given = " ".join(f"{option} {shlex.quote(str(self._copy.beside / name))}" for option, name in folders.items())
        return _command.compose(f"{command} {given}", self._asked["folder"] or None, "JSON")

    def _install(self, context: _Context, place: Working, run: Callable[[str, Callable[[str, str], None]], int]) -> None:
        """Bring the packages of the project, once for each list of them."""
        project = self._project(context, place)
        lists = [_folders.read_inside(place.folder, project / name) for name in INSTALLS]
        mark, wanted = self._copy.beside / "installed", repr(lists)
        if not any(lists[:2]) or (_folders.read_inside(self._copy.beside, mark) or b"").decode() == wanted:
            return
        heard = _Heard()
        if run(self._full(context, "dbt deps"), heard.line):
            raise TaskFailed(heard.last_error() or "dbt deps failed")
        _folders.write(self._copy.beside, "installed", wanted.encode())


def _target(asked: Mapping[str, Any]) -> list[str]:
    return ["--target", str(asked["target"])] if asked["target"] else []


def _naming(target: str) -> str:
    """A command that names the target, for which a connection of that name is brought along; commands are rendered, so only plain names."""
    return f"dbt show --target {target}" if connections.NAME.fullmatch(target) else "dbt show"


class _Heard:
    """What dbt said, event by event."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.compiled: str | None = None
        self.rows: list[dict[str, Any]] | None = None
        self.plain: list[str] = []

    def line(self, stream: str, text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "info" not in event:
            self.plain.append(text)
            return
        info, data = mapping(event.get("info")), mapping(event.get("data"))
        if info.get("name") == "CompiledNode":
            self.compiled = str(data.get("compiled") or "")
        elif info.get("name") == "ShowNode":
            self.rows = json.loads(str(data.get("preview") or "[]"))
        elif info.get("name") in ("NoNodesForSelectionCriteria", "NothingToDo", "NoNodesSelected"):
            self.plain.append(f"{info.get('msg')} Is it disabled?")
        elif info.get("level") == "error":
            self.errors.append(str(data.get("exc") or info.get("msg") or ""))

    def last_error(self) -> str:
        """What went wrong in the end."""
        told = [error for error in self.errors if error.strip()] or self.plain[-5:]
        return told[0] if self.errors else "\n".join(told)

    def answer(self, context: _Context, question: Question, compiled: str) -> dict[str, Any]:
        """SQL or rows, else the problems."""
        asked = question.asked
        if question.kind in SHOWING and self.rows is not None:
            return table(context.masks.value(self.rows))
        if question.kind == "compile" and self.compiled is not None:
            return {"sql": context.mask(self.compiled)}
        shown = asked.get("selection") or asked["text"]
        compiled = "" if asked.get("selection") else compiled
        errors = list(dict.fromkeys(error for error in self.errors if error.strip())) or ["\n".join(self.plain[-5:]) or "dbt said nothing"]
        told = [context.told(error) for error in errors]
        return {"problems": dbt_errors.problems(told, shown, asked["path"], asked["folder"], context.mask(compiled))}


class _Context(AsideContext):
    """The context of one answer: it works in the kept copy, and ends when its question is cancelled."""

    def __init__(self, question: Question, copy: KeptCopy) -> None:
        began = EngineState.new(timezone.now())
        execution = Execution(question.id, question.namespace, "workspace", 1, began)
        task = Task("ask", "io.kestra.plugin.dbt.cli.DbtCLI")
        flow = Flow("workspace", question.namespace, (task,))
        super().__init__(flow, execution, {}, TaskRun(question.id, "ask", began), task, 0, sink=Sink(self._say))
        self._folder = copy.files
        self._people = ports.People(execution, question.user)  # whose schema it is where the connection is a personal one
        self._question, self._stop, self._actions = question, threading.Event(), list[Callable[[], None]]()
        self._guard, self._over = threading.Lock(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"question-{question.id}", daemon=True)

    def told(self, text: str) -> str:
        """A text as the person may see it: without secrets and without where the copy lies."""
        return self.mask(text).replace(f"{self._folder}/", "").replace(str(self._folder), ".")

    def _say(self, line: Line) -> None:
        if line.level >= logbook.NUMBERS["WARN"]:
            logger.info("dbt for the editor: %s", line.message)

    def __enter__(self) -> _Context:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        """Look whether the question is still open; where it is not, end what runs for it."""
        try:
            while not self._over.wait(POLL_SECONDS):
                if not Question.objects.filter(id=self._question.id, state=State.RUNNING).exists():
                    with self._guard:
                        self._stop.set()
                        actions = list(self._actions)
                    for action in actions:
                        action()
                    return
        finally:
            close_old_connections()

    def cancelled(self) -> bool:
        """Whether the question was cancelled."""
        return self._stop.is_set()

    @contextmanager
    def on_cancel(self, action: Callable[[], None]) -> Iterator[None]:
        """Call `action` when the question is cancelled while the block runs."""
        with self._guard:
            self._actions.append(action)
            late = self._stop.is_set()
        if late:
            threading.Thread(target=action, name="stop", daemon=True).start()
        try:
            yield
        finally:
            with self._guard:
                self._actions.remove(action)
