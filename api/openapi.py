"""The OpenAPI document: what ninja knows of paths and parameters, with the bodies and answers that are read and written by hand here.

Shapes are Kestra's, so they are told as data beside the functions that make them (`api/shapes.py`), and a test holds the answers to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from pydantic import TypeAdapter

from engine import states

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
COUNTED: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
SWITCH: Schema = {"type": "boolean"}
DATE: Schema = {"type": "string", "format": "date-time"}
ANY: Schema = {}
MAP: Schema = {"type": "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def thing(required: Mapping[str, Schema] | None = None, **optional: Schema) -> Schema:
    needed = dict(required or {})
    shape: Schema = {"type": "object", "properties": needed | optional}
    return shape | ({"required": list(needed)} if needed else {})


def page(item: Schema) -> Schema:
    return thing({"results": many(item), "total": COUNTED})


NAMED = {"namespace": TEXT, "flowId": TEXT}
COMPONENTS: dict[str, Schema] = {
    "Error": thing({"message": TEXT}, logref=ANY, path=ANY, _links=MAP, _embedded=MAP, invalids=many(MAP)),
    "Label": thing({"key": TEXT, "value": TEXT}),
    "State": thing(
        {
            "current": {"type": "string", "enum": sorted({*states.UNFINISHED, *states.TERMINATED})},
            "histories": many(thing({"state": TEXT, "date": DATE})),
            "duration": TEXT,
            "startDate": DATE,
        },
        endDate=DATE,
    ),
    "TaskRun": thing(
        NAMED | {"id": TEXT, "executionId": TEXT, "taskId": TEXT, "outputs": MAP, "state": ref("State")},
        parentTaskRunId=TEXT,
        value=TEXT,
        iteration=COUNTED,
        dynamic=SWITCH,
        attempts=many(thing({"state": ref("State")}, logFile=TEXT)),
    ),
    "Execution": thing(
        NAMED
        | {"id": TEXT, "flowRevision": COUNTED, "labels": many(ref("Label")), "state": ref("State"), "originalId": TEXT}
        | {"deleted": SWITCH, "metadata": thing({"attemptNumber": COUNTED, "originalCreatedDate": DATE})},
        taskRunList=many(ref("TaskRun")),
        inputs=MAP,
        outputs=MAP,
        variables=MAP,
        parentId=TEXT,
        trigger=MAP,
        scheduleDate=DATE,
        url=TEXT,
    ),
    "Flow": thing(
        {"id": TEXT, "namespace": TEXT, "revision": COUNTED, "disabled": SWITCH, "deleted": SWITCH},
        labels=many(ref("Label")),
        tasks=many(MAP),
        inputs=many(MAP),
        source=TEXT,
    ),
    "Violation": thing(
        {"index": COUNTED, "outdated": SWITCH},
        flow=TEXT,
        namespace=TEXT,
        constraints=TEXT,
        deprecationPaths=many(TEXT),
        warnings=many(TEXT),
        infos=many(TEXT),
    ),
    "Inputs": thing(
        {"id": TEXT, "namespace": TEXT}
        | {"inputs": many(thing({"input": MAP, "enabled": SWITCH, "errors": many(thing({"message": TEXT}))}, value=ANY))}
    ),
    "Graph": thing(
        {
            "nodes": many(thing({"uid": TEXT, "type": TEXT, "error": SWITCH}, task=MAP, taskRun=ref("TaskRun"), relationType=TEXT)),
            "edges": many(thing({"source": TEXT, "target": TEXT, "relation": MAP})),
            "clusters": many(thing({"cluster": MAP, "nodes": many(TEXT), "parents": many(TEXT), "start": TEXT, "end": TEXT})),
        }
    ),
    "Topology": thing(
        {
            "nodes": many(thing({"uid": TEXT, "namespace": TEXT, "id": TEXT})),
            "edges": many(thing({"source": TEXT, "target": TEXT, "relation": TEXT})),
        }
    ),
    "LogLine": thing(
        NAMED | {"timestamp": DATE, "level": TEXT, "message": TEXT, "deleted": SWITCH},
        taskId=TEXT,
        executionId=TEXT,
        taskRunId=TEXT,
        attemptNumber=COUNTED,
        triggerId=TEXT,
        thread=TEXT,
    ),
    "Metric": thing(
        NAMED | {"taskId": TEXT, "executionId": TEXT, "taskRunId": TEXT, "type": TEXT, "name": TEXT, "value": NUMBER}, tags=MAP
    ),
    "Metrics": thing({"groupBy": TEXT, "aggregations": many(thing({"name": TEXT, "value": NUMBER, "date": DATE}))}),
    "Daily": thing({"startDate": DATE, "groupBy": TEXT, "duration": thing({"count": COUNTED}), "executionCounts": MAP}),
    "Trigger": thing(NAMED | {"triggerId": TEXT, "disabled": SWITCH}, date=DATE, nextExecutionDate=DATE, executionId=TEXT, backfill=MAP),
    "Namespace": thing({"id": TEXT, "deleted": SWITCH}, description=TEXT, variables=MAP, pluginDefaults=many(MAP), disabled=SWITCH),
    "File": thing(
        {"type": {"enum": ["File", "Directory"]}, "fileName": TEXT, "size": COUNTED, "lastModifiedTime": COUNTED, "creationTime": COUNTED}
    ),
    "Key": thing({"key": TEXT, "namespace": TEXT, "creationDate": DATE, "updateDate": DATE}, description=TEXT, expirationDate=DATE),
    "Secret": thing({"key": TEXT, "tags": many(MAP)}, namespace=TEXT, description=TEXT),
    "Documentation": thing({"markdown": TEXT, "schema": MAP}),
    "Icon": thing({"name": TEXT, "icon": TEXT, "flowable": SWITCH}),
    "Sought": thing(
        {"namespace": TEXT, "id": TEXT, "editable": SWITCH, "matches": many(MAP), "model": ref("Flow"), "fragments": many(TEXT)}
    ),
    "Count": thing({"count": COUNTED}),
    "FlowId": thing({"namespace": TEXT, "id": TEXT}),
    "TriggerId": thing(NAMED | {"triggerId": TEXT}),
}

EXECUTION, FLOW, TRIGGER, COUNT = ref("Execution"), ref("Flow"), ref("Trigger"), ref("Count")
EVALUATED = thing(result=TEXT, error=TEXT, stackTrace=TEXT)
DAILY = many(ref("Daily"))
ACTIONS = (
    "restart", "replay", "replay-with-inputs", "pause", "resume", "force-run", "unqueue", "state", "change-status", "labels",
)  # fmt: skip
EMPTY_BEFORE = ("pause", "resume")  # the older routes of these answer nothing

# The answers that the types of the views do not tell, by method and path.
ANSWERS: dict[str, Schema] = {
    "POST flows": FLOW,
    "GET flows/search": page(FLOW),
    "GET flows/source": page(ref("Sought")),
    "GET flows/{namespace}": many(FLOW),
    "POST flows/{namespace}": many(FLOW),
    "POST flows/bulk": many(FLOW),
    "POST flows/validate": many(ref("Violation")),
    "POST flows/validate/task": ref("Violation"),
    "POST flows/validate/trigger": ref("Violation"),
    "POST flows/source/replace/line": FLOW,
    "POST flows/graph": ref("Graph"),
    "GET flows/{namespace}/{flow_id}": FLOW,
    "PUT flows/{namespace}/{flow_id}": FLOW,
    "PATCH flows/{namespace}/{flow_id}/{task_id}": FLOW,
    "GET flows/{namespace}/{flow_id}/revisions": many(FLOW),
    "GET flows/{namespace}/{flow_id}/graph": ref("Graph"),
    "GET flows/{namespace}/{flow_id}/dependencies": ref("Topology"),
    "GET namespaces/{namespace}/dependencies": ref("Topology"),
    "GET executions/search": page(EXECUTION),
    "GET executions": page(EXECUTION),
    "GET executions/{execution_id}": EXECUTION,
    "GET executions/{execution_id}/graph": ref("Graph"),
    "GET executions/{execution_id}/flow": FLOW,
    "GET executions/flows/{namespace}/{flow_id}": FLOW,
    "POST executions/{namespace}/{flow_id}": EXECUTION,
    "POST executions/trigger/{namespace}/{flow_id}": EXECUTION,
    "POST executions/{namespace}/{flow_id}/validate": ref("Inputs"),
    **{
        f"{method} executions/webhook/{{namespace}}/{{flow_id}}/{{key}}{rest}": EXECUTION
        for method in ("GET", "POST", "PUT")
        for rest in ("", "/{rest}")
    },
    **{
        f"POST executions/{{execution_id}}/{more}{action}": EXECUTION
        for action in ACTIONS
        for more in ("", "actions/")
        if more or action not in EMPTY_BEFORE
    },
    "DELETE executions/{execution_id}/actions/kill": EXECUTION,
    **{f"POST executions/{{execution_id}}/{more}resume/validate": ref("Inputs") for more in ("", "actions/")},
    **{f"POST executions/{{execution_id}}/{more}eval{run}": EVALUATED for more in ("", "actions/") for run in ("", "/{task_run_id}")},
    "GET executions/{execution_id}/file/preview": thing(
        {"extension": TEXT, "type": {"enum": ["TEXT", "LIST", "IMAGE", "MARKDOWN", "PDF"]}, "maxLine": COUNTED, "truncated": SWITCH},
        content=ANY,
    ),
    "POST stats/executions/daily": DAILY,
    "POST stats/taskruns/daily": DAILY,
    "POST stats/executions/daily/group-by-flow": {"type": "object", "additionalProperties": {"additionalProperties": DAILY}},
    "POST stats/executions/daily/group-by-namespace": {"type": "object", "additionalProperties": DAILY},
    "POST stats/executions/latest/group-by-flow": many(EXECUTION),
    "GET logs/search": page(ref("LogLine")),
    "GET logs/{execution_id}": many(ref("LogLine")),
    "GET metrics/{execution_id}": page(ref("Metric")),
    "GET metrics/aggregates/{namespace}/{flow_id}/{metric}": ref("Metrics"),
    "GET metrics/aggregates/{namespace}/{flow_id}/{task_id}/{metric}": ref("Metrics"),
    "GET namespaces/search": page(ref("Namespace")),
    "POST namespaces": ref("Namespace"),
    "GET namespaces/{namespace}": ref("Namespace"),
    "PUT namespaces/{namespace}": ref("Namespace"),
    "GET namespaces/{namespace}/files/stats": ref("File"),
    "GET namespaces/{namespace}/files/directory": many(ref("File")),
    "GET namespaces/{namespace}/kv": many(ref("Key")),
    "GET namespaces/{namespace}/kv/inheritance": many(ref("Key")),
    "GET namespaces/{namespace}/kv/{key}": thing({"type": TEXT}, value=ANY),
    "GET kv": page(ref("Key")),
    "GET namespaces/{namespace}/secrets": page(ref("Secret")),
    "PUT namespaces/{namespace}/secrets": many(ref("Secret")),
    "PATCH namespaces/{namespace}/secrets/{key}": many(ref("Secret")),
    "GET secrets": page(ref("Secret")),
    "GET triggers/search": page(thing({"abstractTrigger": MAP, "triggerContext": TRIGGER})),
    "GET triggers/{namespace}/{flow_id}": page(TRIGGER),
    "GET plugins/{cls}": ref("Documentation"),
    "GET plugins/{cls}/versions/{version}": ref("Documentation"),
    "GET plugins/icons/{cls}": ref("Icon"),
    "POST flows/hashes/by-ids": thing({"hashes": many(MAP)}),
}

NOTHING: Schema = {"description": "Done; no body"}


def file(kind: str) -> Schema:
    return {"description": "A file", "content": {kind: {"schema": {"type": "string", "format": "binary"}}}}


# What answers no JSON, by method and path: {status: response}.
PLAIN: dict[str, dict[str, Schema]] = {
    **{path: {"204": NOTHING} for path in (
        "DELETE flows/{namespace}/{flow_id}", "DELETE flows/{namespace}/{flow_id}/revisions", "DELETE executions/{execution_id}",
        "POST executions/{execution_id}/pause", "POST executions/{execution_id}/resume", "DELETE namespaces/{namespace}",
        "DELETE namespaces/{namespace}/secrets/{key}", "DELETE triggers/{namespace}/{flow_id}/{trigger_id}", "POST basicAuth",
        "DELETE dashboards/{id}",
    )},
    **{path: {"200": NOTHING} for path in (
        "DELETE logs/{execution_id}", "DELETE logs/{namespace}/{flow_id}", "POST namespaces/{namespace}/files",
        "PUT namespaces/{namespace}/files", "DELETE namespaces/{namespace}/files", "POST namespaces/{namespace}/files/directory",
        "PUT namespaces/{namespace}/kv/{key}",
    )},
    **{path: {"200": file("text/csv")} for path in (
        "GET flows/export/by-query/csv", "GET executions/export/by-query/csv", "GET triggers/export/by-query/csv",
        "POST dashboards/{id}/charts/{chart_id}/export", "POST dashboards/charts/export",
    )},
    **{path: {"200": file("application/octet-stream")} for path in (
        "GET flows/export/by-query", "POST flows/export/by-ids", "GET executions/{execution_id}/file", "GET namespaces/{namespace}/files",
    )},
    **{path: {"200": file("text/event-stream")} for path in (
        "GET executions/{execution_id}/follow", "GET executions/{execution_id}/follow-dependencies", "GET logs/{execution_id}/follow",
    )},
    "DELETE executions/{execution_id}/kill": {"202": NOTHING},
    "GET logs/{execution_id}/download": {"200": file("text/plain")},
    "GET ping": {"200": file("text/plain")},
    "GET namespaces/{namespace}/files/export": {"200": file("application/zip")},
    "GET plugins/icons/{cls}/icon.svg": {"200": file("image/svg+xml")},
}  # fmt: skip

YAML_BODY = {"application/x-yaml": {"schema": {"anyOf": [{"type": "object", "additionalProperties": True}, TEXT]}}}
TEXT_BODY = {"text/plain": {"schema": TEXT}}
INPUTS_BODY = {"multipart/form-data": {"schema": {"type": "object", "additionalProperties": TEXT}}}


def json_body(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def upload(name: str) -> Schema:
    return {"multipart/form-data": {"schema": thing({name: {"type": "string", "format": "binary"}})}}


IDS, FLOW_IDS, TRIGGER_IDS = json_body(many(TEXT)), json_body(many(ref("FlowId"))), json_body(many(ref("TriggerId")))
LABELS = json_body(many(ref("Label")))
FIGURES = json_body(
    thing(
        q=TEXT,
        scope=many(TEXT),
        namespace=TEXT,
        flowId=TEXT,
        flows=many(ref("FlowId")),
        state=many(TEXT),
        startDate=DATE,
        endDate=DATE,
        namespaceOnly=SWITCH,
    )
)
CHART = json_body(
    thing(startDate=DATE, endDate=DATE, pageSize=COUNTED, pageNumber=COUNTED, namespace=TEXT, labels=MAP, filters=many(MAP))
)
REPLACEMENT = {"query": TEXT, "replacement": TEXT}
SEARCHED = {"caseSensitive": SWITCH, "wholeWord": SWITCH, "regex": SWITCH, "scope": {"enum": ["ALL", "TASKS", "TRIGGERS", "INPUTS"]}}
VERBS = ("kill", "restart", "replay", "pause", "resume", "force-run", "unqueue", "change-status")

# What requests carry, by method and path.
BODIES: dict[str, Schema] = {
    **dict.fromkeys((
        "POST flows", "PUT flows/{namespace}/{flow_id}", "PATCH flows/{namespace}/{flow_id}/{task_id}", "POST flows/validate",
        "POST flows/validate/task", "POST flows/validate/trigger", "POST flows/graph", "POST flows/bulk", "POST flows/{namespace}",
        "POST flows/expressions", "POST plugins/auto-install/detect", "POST dashboards/validate",
        "POST dashboards/validate/chart", "POST dashboards", "PUT dashboards/{id}",
    ), YAML_BODY),
    **{f"POST flows/{verb}/by-ids": FLOW_IDS for verb in ("enable", "disable", "export", "hashes")},
    "DELETE flows/delete/by-ids": FLOW_IDS,
    "POST flows/import": upload("fileUpload"),
    "POST flows/source/replace/preview": json_body(thing(REPLACEMENT, namespace=TEXT, **SEARCHED)),
    "POST flows/source/replace/apply": json_body(thing(REPLACEMENT | {"flows": many(ref("FlowId"))}, **SEARCHED)),
    "POST flows/source/replace/line": json_body(thing(REPLACEMENT | {"namespace": TEXT, "id": TEXT, "line": COUNTED}, **SEARCHED)),
    "POST executions/{namespace}/{flow_id}": INPUTS_BODY,
    "POST executions/{namespace}/{flow_id}/validate": INPUTS_BODY,
    "POST executions/trigger/{namespace}/{flow_id}": INPUTS_BODY,
    **{f"POST executions/{{execution_id}}/{more}{action}": body
       for more in ("", "actions/")
       for action, body in (
           ("resume", INPUTS_BODY), ("resume/validate", INPUTS_BODY), ("replay-with-inputs", INPUTS_BODY), ("labels", LABELS),
           ("state", json_body(thing({"taskRunId": TEXT, "state": TEXT}))), ("eval", TEXT_BODY), ("eval/{task_run_id}", TEXT_BODY),
       )},
    **{f"{'DELETE' if verb == 'kill' else 'POST'} executions/{verb}/by-ids": IDS for verb in VERBS},
    "DELETE executions/by-ids": IDS,
    "POST executions/labels/by-ids": json_body(thing({"executionsId": many(TEXT), "executionLabels": many(ref("Label"))})),
    "POST executions/labels/by-query": LABELS,
    "POST executions/latest": FLOW_IDS,
    **{f"POST dashboards/{{id}}/charts/{{chart_id}}{more}": CHART for more in ("", "/export")},
    **{f"POST dashboards/charts/{name}": json_body(thing({"chart": TEXT}, globalFilter=MAP)) for name in ("preview", "export")},
    **{f"POST stats/{name}": FIGURES for name in (
        "summary", "executions/daily", "taskruns/daily", "executions/daily/group-by-flow", "executions/daily/group-by-namespace",
        "executions/latest/group-by-flow", "logs/daily",
    )},
    "POST namespaces": json_body(thing({"id": TEXT}, description=TEXT, variables=MAP, pluginDefaults=many(MAP))),
    "PUT namespaces/{namespace}": json_body(thing(id=TEXT, description=TEXT, variables=MAP, pluginDefaults=many(MAP))),
    "POST namespaces/autocomplete": json_body(thing(q=TEXT, ids=many(TEXT), existingOnly=SWITCH)),
    "POST namespaces/{namespace}/files": upload("fileContent"),
    "PUT namespaces/{namespace}/kv/{key}": TEXT_BODY,
    "DELETE namespaces/{namespace}/kv": json_body(thing({"keys": many(TEXT)})),
    "PUT namespaces/{namespace}/secrets": json_body(thing({"key": TEXT, "value": TEXT}, description=TEXT)),
    "PATCH namespaces/{namespace}/secrets/{key}": json_body(thing(description=TEXT)),
    "PUT triggers": json_body(ref("Trigger")),
    "PUT triggers/set-disabled": json_body(thing(NAMED | {"triggerId": TEXT, "disabled": SWITCH})),
    "PUT triggers/backfill/create": json_body(thing(NAMED | {"triggerId": TEXT, "backfill": MAP})),
    "PUT triggers/backfill/pause": json_body(ref("TriggerId")),
    "PUT triggers/backfill/unpause": json_body(ref("TriggerId")),
    "POST triggers/backfill/delete": json_body(ref("TriggerId")),
    "POST triggers/set-disabled/by-triggers": json_body(thing({"triggers": many(ref("TriggerId")), "disabled": SWITCH})),
    **{f"POST triggers/{verb}/by-triggers": TRIGGER_IDS for verb in ("unlock", "backfill/pause", "backfill/unpause", "backfill/delete")},
    "DELETE triggers/delete/by-triggers": TRIGGER_IDS,
    "POST basicAuth": json_body(thing({"username": TEXT, "password": TEXT})),
}  # fmt: skip

ERRORS: dict[str, Schema] = {
    "401": {"description": "Who asks is not known; no body"},
    "4XX": {"description": "It cannot be done; the message says why", "content": {"application/json": {"schema": ref("Error")}}},
}


def described(api: NinjaAPI, root: str) -> Schema:
    """The whole document for the operations below `root`, which ends with a slash."""
    made: Schema = api.get_openapi_schema(path_prefix=root)
    views = dict(_views(api))
    for path, methods in made["paths"].items():
        shared = Counter(operation["operationId"] for operation in methods.values())
        for method in methods:
            operation = methods[method] = dict(methods[method])  # ninja gives the methods of one view the same one
            if shared[operation["operationId"]] > 1:
                operation["operationId"] += f"_{method}"
            key = f"{method.upper()} {path.removeprefix(root)}"
            operation["responses"] = _answers(key, views.get(key)) | ERRORS
            if key in BODIES:
                operation["requestBody"] = {"content": BODIES[key], "required": True}
    made["components"]["schemas"] = made["components"].get("schemas", {}) | COMPONENTS
    return made


def _views(api: NinjaAPI) -> Iterator[tuple[str, Any]]:
    """(method and path, view) of every operation."""
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                name = f"{prefix.strip('/')}{path}".strip("/").replace("{path:", "{")
                yield from ((f"{method} {name}", operation.view_func) for method in operation.methods)


def _answers(key: str, view: Any) -> dict[str, Schema]:
    if key in PLAIN:
        return PLAIN[key]
    schema = ANSWERS.get(key) or (COUNT if "/by-" in key else _typed(view))
    return {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}


def _typed(view: Any) -> Schema:
    """The JSON schema of what a view says that it gives back."""
    hint = get_type_hints(view).get("return", Any) if view is not None else Any
    if hint is Any or (isinstance(hint, type) and issubclass(hint, HttpResponseBase)):
        return {}
    return TypeAdapter(hint).json_schema()
