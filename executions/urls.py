"""Addresses of executions. `home_urlpatterns` and `flow_urlpatterns` are pages of this room whose names belong to the frame and to flows;
the shell puts them there."""

from __future__ import annotations

from django.urls import path

from executions.views import (
    actions,
    bulk,
    connections,
    detail,
    execute,
    expressions,
    flow_bulk,
    flows,
    home,
    lists,
    logs,
    metrics,
    outputs,
    replay,
    states,
    storage,
    topology,
    triggers,
)

app_name = "executions"

home_urlpatterns = [path("", home.home, name="home")]
flow_urlpatterns = [
    path("flows/", flows.flow_list, name="list"),
    path("flows/export/", flow_bulk.export, name="export"),
    path("flows/bulk-<str:verb>/", flow_bulk.bulk_action, name="bulk"),
]

urlpatterns = [
    path("jump/", home.jump, name="jump"),
    path("logs/", logs.all_logs, name="logs"),
    path("triggers/", triggers.triggers, name="triggers"),
    path("namespaces/<str:namespace>/states/", states.states, name="states"),
    path("namespaces/<str:namespace>/states/<int:state_id>/promote/", states.promote, name="promote_state"),
    path("namespaces/<str:namespace>/states/<int:state_id>/forget/", states.forget, name="forget_state"),
    path("storage/", storage.usage, name="storage"),
    path("namespaces/<str:namespace>/connections/", connections.connections, name="connections"),
    path("namespaces/<str:namespace>/connections/new/", connections.edit, name="new_connection"),
    path("namespaces/<str:namespace>/connections/put/", connections.put, name="put_connection"),
    path("namespaces/<str:namespace>/connections/edit/<str:name>/", connections.edit, name="edit_connection"),
    path("namespaces/<str:namespace>/connections/<str:name>/delete/", connections.delete, name="delete_connection"),
    path("namespaces/<str:namespace>/connections/<str:name>/test/", connections.test, name="test_connection"),
    path("namespaces/<str:namespace>/connections/<str:name>/tested/", connections.tested, name="connection_tested"),
    path("flows/<str:namespace>/<str:flow_id>/execute/", execute.execute, name="execute"),
    path("flows/<str:namespace>/<str:flow_id>/execute/check/", execute.check, name="execute_check"),
    path("flows/<str:namespace>/<str:flow_id>/executions/", flows.of_flow, name="of_flow"),
    path("flows/<str:namespace>/<str:flow_id>/triggers/", triggers.flow_triggers, name="flow_triggers"),
    path("flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/", triggers.trigger, name="trigger"),
    path("flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/set/", triggers.set_trigger, name="set_trigger"),
    path("flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/backfill/", triggers.backfill, name="backfill"),
    path(
        "flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/backfill/effect/", triggers.backfill_effect, name="backfill_effect"
    ),
    path("flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/<str:verb>/", triggers.verb, name="trigger_verb"),
    path("flows/<str:namespace>/<str:flow_id>/logs/", logs.flow_logs, name="flow_logs"),
    path("flows/<str:namespace>/<str:flow_id>/metrics/", metrics.flow_metrics, name="flow_metrics"),
    path("flows/<str:namespace>/<str:flow_id>/tasks/<str:task_id>/last/", topology.last_of_task, name="last_of_task"),
    path("executions/", lists.execution_list, name="list"),
    path("executions/rows/", lists.rows, name="rows"),
    path("executions/columns/", lists.choose_columns, name="columns"),
    path("executions/bulk/<str:verb>/", bulk.bulk_action, name="bulk"),
    path("executions/<str:execution_id>/", detail.overview, name="detail"),
    path("executions/<str:execution_id>/gantt/", detail.gantt, name="gantt"),
    path("executions/<str:execution_id>/gantt/rows/<str:row_id>/", detail.gantt_row, name="gantt_row"),
    path("executions/<str:execution_id>/logs/", logs.logs_of, name="logs_of"),
    path("executions/<str:execution_id>/logs/window/", logs.window, name="log_window"),
    path("executions/<str:execution_id>/logs/find/", logs.find, name="log_find"),
    path("executions/<str:execution_id>/logs/rail/", logs.rail, name="log_rail"),
    path("executions/<str:execution_id>/logs/sources/", logs.sources, name="log_sources"),
    path("executions/<str:execution_id>/logs/download/", logs.download, name="log_download"),
    path("executions/<str:execution_id>/topology/", topology.topology_of, name="topology"),
    path("executions/<str:execution_id>/topology/node/", topology.node, name="topology_node"),
    path("executions/<str:execution_id>/outputs/", outputs.outputs, name="outputs"),
    path("executions/<str:execution_id>/outputs/evaluate/", expressions.evaluate, name="evaluate"),
    path("executions/<str:execution_id>/outputs/complete/", expressions.complete, name="complete"),
    path("executions/<str:execution_id>/file/", outputs.file, name="file"),
    path("executions/<str:execution_id>/file/download/", outputs.file_download, name="file_download"),
    path("executions/<str:execution_id>/metrics/", metrics.metrics, name="metrics"),
    path("executions/<str:execution_id>/kill/", actions.kill, name="kill"),
    path("executions/<str:execution_id>/pause/", actions.pause, name="pause"),
    path("executions/<str:execution_id>/resume/", actions.resume, name="resume"),
    path("executions/<str:execution_id>/resume/form/", actions.resume_form, name="resume_form"),
    path("executions/<str:execution_id>/resume/check/", actions.resume_check, name="resume_check"),
    path("executions/<str:execution_id>/restart/", actions.restart, name="restart"),
    path("executions/<str:execution_id>/replay/", replay.replay, name="replay"),
    path("executions/<str:execution_id>/replay/dialog/", replay.replay_dialog, name="replay_dialog"),
    path("executions/<str:execution_id>/replay/check/", replay.replay_check, name="replay_check"),
    path("executions/<str:execution_id>/run-now/", actions.force_run, name="force_run"),
    path("executions/<str:execution_id>/unqueue/", actions.unqueue, name="unqueue"),
    path("executions/<str:execution_id>/labels/", actions.labels, name="labels"),
    path("executions/<str:execution_id>/change-status/", actions.change_status, name="change_status"),
    path("executions/<str:execution_id>/set-state/", actions.set_state, name="set_state"),
    path("executions/<str:execution_id>/delete/", actions.delete, name="delete"),
    path("ui/executions/<str:namespace>/<str:flow_id>/<str:execution_id>", detail.kestra_url, name="kestra_url"),
]
