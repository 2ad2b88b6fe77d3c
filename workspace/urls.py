"""Addresses of workspaces."""

from __future__ import annotations

from django.urls import URLPattern, path

from workspace.views import binding, dbt, deploying, files, git, page, saving, searching

app_name = "workspace"

_HERE = "workspace/<str:namespace>/"
_GIT = f"{_HERE}git/"
urlpatterns: list[URLPattern] = [
    path("workspace/", page.home, name="home"),
    path(_HERE, page.page, name="page"),
    path(f"{_HERE}settings/", page.settings, name="settings"),
    path(f"{_HERE}paths/", files.paths, name="paths"),
    path(f"{_HERE}marks/", files.marks, name="marks"),
    path(f"{_HERE}create/", files.create, name="create"),
    path(f"{_HERE}rename/", files.rename, name="rename"),
    path(f"{_HERE}delete/", files.delete, name="delete"),
    path(f"{_HERE}restore/", files.restore, name="restore"),
    path(f"{_HERE}upload/", files.upload, name="upload"),
    path(f"{_HERE}download/", files.download, name="download"),
    path(f"{_HERE}text/", saving.text, name="text"),
    path(f"{_HERE}drafts/", saving.unsaved, name="drafts"),
    path(f"{_HERE}draft/", saving.keep, name="keep_draft"),
    path(f"{_HERE}draft/drop/", saving.drop, name="drop_draft"),
    path(f"{_HERE}save/", saving.save, name="save"),
    path(f"{_HERE}search/names/", searching.names, name="search_names"),
    path(f"{_HERE}search/contents/", searching.contents, name="search_contents"),
    path(f"{_HERE}dbt/knowledge/", dbt.known, name="knowledge"),
    path(f"{_HERE}dbt/compile/", dbt.compiled, name="compile"),
    path(f"{_HERE}dbt/problems/", dbt.problems, name="problems"),
    path(f"{_HERE}dbt/preview/", dbt.preview, name="preview"),
    path(f"{_HERE}dbt/preview/<str:question_id>/", dbt.previewed, name="previewed"),
    path(f"{_HERE}dbt/run/", dbt.run, name="run"),
    path(f"{_HERE}dbt/target/", dbt.target, name="target"),
    path(_GIT, git.git, name="git"),
    path(f"{_GIT}panel/", git.panel, name="git_panel"),
    path(f"{_GIT}others/", git.others, name="git_others"),
    path(f"{_GIT}log/", git.log, name="git_log"),
    path(f"{_GIT}difference/", git.difference, name="git_difference"),
    path(f"{_GIT}commits/<str:commit>/", git.commit, name="git_commit"),
    path(f"{_GIT}commits/<str:commit>/file/", git.file_at, name="git_file"),
    path(f"{_GIT}commits/<str:commit>/revert/", git.revert, name="git_revert"),
    path(f"{_GIT}commits/<str:commit>/tag/", git.tag, name="git_tag"),
    path(f"{_GIT}blame/", git.blame, name="git_blame"),
    path(f"{_GIT}branches/", git.branches, name="git_branches"),
    path(f"{_GIT}branches/create/", git.create_branch, name="git_create_branch"),
    path(f"{_GIT}branches/merge/", git.merge, name="git_merge"),
    path(f"{_GIT}clash/", git.clash, name="git_clash"),
    path(f"{_GIT}clash/resolve/", git.resolve, name="git_resolve"),
    path(f"{_GIT}clash/reopen/", git.reopen, name="git_reopen"),
    path(f"{_GIT}clash/finish/", git.finish, name="git_finish"),
    path(f"{_GIT}clash/cancel/", git.cancel, name="git_cancel"),
    path(f"{_GIT}stage/", git.stage, name="git_stage"),
    path(f"{_GIT}unstage/", git.unstage, name="git_unstage"),
    path(f"{_GIT}stage-hunk/", git.stage_hunk, name="git_stage_hunk"),
    path(f"{_GIT}discard/", git.discard, name="git_discard"),
    path(f"{_GIT}bring-back/<str:kept>/", git.bring_back, name="git_bring_back"),
    path(f"{_GIT}commit/", git.make_commit, name="git_make_commit"),
    path(f"{_GIT}fetch/", git.fetch, name="git_fetch"),
    path(f"{_GIT}pull/", git.pull, name="git_pull"),
    path(f"{_GIT}push/", git.push, name="git_push"),
    path(f"{_GIT}run/", deploying.run, name="git_run"),
    path(f"{_GIT}deploy/", deploying.deploy, name="git_deploy"),
    path(f"{_GIT}binding/", binding.binding, name="git_binding"),
    path(f"{_GIT}bind/", binding.bind, name="git_bind"),
    path(f"{_GIT}unbind/", binding.unbind, name="git_unbind"),
]
