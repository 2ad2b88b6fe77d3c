"""Which repository a namespace is bound to, set by its owners."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import Form
from namespaces.models import Repository, Role
from namespaces.rights import login_required
from namespaces.views.shell import shell
from ui.errors import Forbidden, KestraError
from ui.htmx import done, invalid, page
from workspace import repositories

PAGE, FRAGMENT = "workspace/git/binding.html", "workspace/git/_binding.html"


def _text(label: str, help_text: str = "", *, required: bool = False, longest: int = 150) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, required=required, max_length=longest, widget=widget)


class BindingForm(Form):
    url = _text("Address", "https://…, ssh://… or git@host:folder/name.git, without a login.", required=True, longest=1000)
    default_branch = _text("Default branch", "Empty: what the remote says.", longest=200)
    directory = _text("Folder", "Where the files of the namespace lie in the repository; empty: at the top.", longest=1000)
    username = _text("User", "For https: whose token it is. Many servers take any name.")
    password_secret = _text("Key of the secret with the token", "For https.")
    key_secret = _text("Key of the secret with the private key", "For ssh.")
    passphrase_secret = _text("Key of the secret with its passphrase", "For ssh, where the key has one.")
    protected = forms.CharField(
        label="Protected branches", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One a line; * stands for anything. Nobody pushes to them from here: people open a pull request.",
    )  # fmt: skip


@never_cache
@require_safe
@login_required
def binding(request: HttpRequest, namespace: str) -> HttpResponse:
    """The form, with what is set."""
    context = shell(request, namespace, "git", Role.OWNER)
    row = Repository.objects.filter(namespace=namespace).first()
    first: dict[str, Any] = {}
    if row is not None:
        first = {name: getattr(row, name) for name in BindingForm.base_fields if name != "protected"}
        first["protected"] = "\n".join(row.protected)
    return page(request, PAGE, FRAGMENT, {**context, "form": BindingForm(initial=first), "repository": row})


@require_POST
@login_required
def bind(request: HttpRequest, namespace: str) -> HttpResponse:
    """Bind the namespace, when the remote was reached."""
    context = shell(request, namespace, "git", Role.OWNER)
    form = BindingForm(request.POST)
    if form.is_valid():
        values = {**form.cleaned_data, "protected": form.cleaned_data["protected"].splitlines()}
        try:
            repositories.bind(user=request.user, namespace=namespace, **values)
        except Forbidden:
            raise
        except KestraError as error:
            form.refuse(error.message, "url")
        else:
            return done(request, reverse("workspace:git", args=[namespace]), message="Bound to the repository")
    row = Repository.objects.filter(namespace=namespace).first()
    return invalid(request, PAGE, FRAGMENT, {**context, "form": form, "repository": row})


@require_POST
@login_required
def unbind(request: HttpRequest, namespace: str) -> HttpResponse:
    """Let the namespace stand alone again."""
    shell(request, namespace, "git", Role.OWNER)
    repositories.unbind(user=request.user, namespace=namespace)
    return done(request, reverse("workspace:git", args=[namespace]), message="No longer bound; everyone's copies are kept")
