"""Addresses of people and namespaces."""

from __future__ import annotations

from django.urls import path, re_path

from namespaces.views import account, files, history, members, people, secrets, session, trash, tree

app_name = "namespaces"

urlpatterns = [
    path("signin/", session.sign_in, name="sign_in"),
    path("signout/", session.sign_out, name="sign_out"),
    path("account/", account.account, name="account"),
    path("account/password/", session.change_password, name="change_password"),
    path("account/appearance/", session.set_appearance, name="set_appearance"),
    path("account/rename/", account.rename, name="rename"),
    path("account/tokens/create/", account.create_token, name="create_token"),
    path("account/tokens/<int:token_id>/revoke/", account.revoke_token, name="revoke_token"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="add_person"),
    path("people/<int:person_id>/reset-password/", people.reset_password, name="reset_password"),
    re_path(r"^people/(?P<person_id>\d+)/(?P<action>disable|enable|promote|demote)/$", people.change, name="change_person"),
    path("secrets/", secrets.all_secrets, name="all_secrets"),
    path("namespaces/", tree.namespaces, name="list"),
    path("namespaces/create/", tree.create, name="create"),
    path("namespaces/<str:namespace>/", tree.detail, name="detail"),
    path("namespaces/<str:namespace>/describe/", tree.describe, name="describe"),
    path("namespaces/<str:namespace>/delete/", tree.delete, name="delete"),
    path("namespaces/<str:namespace>/members/", members.members, name="members"),
    path("namespaces/<str:namespace>/members/add/", members.add, name="add_member"),
    path("namespaces/<str:namespace>/members/<int:person_id>/remove/", members.remove, name="remove_member"),
    path("namespaces/<str:namespace>/secrets/", secrets.secrets, name="secrets"),
    path("namespaces/<str:namespace>/secrets/put/", secrets.put, name="put_secret"),
    path("namespaces/<str:namespace>/secrets/<str:key>/delete/", secrets.delete, name="delete_secret"),
    path("namespaces/<str:namespace>/files/", files.files, name="files"),
    path("namespaces/<str:namespace>/files/branch/", files.branch, name="branch"),
    path("namespaces/<str:namespace>/files/find/", files.find, name="find_file"),
    path("namespaces/<str:namespace>/files/save/", files.save, name="save_file"),
    path("namespaces/<str:namespace>/files/create/", files.create, name="create_file"),
    path("namespaces/<str:namespace>/files/upload/", files.upload, name="upload_files"),
    path("namespaces/<str:namespace>/files/rename/", files.rename, name="rename_file"),
    path("namespaces/<str:namespace>/files/delete/", files.delete, name="delete_file"),
    path("namespaces/<str:namespace>/files/restore/", files.restore, name="restore_file"),
    path("namespaces/<str:namespace>/files/download/", files.download, name="download_file"),
    path("namespaces/<str:namespace>/files/history/", history.history, name="file_history"),
    path("namespaces/<str:namespace>/files/history/download/", history.download, name="download_version"),
    path("namespaces/<str:namespace>/files/history/restore/", history.restore, name="restore_version"),
    path("namespaces/<str:namespace>/files/trash/", trash.trash, name="trash"),
    path("namespaces/<str:namespace>/files/trash/empty/", trash.empty, name="empty_trash"),
    path("namespaces/<str:namespace>/files/trash/<int:deletion_id>/restore/", trash.restore, name="restore_deletion"),
    path("namespaces/<str:namespace>/files/trash/<int:deletion_id>/forget/", trash.forget, name="forget_deletion"),
    path("namespaces/<str:namespace>/files/export/", files.export, name="export_files"),
]
