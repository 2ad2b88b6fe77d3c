"""Addresses of people and namespaces."""

from __future__ import annotations

from django.urls import path, re_path

from namespaces.views import account, people, session

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
]
