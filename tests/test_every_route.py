"""Every route and every socket, asked by nobody, a stranger, a reader, a member, an owner and an administrator.

`ROUTES` says for every method and address who may use it. An address or method that is missing there, or that is gone, fails a test, and so
does an answer that the table does not allow. Whoever may not finds everything as it was, and so does whoever asks by another method.
"""

# ruff: noqa: E501 -- the table is read by columns

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from api.server import VERSION
from catalog.models import Node, Project
from executions import consumers, dashboards, project_states, storage
from executions.models import Execution, Plan, ProjectState, Step, TaskRun, TriggerState
from executions.ports import COMPLETE
from flows import services as flow_services
from flows import templates
from kestra_web.asgi import application
from kv import services as kv
from namespaces import files
from namespaces.models import User
from namespaces.services import connections, secrets, tokens, versions
from tests import builders, walking
from tests.executions import page_data
from tests.plugins.git.remotes import Remote
from workspace import repositories
from workspace.models import Question

# Who may: open is anybody, signed whoever is signed in, self only whose thing it is, none nobody at all. A reader, member or owner of the
# namespace and whoever is more; a stranger is told that there is nothing. above is an owner of what lies above. found works on what a search finds, each (read-each) on what
# the body lists: as far as one may, and not at all where one may not.
ROUTES = r"""
GET    signed    /
GET    signed    /account/
POST   open      /account/appearance/
GET    signed    /account/password/
POST   signed    /account/password/
POST   signed    /account/rename/
POST   self      /account/tokens/<int:token_id>/revoke/
POST   signed    /account/tokens/create/
GET    signed    /api/docs
GET    signed    /catalog/
GET    signed    /catalog/jump/
GET    reader    /catalog/<int:project_id>/
GET    reader    /catalog/<int:project_id>/lineage/
GET    reader    /catalog/<int:project_id>/lineage/column/
GET    reader    /catalog/<int:project_id>/lineage/data/
GET    reader    /catalog/<int:project_id>/lineage/node/
GET    reader    /catalog/<int:project_id>/nodes/<path:unique_id>/
GET    admin     /environments/
POST   admin     /environments/<str:key>/remove/
GET    signed    /executions/
GET    reader    /executions/<str:execution_id>/
POST   member    /executions/<str:execution_id>/change-status/
GET    reader    /executions/<str:execution_id>/compare/
POST   member    /executions/<str:execution_id>/delete/
GET    reader    /executions/<str:execution_id>/file/
GET    reader    /executions/<str:execution_id>/file/download/
GET    reader    /executions/<str:execution_id>/gantt/
GET    reader    /executions/<str:execution_id>/gantt/insights/
GET    reader    /executions/<str:execution_id>/gantt/rows/<str:row_id>/
POST   member    /executions/<str:execution_id>/kill/
GET    member    /executions/<str:execution_id>/labels/
POST   member    /executions/<str:execution_id>/labels/
GET    reader    /executions/<str:execution_id>/logs/
GET    reader    /executions/<str:execution_id>/logs/download/
GET    reader    /executions/<str:execution_id>/logs/find/
GET    reader    /executions/<str:execution_id>/logs/rail/
GET    reader    /executions/<str:execution_id>/logs/sources/
GET    reader    /executions/<str:execution_id>/logs/window/
GET    reader    /executions/<str:execution_id>/metrics/
GET    reader    /executions/<str:execution_id>/outputs/
POST   reader    /executions/<str:execution_id>/outputs/complete/
POST   reader    /executions/<str:execution_id>/outputs/evaluate/
POST   member    /executions/<str:execution_id>/pause/
POST   member    /executions/<str:execution_id>/replay/
POST   member    /executions/<str:execution_id>/replay/check/
GET    member    /executions/<str:execution_id>/replay/dialog/
POST   member    /executions/<str:execution_id>/restart/
POST   member    /executions/<str:execution_id>/resume-dbt/
POST   member    /executions/<str:execution_id>/resume/
POST   member    /executions/<str:execution_id>/resume/check/
GET    member    /executions/<str:execution_id>/resume/form/
POST   member    /executions/<str:execution_id>/run-nodes/
POST   member    /executions/<str:execution_id>/run-now/
POST   member    /executions/<str:execution_id>/set-state/
GET    reader    /executions/<str:execution_id>/topology/
GET    reader    /executions/<str:execution_id>/topology/node/
POST   member    /executions/<str:execution_id>/unqueue/
GET    signed    /executions/bulk/<str:verb>/
POST   found     /executions/bulk/<str:verb>/
POST   signed    /executions/columns/
GET    signed    /executions/rows/
GET    signed    /flows/
GET    reader    /flows/<str:namespace>/<str:flow_id>/
POST   member    /flows/<str:namespace>/<str:flow_id>/delete/
GET    reader    /flows/<str:namespace>/<str:flow_id>/dependencies/
POST   member    /flows/<str:namespace>/<str:flow_id>/disable/
GET    reader    /flows/<str:namespace>/<str:flow_id>/editor/
POST   member    /flows/<str:namespace>/<str:flow_id>/enable/
GET    member    /flows/<str:namespace>/<str:flow_id>/execute/
POST   member    /flows/<str:namespace>/<str:flow_id>/execute/
POST   member    /flows/<str:namespace>/<str:flow_id>/execute/check/
GET    reader    /flows/<str:namespace>/<str:flow_id>/executions/
GET    reader    /flows/<str:namespace>/<str:flow_id>/export/
GET    reader    /flows/<str:namespace>/<str:flow_id>/logs/
POST   member    /flows/<str:namespace>/<str:flow_id>/restore/
GET    reader    /flows/<str:namespace>/<str:flow_id>/revisions/
POST   member    /flows/<str:namespace>/<str:flow_id>/save/
GET    reader    /flows/<str:namespace>/<str:flow_id>/metrics/
GET    reader    /flows/<str:namespace>/<str:flow_id>/tasks/<str:task_id>/last/
GET    reader    /flows/<str:namespace>/<str:flow_id>/topology/
GET    reader    /flows/<str:namespace>/<str:flow_id>/topology/node/
GET    reader    /flows/<str:namespace>/<str:flow_id>/triggers/
GET    reader    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/
POST   member    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/<str:verb>/
GET    member    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/backfill/
POST   member    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/backfill/
POST   member    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/backfill/effect/
POST   member    /flows/<str:namespace>/<str:flow_id>/triggers/<str:trigger_id>/set/
POST   signed    /flows/draw/
POST   signed    /flows/format/
GET    signed    /flows/bulk-<str:verb>/
POST   found     /flows/bulk-<str:verb>/
POST   member    /flows/<str:namespace>/<str:flow_id>/plan/
GET    signed    /flows/export/
GET    signed    /flows/import/
POST   found     /flows/import/
GET    signed    /flows/new/
POST   member    /flows/new/
GET    signed    /flows/schema.json
POST   signed    /flows/validate/
GET    open      /health
GET    open      /ping
GET    signed    /jump/
GET    signed    /logs/
GET    signed    /namespaces/
GET    reader    /namespaces/<str:namespace>/
POST   owner     /namespaces/<str:namespace>/delete/
GET    reader    /namespaces/<str:namespace>/dependencies/
POST   owner     /namespaces/<str:namespace>/describe/
GET    reader    /namespaces/<str:namespace>/files/
GET    reader    /namespaces/<str:namespace>/files/branch/
POST   member    /namespaces/<str:namespace>/files/create/
POST   member    /namespaces/<str:namespace>/files/delete/
GET    reader    /namespaces/<str:namespace>/files/download/
GET    reader    /namespaces/<str:namespace>/files/export/
GET    reader    /namespaces/<str:namespace>/files/find/
GET    reader    /namespaces/<str:namespace>/files/history/
GET    reader    /namespaces/<str:namespace>/files/history/download/
POST   member    /namespaces/<str:namespace>/files/history/restore/
GET    reader    /namespaces/<str:namespace>/files/trash/
POST   member    /namespaces/<str:namespace>/files/trash/<int:deletion_id>/restore/
POST   owner     /namespaces/<str:namespace>/files/trash/<int:deletion_id>/forget/
POST   owner     /namespaces/<str:namespace>/files/trash/empty/
POST   member    /namespaces/<str:namespace>/files/rename/
POST   member    /namespaces/<str:namespace>/files/restore/
POST   member    /namespaces/<str:namespace>/files/save/
POST   member    /namespaces/<str:namespace>/files/upload/
GET    reader    /namespaces/<str:namespace>/flows/export/
GET    reader    /namespaces/<str:namespace>/kv/
POST   member    /namespaces/<str:namespace>/kv/<str:key>/delete/
POST   member    /namespaces/<str:namespace>/kv/put/
GET    reader    /namespaces/<str:namespace>/members/
POST   owner     /namespaces/<str:namespace>/members/<int:person_id>/remove/
POST   owner     /namespaces/<str:namespace>/members/add/
GET    reader    /namespaces/<str:namespace>/plugin-defaults/
POST   owner     /namespaces/<str:namespace>/plugin-defaults/
GET    reader    /namespaces/<str:namespace>/connections/
POST   owner     /namespaces/<str:namespace>/connections/<str:name>/delete/
POST   member    /namespaces/<str:namespace>/connections/<str:name>/test/
GET    reader    /namespaces/<str:namespace>/connections/<str:name>/tested/
GET    owner     /namespaces/<str:namespace>/connections/edit/<str:name>/
GET    owner     /namespaces/<str:namespace>/connections/new/
POST   owner     /namespaces/<str:namespace>/connections/put/
GET    reader    /namespaces/<str:namespace>/secrets/
POST   owner     /namespaces/<str:namespace>/secrets/<str:key>/delete/
POST   owner     /namespaces/<str:namespace>/secrets/put/
GET    reader    /namespaces/<str:namespace>/states/
POST   member    /namespaces/<str:namespace>/states/<int:state_id>/forget/
POST   member    /namespaces/<str:namespace>/states/<int:state_id>/promote/
GET    reader    /namespaces/<str:namespace>/variables/
POST   owner     /namespaces/<str:namespace>/variables/
POST   above     /namespaces/create/
GET    admin     /people/
POST   admin     /people/(?P<person_id>\d+)/(?P<action>disable|enable|promote|demote)/
POST   admin     /people/<int:person_id>/reset-password/
POST   admin     /people/add/
GET    reader    /plans/<str:plan_id>/
POST   member    /plans/<str:plan_id>/add/
POST   member    /plans/<str:plan_id>/approve/
POST   reader    /plans/<str:plan_id>/estimate/
GET    reader    /plans/<str:plan_id>/others/
POST   member    /plans/<str:plan_id>/run/
GET    signed    /plugins/
GET    signed    /plugins/<str:type_>/
GET    signed    /secrets/
GET    open      /signin/
POST   open      /signin/
POST   open      /signout/
GET    admin     /storage/
GET    signed    /triggers/
GET    reader    /ui/executions/<str:namespace>/<str:flow_id>/<str:execution_id>
GET    member    /workspace/<str:namespace>/git/
GET    owner     /workspace/<str:namespace>/git/binding/
POST   owner     /workspace/<str:namespace>/git/bind/
GET    member    /workspace/<str:namespace>/git/blame/
GET    member    /workspace/<str:namespace>/git/branches/
GET    member    /workspace/<str:namespace>/git/branches/copy/
POST   member    /workspace/<str:namespace>/git/branches/create/
POST   member    /workspace/<str:namespace>/git/branches/merge/
POST   member    /workspace/<str:namespace>/git/branches/remove/
POST   member    /workspace/<str:namespace>/git/branches/return/<str:kept>/
POST   member    /workspace/<str:namespace>/git/bring-back/<str:kept>/
GET    member    /workspace/<str:namespace>/git/clash/
POST   member    /workspace/<str:namespace>/git/clash/cancel/
POST   member    /workspace/<str:namespace>/git/clash/finish/
POST   member    /workspace/<str:namespace>/git/clash/reopen/
POST   member    /workspace/<str:namespace>/git/clash/resolve/
POST   member    /workspace/<str:namespace>/git/commit/
GET    member    /workspace/<str:namespace>/git/commits/<str:commit>/
GET    member    /workspace/<str:namespace>/git/commits/<str:commit>/file/
POST   member    /workspace/<str:namespace>/git/commits/<str:commit>/revert/
GET    member    /workspace/<str:namespace>/git/deploy/
POST   member    /workspace/<str:namespace>/git/deploy/
POST   member    /workspace/<str:namespace>/git/commits/<str:commit>/tag/
GET    member    /workspace/<str:namespace>/git/difference/
POST   member    /workspace/<str:namespace>/git/discard/
POST   member    /workspace/<str:namespace>/git/discard-hunk/
POST   member    /workspace/<str:namespace>/git/fetch/
GET    member    /workspace/<str:namespace>/git/log/
GET    member    /workspace/<str:namespace>/git/others/
GET    member    /workspace/<str:namespace>/git/panel/
POST   member    /workspace/<str:namespace>/git/pull/
POST   member    /workspace/<str:namespace>/git/push/
POST   member    /workspace/<str:namespace>/git/run/
POST   member    /workspace/<str:namespace>/git/stage-hunk/
POST   member    /workspace/<str:namespace>/git/stage/
POST   owner     /workspace/<str:namespace>/git/unbind/
POST   member    /workspace/<str:namespace>/git/unstage/
GET    signed    /workspace/
GET    reader    /workspace/<str:namespace>/
POST   member    /workspace/<str:namespace>/create/
POST   member    /workspace/<str:namespace>/delete/
GET    reader    /workspace/<str:namespace>/download/
GET    reader    /workspace/<str:namespace>/marks/
GET    reader    /workspace/<str:namespace>/paths/
POST   member    /workspace/<str:namespace>/rename/
POST   member    /workspace/<str:namespace>/restore/
POST   reader    /workspace/<str:namespace>/settings/
POST   member    /workspace/<str:namespace>/upload/
POST   member    /workspace/<str:namespace>/dbt/compile/
GET    reader    /workspace/<str:namespace>/dbt/knowledge/
POST   member    /workspace/<str:namespace>/dbt/preview/
DELETE self      /workspace/<str:namespace>/dbt/preview/<str:question_id>/
GET    self      /workspace/<str:namespace>/dbt/preview/<str:question_id>/
POST   reader    /workspace/<str:namespace>/dbt/problems/
POST   reader    /workspace/<str:namespace>/dbt/references/
POST   member    /workspace/<str:namespace>/dbt/rename/
POST   member    /workspace/<str:namespace>/dbt/run/
POST   member    /workspace/<str:namespace>/generate/<str:what>/
POST   member    /workspace/<str:namespace>/format/
POST   member    /workspace/<str:namespace>/lint/
GET    reader    /workspace/<str:namespace>/dbt/docs/
POST   member    /workspace/<str:namespace>/dbt/docs/
GET    reader    /workspace/<str:namespace>/dbt/lineage/
GET    reader    /workspace/<str:namespace>/dbt/target/
POST   reader    /workspace/<str:namespace>/dbt/target/
GET    reader    /workspace/<str:namespace>/drafts/
POST   member    /workspace/<str:namespace>/draft/
POST   member    /workspace/<str:namespace>/draft/drop/
POST   member    /workspace/<str:namespace>/save/
GET    member    /workspace/<str:namespace>/merge/
POST   member    /workspace/<str:namespace>/merge/join/
GET    reader    /workspace/<str:namespace>/history/
GET    reader    /workspace/<str:namespace>/history/download/
POST   member    /workspace/<str:namespace>/history/restore/
GET    reader    /workspace/<str:namespace>/trash/
POST   member    /workspace/<str:namespace>/trash/<int:deletion_id>/restore/
POST   owner     /workspace/<str:namespace>/trash/<int:deletion_id>/forget/
POST   owner     /workspace/<str:namespace>/trash/empty/
GET    reader    /workspace/<str:namespace>/search/contents/
GET    reader    /workspace/<str:namespace>/search/names/
GET    reader    /workspace/<str:namespace>/text/
GET    none      /api/v1/
GET    signed    /api/v1/auths
POST   signed    /api/v1/basicAuth
GET    signed    /api/v1/basicAuthValidationErrors
GET    signed    /api/v1/blueprints/community
GET    signed    /api/v1/blueprints/community/<kind>
GET    signed    /api/v1/blueprints/community/<kind>/tags
GET    signed    /api/v1/blueprints/community/tags
GET    signed    /api/v1/blueprints/custom
PUT    member    /api/v1/concurrency-limit/<namespace>/<flow_id>
GET    signed    /api/v1/concurrency-limit/search
GET    signed    /api/v1/configs
GET    open      /api/v1/configs/login
GET    signed    /api/v1/dashboards
POST   signed    /api/v1/dashboards
GET    signed    /api/v1/dashboards/
POST   signed    /api/v1/dashboards/
DELETE above     /api/v1/dashboards/<id>
GET    signed    /api/v1/dashboards/<id>
PUT    above     /api/v1/dashboards/<id>
POST   signed    /api/v1/dashboards/<id>/charts/<chart_id>
POST   signed    /api/v1/dashboards/<id>/charts/<chart_id>/export
POST   signed    /api/v1/dashboards/charts/export
POST   signed    /api/v1/dashboards/charts/preview
GET    signed    /api/v1/dashboards/settings/default-dashboards
POST   signed    /api/v1/dashboards/validate
POST   signed    /api/v1/dashboards/validate/chart
GET    reader    /api/v1/executions
GET    reader    /api/v1/executions/
DELETE member    /api/v1/executions/<execution_id>
GET    reader    /api/v1/executions/<execution_id>
POST   member    /api/v1/executions/<execution_id>/actions/change-status
POST   member    /api/v1/executions/<execution_id>/actions/eval
POST   member    /api/v1/executions/<execution_id>/actions/eval/<task_run_id>
POST   member    /api/v1/executions/<execution_id>/actions/force-run
DELETE member    /api/v1/executions/<execution_id>/actions/kill
POST   member    /api/v1/executions/<execution_id>/actions/labels
POST   member    /api/v1/executions/<execution_id>/actions/pause
POST   member    /api/v1/executions/<execution_id>/actions/replay
POST   member    /api/v1/executions/<execution_id>/actions/replay-with-inputs
POST   member    /api/v1/executions/<execution_id>/actions/restart
POST   member    /api/v1/executions/<execution_id>/actions/resume
POST   member    /api/v1/executions/<execution_id>/actions/resume-from-breakpoint
POST   member    /api/v1/executions/<execution_id>/actions/resume/validate
POST   member    /api/v1/executions/<execution_id>/actions/state
POST   member    /api/v1/executions/<execution_id>/actions/unqueue
POST   member    /api/v1/executions/<execution_id>/change-status
POST   member    /api/v1/executions/<execution_id>/eval
POST   member    /api/v1/executions/<execution_id>/eval/<task_run_id>
GET    reader    /api/v1/executions/<execution_id>/file
GET    reader    /api/v1/executions/<execution_id>/file/metas
GET    reader    /api/v1/executions/<execution_id>/file/preview
GET    reader    /api/v1/executions/<execution_id>/flow
GET    signed    /api/v1/executions/<execution_id>/follow
GET    reader    /api/v1/executions/<execution_id>/follow-dependencies
POST   member    /api/v1/executions/<execution_id>/force-run
GET    reader    /api/v1/executions/<execution_id>/graph
DELETE member    /api/v1/executions/<execution_id>/kill
POST   member    /api/v1/executions/<execution_id>/labels
POST   member    /api/v1/executions/<execution_id>/pause
POST   member    /api/v1/executions/<execution_id>/replay
POST   member    /api/v1/executions/<execution_id>/replay-with-inputs
POST   member    /api/v1/executions/<execution_id>/restart
POST   member    /api/v1/executions/<execution_id>/resume
POST   member    /api/v1/executions/<execution_id>/resume-from-breakpoint
POST   member    /api/v1/executions/<execution_id>/resume/validate
POST   member    /api/v1/executions/<execution_id>/state
POST   member    /api/v1/executions/<execution_id>/unqueue
POST   member    /api/v1/executions/<namespace>/<flow_id>
POST   member    /api/v1/executions/<namespace>/<flow_id>/validate
DELETE each      /api/v1/executions/by-ids
DELETE found     /api/v1/executions/by-query
POST   each      /api/v1/executions/change-status/by-ids
POST   found     /api/v1/executions/change-status/by-query
GET    signed    /api/v1/executions/distinct-field-values
GET    signed    /api/v1/executions/export/by-query/csv
GET    reader    /api/v1/executions/flows/<namespace>/<flow_id>
POST   each      /api/v1/executions/force-run/by-ids
POST   found     /api/v1/executions/force-run/by-query
DELETE each      /api/v1/executions/kill/by-ids
DELETE found     /api/v1/executions/kill/by-query
POST   each      /api/v1/executions/labels/by-ids
POST   found     /api/v1/executions/labels/by-query
POST   signed    /api/v1/executions/latest
GET    signed    /api/v1/executions/namespaces
GET    member    /api/v1/executions/namespaces/<namespace>/flows
GET    reader    /api/v1/executions/namespaces/<namespace>/flows/<flow_id>/average-duration
POST   each      /api/v1/executions/pause/by-ids
POST   found     /api/v1/executions/pause/by-query
POST   each      /api/v1/executions/replay/by-ids
POST   found     /api/v1/executions/replay/by-query
POST   each      /api/v1/executions/restart/by-ids
POST   found     /api/v1/executions/restart/by-query
POST   each      /api/v1/executions/resume/by-ids
POST   found     /api/v1/executions/resume/by-query
GET    signed    /api/v1/executions/search
POST   member    /api/v1/executions/trigger/<namespace>/<flow_id>
POST   each      /api/v1/executions/unqueue/by-ids
POST   found     /api/v1/executions/unqueue/by-query
GET    open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>
POST   open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>
PUT    open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>
GET    open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>/<path:rest>
POST   open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>/<path:rest>
PUT    open      /api/v1/executions/webhook/<namespace>/<flow_id>/<key>/<path:rest>
POST   member    /api/v1/flows
POST   member    /api/v1/flows/
GET    reader    /api/v1/flows/<namespace>
POST   member    /api/v1/flows/<namespace>
DELETE member    /api/v1/flows/<namespace>/<flow_id>
GET    reader    /api/v1/flows/<namespace>/<flow_id>
PUT    member    /api/v1/flows/<namespace>/<flow_id>
PATCH  member    /api/v1/flows/<namespace>/<flow_id>/<task_id>
GET    reader    /api/v1/flows/<namespace>/<flow_id>/dependencies
GET    reader    /api/v1/flows/<namespace>/<flow_id>/graph
DELETE member    /api/v1/flows/<namespace>/<flow_id>/revisions
GET    reader    /api/v1/flows/<namespace>/<flow_id>/revisions
GET    reader    /api/v1/flows/<namespace>/<flow_id>/tasks/<task_id>
POST   member    /api/v1/flows/bulk
DELETE each      /api/v1/flows/delete/by-ids
DELETE found     /api/v1/flows/delete/by-query
GET    signed    /api/v1/flows/deprecated
POST   each      /api/v1/flows/disable/by-ids
POST   found     /api/v1/flows/disable/by-query
GET    signed    /api/v1/flows/distinct-namespaces
POST   each      /api/v1/flows/enable/by-ids
POST   found     /api/v1/flows/enable/by-query
POST   read-each /api/v1/flows/export/by-ids
GET    signed    /api/v1/flows/export/by-query
GET    signed    /api/v1/flows/export/by-query/csv
POST   signed    /api/v1/flows/expressions
POST   signed    /api/v1/flows/graph
POST   signed    /api/v1/flows/hashes/by-ids
POST   found     /api/v1/flows/import
GET    signed    /api/v1/flows/search
GET    signed    /api/v1/flows/source
POST   found     /api/v1/flows/source/replace/apply
POST   member    /api/v1/flows/source/replace/line
POST   signed    /api/v1/flows/source/replace/preview
POST   signed    /api/v1/flows/validate
POST   signed    /api/v1/flows/validate/task
POST   signed    /api/v1/flows/validate/trigger
GET    signed    /api/v1/kv
DELETE member    /api/v1/logs/<execution_id>
GET    reader    /api/v1/logs/<execution_id>
GET    reader    /api/v1/logs/<execution_id>/download
GET    reader    /api/v1/logs/<execution_id>/follow
DELETE member    /api/v1/logs/<namespace>/<flow_id>
GET    signed    /api/v1/logs/search
GET    reader    /api/v1/metrics/<execution_id>
GET    reader    /api/v1/metrics/aggregates/<namespace>/<flow_id>/<metric>
GET    reader    /api/v1/metrics/aggregates/<namespace>/<flow_id>/<task_id>/<metric>
GET    reader    /api/v1/metrics/names/<namespace>/<flow_id>
GET    reader    /api/v1/metrics/names/<namespace>/<flow_id>/<task_id>
GET    reader    /api/v1/metrics/tasks/<namespace>/<flow_id>
POST   above     /api/v1/namespaces
POST   above     /api/v1/namespaces/
DELETE owner     /api/v1/namespaces/<namespace>
GET    reader    /api/v1/namespaces/<namespace>
PUT    owner     /api/v1/namespaces/<namespace>
GET    reader    /api/v1/namespaces/<namespace>/credentials
GET    reader    /api/v1/namespaces/<namespace>/credentials/inherited
GET    reader    /api/v1/namespaces/<namespace>/dependencies
DELETE member    /api/v1/namespaces/<namespace>/files
GET    reader    /api/v1/namespaces/<namespace>/files
POST   member    /api/v1/namespaces/<namespace>/files
PUT    member    /api/v1/namespaces/<namespace>/files
GET    reader    /api/v1/namespaces/<namespace>/files/directory
POST   member    /api/v1/namespaces/<namespace>/files/directory
GET    reader    /api/v1/namespaces/<namespace>/files/export
GET    reader    /api/v1/namespaces/<namespace>/files/revisions
GET    reader    /api/v1/namespaces/<namespace>/files/search
GET    reader    /api/v1/namespaces/<namespace>/files/stats
GET    reader    /api/v1/namespaces/<namespace>/inherited-secrets
GET    reader    /api/v1/namespaces/<namespace>/inherited-variables
DELETE member    /api/v1/namespaces/<namespace>/kv
GET    reader    /api/v1/namespaces/<namespace>/kv
DELETE member    /api/v1/namespaces/<namespace>/kv/<key>
GET    reader    /api/v1/namespaces/<namespace>/kv/<key>
PUT    member    /api/v1/namespaces/<namespace>/kv/<key>
GET    reader    /api/v1/namespaces/<namespace>/kv/inheritance
GET    reader    /api/v1/namespaces/<namespace>/secrets
PUT    owner     /api/v1/namespaces/<namespace>/secrets
DELETE owner     /api/v1/namespaces/<namespace>/secrets/<key>
PATCH  owner     /api/v1/namespaces/<namespace>/secrets/<key>
POST   signed    /api/v1/namespaces/autocomplete
GET    signed    /api/v1/namespaces/search
GET    signed    /api/v1/openapi.json
GET    reader    /api/v1/outputs/executions/<execution_id>
GET    reader    /api/v1/outputs/tasks/<execution_id>
GET    reader    /api/v1/outputs/tasks/<execution_id>/<task_run_id>
GET    signed    /api/v1/pebble/filters
GET    signed    /api/v1/pebble/functions
GET    open      /api/v1/ping
GET    signed    /api/v1/plugins
GET    signed    /api/v1/plugins/
GET    signed    /api/v1/plugins/<cls>
GET    signed    /api/v1/plugins/<cls>/versions
GET    signed    /api/v1/plugins/<cls>/versions/<version>
POST   signed    /api/v1/plugins/auto-install/detect
GET    signed    /api/v1/plugins/groups/subgroups
GET    signed    /api/v1/plugins/icons
GET    signed    /api/v1/plugins/icons/<cls>
GET    signed    /api/v1/plugins/icons/<cls>/icon.svg
GET    signed    /api/v1/plugins/icons/groups
GET    signed    /api/v1/plugins/inputs
GET    signed    /api/v1/plugins/inputs/<name>
POST   signed    /api/v1/plugins/pluginUiManifest
GET    signed    /api/v1/plugins/properties/<name>
GET    signed    /api/v1/plugins/schemas/<name>
GET    signed    /api/v1/plugins/triggers
GET    signed    /api/v1/secrets
GET    signed    /api/v1/setup
POST   signed    /api/v1/stats/executions/daily
POST   signed    /api/v1/stats/executions/daily/group-by-flow
POST   signed    /api/v1/stats/executions/daily/group-by-namespace
POST   signed    /api/v1/stats/executions/latest/group-by-flow
POST   signed    /api/v1/stats/logs/daily
POST   signed    /api/v1/stats/summary
POST   signed    /api/v1/stats/taskruns/daily
POST   member    /api/v1/templates
POST   member    /api/v1/templates/
DELETE member    /api/v1/templates/<namespace>/<template_id>
GET    reader    /api/v1/templates/<namespace>/<template_id>
PUT    member    /api/v1/templates/<namespace>/<template_id>
GET    signed    /api/v1/templates/distinct-namespaces
GET    signed    /api/v1/templates/search
PUT    member    /api/v1/triggers
PUT    member    /api/v1/triggers/
GET    reader    /api/v1/triggers/<namespace>/<flow_id>
DELETE member    /api/v1/triggers/<namespace>/<flow_id>/<trigger_id>
POST   member    /api/v1/triggers/<namespace>/<flow_id>/<trigger_id>/restart
POST   member    /api/v1/triggers/<namespace>/<flow_id>/<trigger_id>/unlock
PUT    member    /api/v1/triggers/backfill/create
POST   member    /api/v1/triggers/backfill/delete
POST   found     /api/v1/triggers/backfill/delete/by-query
POST   each      /api/v1/triggers/backfill/delete/by-triggers
PUT    member    /api/v1/triggers/backfill/pause
POST   found     /api/v1/triggers/backfill/pause/by-query
POST   each      /api/v1/triggers/backfill/pause/by-triggers
PUT    member    /api/v1/triggers/backfill/unpause
POST   found     /api/v1/triggers/backfill/unpause/by-query
POST   each      /api/v1/triggers/backfill/unpause/by-triggers
DELETE found     /api/v1/triggers/delete/by-query
DELETE each      /api/v1/triggers/delete/by-triggers
GET    signed    /api/v1/triggers/export/by-query/csv
GET    signed    /api/v1/triggers/search
PUT    member    /api/v1/triggers/set-disabled
POST   found     /api/v1/triggers/set-disabled/by-query
POST   each      /api/v1/triggers/set-disabled/by-triggers
POST   found     /api/v1/triggers/unlock/by-query
POST   each      /api/v1/triggers/unlock/by-triggers
GET    signed    /api/v1/usages/all
GET    signed    /api/v1/worker-selectors/tags
"""
SOCKETS = {"ws/executions/<str:execution_id>/": "reader", "ws/home/": "signed", "ws/workspace/<str:namespace>/": "reader"}

NS = "company.team"
PEOPLE = ("nobody", "stranger", "reader", "member", "owner", "admin")
LEAST = {"open": "nobody", "signed": "stranger", "found": "stranger", "each": "member", "read-each": "reader", "above": "owner"}
REFUSED = (401, 403, 404, 405)
SOURCE = f"""id: shop
namespace: {NS}
inputs:
  - {{id: who, type: STRING, defaults: nobody}}
tasks:
  - {{id: greet, type: io.kestra.plugin.core.log.Log, message: "hello {{{{ inputs.who }}}}"}}
triggers:
  - {{id: nightly, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 6 * * *"}}
  - {{id: called, type: io.kestra.plugin.core.trigger.Webhook, key: knock}}
"""
PATHS = {
    ("GET", "namespaces/<str:namespace>/files/branch/"): "",
    ("GET", "api/v1/namespaces/<namespace>/files/directory"): "",
    ("POST", "api/v1/namespaces/<namespace>/files/directory"): "new",
    ("POST", "namespaces/<str:namespace>/files/restore/"): "gone.txt",
}
JSON = {f"workspace/<str:namespace>/{end}/" for end in ("draft", "draft/drop", "save", "create", "delete", "rename", "restore", "settings")}  # pages' own programs send them
TYPE = "io.kestra.plugin.core.log.Log"
NEW = SOURCE.replace("id: shop", "id: new", 1)
TEMPLATE = f"id: shared\nnamespace: {NS}\ntasks:\n  - {{id: greet, type: {TYPE}, message: hello}}\n"
NOTE = "{id: note, type: io.kestra.plugin.core.dashboard.chart.Markdown, content: hello}"
DASHBOARD = f"id: overview\ntitle: Overview\ncharts: [{NOTE}]\n"
TASK = '{"id": "greet", "type": "io.kestra.plugin.core.log.Log", "message": "bye"}'
PAIRS = json.dumps([{"namespace": NS, "id": "shop", "flowId": "shop"}])
TRIGGER = {"namespace": NS, "flowId": "shop", "triggerId": "nightly", "id": "nightly", "disabled": True}


@dataclass(frozen=True)
class Route:
    """One line of the table."""

    method: str
    who: str
    pattern: str

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/v1/")

    def may(self, name: str) -> bool:
        """Whether someone of this kind may use it."""
        if self.who in ("self", "none"):
            return self.who == "self" and name == "owner"
        return PEOPLE.index(name) >= PEOPLE.index(LEAST.get(self.who, self.who))

    def __str__(self) -> str:
        return f"{self.method} /{self.pattern}"


TABLE = [Route(line.split()[0], line.split()[1], line.split(maxsplit=2)[2][1:]) for line in ROUTES.strip().splitlines()]
WRITES = sorted({route.pattern for route in TABLE} - {route.pattern for route in TABLE if route.method == "GET"})


@dataclass
class World:
    """A namespace with one of everything, people of every kind, and the values of addresses and forms."""

    people: dict[str, User]
    execution: Execution
    run: TaskRun
    token: int
    uri: str
    project: int
    discarded: str = ""
    commit: str = ""

    def values(self, route: Route) -> dict[str, Any]:
        bulk = "kill" if "executions/bulk" in route.pattern else "restart" if "triggers" in route.pattern else "disable"
        key = "SECRET" if "secrets" in route.pattern else "answer"
        person = self.people["reader" if "members" in route.pattern else "stranger"].pk
        return {
            "namespace": NS, "flow_id": "shop", "execution_id": self.execution.id, "task_run_id": self.run.id, "row_id": self.run.id,
            "task_id": "greet", "key": "knock" if "webhook" in route.pattern else key, "trigger_id": "nightly", "rest": "x", "verb": bulk,
            "token_id": self.token, "person_id": person, "action": "disable", "type_": TYPE,
            "cls": TYPE, "version": VERSION, "kind": "flow", "id": "overview", "chart_id": "note", "metric": "rows", "template_id": "shared",
            "plan_id": "planned", "question_id": "asked", "what": "schema", "commit": self.commit, "kept": "0" * 40,
            "state_id": ProjectState.objects.earliest("id").id if "<int:state_id>" in route.pattern else 0,
            "project_id": self.project, "deletion_id": int(self.discarded or 0), "unique_id": "model.shop.orders",
            "name": "flow" if "schemas" in route.pattern or "properties" in route.pattern else "STRING",
        }  # fmt: skip

    def address(self, route: Route) -> str:
        query = {"namespace": NS, "flowId": "shop", "status": "FAILED", "newStatus": "FAILED", "revisions": "1", "number": "1", "deletion": self.discarded}
        query |= {"node": "model.shop.orders" if "lineage" in route.pattern else "root.greet", "column": "id"} | ({"all": "yes"} if route.pattern.startswith("executions/bulk") else {})
        query["path"] = self.uri if "executions/<" in route.pattern else PATHS.get((route.method, route.pattern), "a.txt")
        if (route.method, route.pattern) == ("PUT", "api/v1/namespaces/<namespace>/files"):
            query |= {"from": "/a.txt", "to": "/b.txt"}
        return walking.filled(route.pattern, self.values(route)) + "?" + urlencode(query)

    def prepare(self) -> None:
        """The files as they were at first."""
        for path in ("b.txt", "new.txt", "new", "up.txt"):
            files.delete(NS, path)
        versions.write(NS, "a.txt", b"old", author=versions.SYSTEM)
        files.write(NS, "gone.txt", b"gone")
        deletion = versions.delete(NS, "gone.txt", author=versions.SYSTEM)
        self.discarded = str(deletion.pk) if deletion else ""

    def ask(self, client: Client, route: Route) -> Any:
        """What somebody is answered."""
        url = self.address(route)
        if route.method == "GET":
            return client.get(url)
        if route.method == "DELETE" and not route.is_api:
            return client.delete(url)
        if route.pattern in JSON:
            sent = {"path": self.form(route)["path"], "base": "", "text": "new", "to": "b.txt", "deletion": self.discarded}
            return client.post(url, {"font": 13} if "settings" in route.pattern else sent, content_type="application/json")
        if not route.is_api:
            return client.post(url, self.form(route))
        kind, body = self.body(route)
        return client.generic(route.method, url, body, kind)

    def form(self, route: Route) -> dict[str, Any]:
        """What a form of a page sends; a few names too many do no harm."""
        return {
            "source": NEW if route.pattern == "flows/new/" else SOURCE.replace("hello", "bye"),
            "id": self.execution.id, "expression": "{{ 1 }}", "labels": "a:b", "run": self.run.id, "state": "FAILED", "status": "FAILED",
            "task_run": self.run.id, "step": "step", "number": "1", "revision": "1", "confirm": "shop", "disabled": "on",
            "flow": "shop", "path": "new.txt" if "create" in route.pattern else "a.txt", "to": "" if "deploy" in route.pattern else "b.txt", "content": "new", "force": "1",
            "files": SimpleUploadedFile("up.txt", b"x"), "replace": "on", "key": "NEW", "type": "STRING", "value": "x", "repeated": "SECRET",
            "name": "company.team.below" if "namespaces" in route.pattern else "Other", "description": "other", "days": "30", "theme": "dark",
            "email": "someone@example.com" if route.pattern == "people/add/" else "stranger@example.com", "role": "reader",
            "text": "- {type: io.kestra.plugin.core.log.Log, values: {level: INFO}}" if "defaults" in route.pattern else "a: b",
            "adapter": "duckdb", "field_path": "b.duckdb", "password": "wrong", "present": "wrong", "new": "wrong", "again": "wrong",
        }  # fmt: skip

    def body(self, route: Route) -> tuple[str, str]:
        """(content type, body) of an operation of the API."""
        end = route.pattern.removeprefix("api/v1/")
        if end in ("flows", "flows/", "flows/bulk", "flows/graph", "flows/expressions") or end == "flows/validate":
            return "application/x-yaml", NEW
        if end == "flows/import":
            part = f'--b\r\nContent-Disposition: form-data; name="fileUpload"; filename="f.yml"\r\n\r\n{NEW}\r\n--b--\r\n'
            return "multipart/form-data; boundary=b", part
        if end == "flows/<namespace>" or (end == "flows/<namespace>/<flow_id>" and route.method == "PUT"):
            return "application/x-yaml", SOURCE.replace("hello", "bye")
        if end in ("dashboards", "dashboards/", "dashboards/<id>"):
            return "application/x-yaml", DASHBOARD if route.method == "PUT" else DASHBOARD.replace("overview", "another")
        if end.startswith("dashboards/charts"):
            return "application/json", json.dumps({"chart": NOTE})
        if end.startswith("templates"):
            return "application/x-yaml", TEMPLATE.replace("shared", "shared" if route.method == "PUT" else "new")
        if end in ("flows/<namespace>/<flow_id>/<task_id>", "flows/validate/task", "flows/validate/trigger"):
            return "application/x-yaml", TASK
        if "source/replace" in end:
            asked = {"query": "hello", "replacement": "bye", "namespace": NS, "id": "shop", "line": 6, "flows": json.loads(PAIRS)}
            return "application/json", json.dumps(asked)
        if "triggers" in end:
            if end.endswith("by-query"):
                return "application/json", ""
            listed = end.endswith("by-triggers") and "set-disabled" not in end
            backfill = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
            return "application/json", json.dumps([TRIGGER] if listed else TRIGGER | {"triggers": [TRIGGER], "backfill": backfill})
        if end.endswith("labels/by-ids"):
            return "application/json", json.dumps({"executionsId": [self.execution.id], "executionLabels": [{"key": "a", "value": "b"}]})
        if "by-ids" in end or end == "executions/latest":
            return "application/json", PAIRS if end.startswith("flows") or end.endswith("latest") else json.dumps([self.execution.id])
        if end.endswith("/state"):
            return "application/json", json.dumps({"taskRunId": self.run.id, "state": "FAILED"})
        if end.endswith(("/labels", "labels/by-query")):
            return "application/json", '[{"key": "a", "value": "b"}]'
        if end.endswith("/kv/<key>"):
            return "application/json", "42"
        if end.endswith("/kv"):
            return "application/json", '{"keys": ["answer"]}'
        if end in ("namespaces", "namespaces/"):
            return "application/json", json.dumps({"id": "company.team.below"})
        if end == "namespaces/<namespace>":
            return "application/json", json.dumps({"id": NS, "description": "other"})
        if "secrets" in end:
            return "application/json", json.dumps({"key": "NEW", "value": "x", "description": "other", "tags": []})
        if "/eval" in end:
            return "text/plain", "{{ flow.id }}"
        if end.endswith("/files"):
            return (
                "multipart/form-data; boundary=b",
                '--b\r\nContent-Disposition: form-data; name="fileContent"; filename="f"\r\n\r\nx\r\n--b--\r\n',
            )
        if end.endswith(("resume", "resume/validate", "with-inputs", "<flow_id>", "/validate")):
            return "multipart/form-data; boundary=b", "--b--\r\n"
        return "application/json", "{}"


@pytest.fixture
def world(db: None, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    settings.KESTRA_STORAGE = tmp_path
    settings.KESTRA_ENVIRONMENTS = tmp_path / "environments"
    (tmp_path / "environments" / "answer").mkdir(parents=True)
    (tmp_path / "environments" / "answer" / COMPLETE).touch()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    world = made()
    if "/git/" in str(request.node.callspec.params.get("route", request.node.callspec.params.get("pattern"))):
        settings.KESTRA_HOME, settings.KESTRA_GIT_FOLDERS = tmp_path, [tmp_path]
        remote = Remote(tmp_path)
        world.commit = remote.commit({"a.txt": "a"})
        repositories.bind(user=world.people["owner"], namespace=NS, url=remote.url)
    return world


def made() -> World:
    people = builders.people(NS)
    flow_services.create(user=people["owner"], source=SOURCE)
    flow_services.update(user=people["owner"], namespace=NS, flow_id="shop", source=SOURCE.replace("hello", "hi"))
    execution = page_data.execution(flow_revision=2)
    run = page_data.task_run(execution, "greet", outputs={"value": "x"})
    page_data.log_lines(execution, [(2, "hi nobody"), (4, "it broke")], run=run)
    lived = [["CREATED", "2026-11-25T01:00:00+00:00"], ["SUCCESS", "2026-11-25T01:00:01+00:00"]]
    node = {"id": "step", "name": "model.shop.orders", "data": {"unique_id": "model.shop.orders"}, "histories": lived}
    Step.objects.create(execution=execution, task_run=run, kind="model", state="SUCCESS", **node)
    uri = f"{storage.execution_uri(NS, 'shop', execution.id)}tasks/greet/{run.id}/out.txt"
    storage.write(uri, b"kept")
    kv.set(NS, "answer", 1)
    Plan.objects.create(id="planned", namespace=NS, flow_id="shop", flow_revision=1, status="failed")
    for content in (b'{"nodes": {}}', b"{}"):
        project_states.promote(namespace=NS, project="shop", target="dev", branch="", manifest=content, digest={})
    templates.create(user=people["owner"], source=TEMPLATE)
    dashboards.create(user=people["owner"], source=DASHBOARD)
    secrets.put(user=None, namespace=NS, key="SECRET", value="hidden value")
    connections.put(user=None, namespace=NS, name="STRING", adapter="duckdb", fields={"path": "a.duckdb"}, secrets={})
    TriggerState.objects.create(namespace=NS, flow_id="shop", trigger_id="nightly")
    project = Project.objects.create(namespace=NS, name="shop", version=1)
    Node.objects.create(project=project, unique_id="model.shop.orders", kind="model", name="orders", lower_name="orders", first=1)
    files.write(NS, "dbt_project.yml", b"name: shop")
    Question.objects.create(id="asked", namespace=NS, place="_files", user=people["owner"], kind="preview", asked={}, state="done")
    world = World(people, execution, run, tokens.create(user=people["owner"], name="script")[0].pk, uri, project.pk)
    world.prepare()
    return world


def client_of(world: World, name: str, route: Route) -> Client:
    """Someone's client: with a token where programs ask, with a session where people do."""
    if name == "nobody":
        return Client()
    if route.is_api and route.pattern != "api/v1/openapi.json":
        return Client(headers={"Authorization": f"Bearer {tokens.create(user=world.people[name], name='test')[1]}"})
    client = Client()
    client.force_login(world.people[name])
    return client


# What asking itself notes: sessions, when a token was used last, wrong passwords, and which copy of a branch somebody looked at.
NOTED = ("django_session", "namespaces_apitoken", "namespaces_signinfailure", "workspace_worktree")


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Fails where a row is written meanwhile, or a file of the namespace changes."""
    written: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        words = sql.replace('"', " ").split()
        if words[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE") and not set(NOTED) & set(words[:5]):
            written.append(sql)
        return execute(sql, *rest)

    before = held()
    with connection.execute_wrapper(note):
        yield
    assert written == []
    assert held() == before


def held() -> list[Any]:
    """The files of the namespace."""
    return [(entry.path, entry.size, entry.modified) for entry in files.walk(NS)]


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written to the database meanwhile is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_address_and_method_is_in_the_table() -> None:
    """Add what is missing to `ROUTES`, with the least who may use it; take out what is gone."""
    listed = {route.pattern for route in TABLE}
    assert set(walking.patterns()) - listed == set(), "not in the table"
    assert listed - set(walking.patterns()) == set(), "in the table, but gone"
    assert {(route.method, route.pattern) for route in TABLE if route.is_api} - {
        ("GET", "api/v1/"),
        ("GET", "api/v1/openapi.json"),
    } == set(walking.operations())
    assert len(TABLE) == len({str(route) for route in TABLE}), "something is listed twice"
    assert set(walking.sockets()) == SOCKETS.keys()


@pytest.mark.parametrize("route", TABLE, ids=str)
def test_each_gets_what_the_table_says(route: Route, world: World) -> None:
    clients = {name: client_of(world, name, route) for name in PEOPLE}
    for name, client in clients.items():
        if not route.may(name):
            with nothing_changes():
                answer = world.ask(client, route)
            assert_refused(route, name, answer)
    for name, client in clients.items():
        if route.may(name):
            world.prepare()
            looks = route.method == "GET" and "webhook" not in route.pattern  # a webhook is called as its caller can
            only_looks = looks or (route.who == "found" and name in ("stranger", "reader"))
            with undone(), nothing_changes() if only_looks else nullcontext():
                answer = world.ask(client, route)
            assert answer.status_code < 500 or route.pattern == "health", (name, answer.content[:500])
            assert answer.status_code not in REFUSED, (name, answer.status_code, getattr(answer, "content", b"")[:500])


def assert_refused(route: Route, name: str, answer: Any) -> None:
    """Nobody is asked to sign in, a stranger learns nothing, and everybody else is told what they may not."""
    if route.who == "none":
        assert answer.status_code in (401, 404)
    elif name == "nobody":
        if route.is_api:
            assert answer.status_code == 401
        else:
            assert (answer.status_code, answer["Location"][:13]) == (302, "/signin/?next"), answer.content[:500]
    elif route.who == "above":
        assert answer.status_code in (403, 422), (name, answer.content[:500])
    elif route.who == "self":
        assert answer.status_code == 404
    elif route.who == "admin" or name != "stranger":
        assert answer.status_code == 403, (name, answer.content[:500])
    else:
        assert answer.status_code in ((400, 404) if "each" in route.who else (404,)), (name, answer.content[:500])


@pytest.mark.parametrize("pattern", sorted({route.pattern for route in TABLE}))
def test_no_other_method_does_anything(pattern: str, world: World) -> None:
    route = next(one for one in TABLE if one.pattern == pattern)
    known = {one.method for one in TABLE if one.pattern == pattern}
    client = client_of(world, "admin", route)
    for method in walking.METHODS:
        if method in known or (method == "HEAD" and "GET" in known):
            continue
        with nothing_changes():
            answer = client.generic(method, world.address(route), "{}", "application/json")
        # A word of one address can be a name in another one: `executions/kill/by-ids` is no execution, so GET says that there is none.
        assert answer.status_code in (405, 404), (method, answer.status_code)


@pytest.mark.parametrize("route", [one for one in TABLE if one.method == "POST" and not one.is_api], ids=str)
def test_no_form_is_taken_from_another_site(route: Route, world: World) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Origin": "https://evil.example", "Referer": "https://evil.example/"})
    client.force_login(world.people["admin"])
    with nothing_changes():
        assert world.ask(client, route).status_code == 403


@pytest.mark.parametrize("route", [one for one in TABLE if one.method != "GET" and one.is_api and one.who != "open"], ids=str)
def test_no_operation_is_taken_from_a_signed_in_browser(route: Route, world: World) -> None:
    client = Client()
    client.force_login(world.people["admin"])
    with nothing_changes():
        assert world.ask(client, route).status_code == 401


# --- sockets ----------------------------------------------------------------------------------------------------------------------------

HOST = configured.ALLOWED_HOSTS[0] if configured.ALLOWED_HOSTS[0] != "*" else "localhost"


async def answered(path: str, client: Client | None, origin: str | None) -> int | None:
    """How a socket answers: None where it stays open, 0 where the connection is refused, else the code with which it is closed."""
    headers = [(b"host", f"{HOST}:8080".encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    if client is not None:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers.append((b"cookie", cookies.encode()))
    socket = WebsocketCommunicator(application, path, headers=headers)
    connected = False
    try:
        connected, code = await socket.connect(5)
        if not connected:
            return int(code or 0) if code not in (1000, None) else 0
        if await socket.receive_nothing(0.2):
            return None
        message = await socket.receive_output(5)
        return int(message["code"]) if message["type"] == "websocket.close" else None
    finally:
        await socket.disconnect(timeout=5 if connected else 0.02)  # who refuses does not always end by itself


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pattern", SOCKETS)
async def test_each_socket_opens_for_those_who_may_and_from_our_pages_only(pattern: str, settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path
    world = await database_sync_to_async(made)()
    route = Route("GET", SOCKETS[pattern], pattern)
    path = walking.filled(pattern, world.values(route)) + "?seq=1"
    for name in PEOPLE:
        client = None if name == "nobody" else await database_sync_to_async(client_of)(world, name, route)
        wanted = None if route.may(name) else consumers.UNKNOWN if name == "nobody" else consumers.HIDDEN
        assert await answered(path, client, f"http://{HOST}:8080") == wanted, name
        for origin in (
            ()
            if name in ("stranger", "reader", "member")
            else ("https://evil.example", f"http://{HOST}:9999", f"http://{HOST}.evil.example:8080", "null", None)
        ):
            assert await answered(path, client, origin) == 0, (name, origin)
