"""Sign in, sign out, a new password, and how the pages look."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from namespaces.authentication import Paused, address_of, tries_left
from namespaces.authentication import sign_in as check
from namespaces.forms import PasswordForm, SignInForm
from namespaces.models import User
from namespaces.rights import login_required
from namespaces.services import people
from ui.errors import Invalid
from ui.formats import plural
from ui.htmx import done

YEAR = 365 * 86_400


def next_url(request: HttpRequest, default: str = "/") -> str:
    """Where to go afterwards: an address of ours, never somebody else's."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) and wanted.startswith("/") else default


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page and its form."""
    if request.user.is_authenticated and request.method != "POST":
        return HttpResponseRedirect(next_url(request))
    if request.method != "POST":
        return _sign_in_page(request, SignInForm())
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, "Write your email and your password.", 422)
    address = address_of(request)
    try:
        user = check(form.cleaned_data["email"], form.cleaned_data["password"], address)
    except Paused as error:
        return _sign_in_page(request, form, error.message, error.status)
    if user is None:
        left = tries_left(form.cleaned_data["email"], address)
        tries = f"{plural(left, 'try', 'tries')} {'is' if left == 1 else 'are'} left before a pause of 15 minutes."
        return _sign_in_page(request, form, f"Email or password is wrong. {tries}", 422)
    login(request, user)
    return HttpResponseRedirect(next_url(request))


def _sign_in_page(request: HttpRequest, form: SignInForm, error: str = "", status: int = 200) -> HttpResponse:
    if error:
        form.fields["email"].widget.attrs.pop("autofocus")  # the address stays as it was typed, the password is what comes next
        form.fields["password"].widget.attrs["autofocus"] = True
    context: dict[str, Any] = {"form": form, "error": error, "next": next_url(request, "")}
    return render(request, "namespaces/sign_in.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    logout(request)
    return HttpResponseRedirect(reverse("namespaces:sign_in"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """One's own password; the only page that is open with a one-time password."""
    user = _self(request)
    form = PasswordForm(request.POST or None)
    if request.method != "POST":
        return render(request, "namespaces/change_password.html", {"form": form})
    if form.is_valid():
        try:
            people.change_password(user=user, present=form.cleaned_data["present"], new=form.cleaned_data["new"])
        except people.WrongPassword as error:
            form.refuse(error.message, "present")
        except people.WeakPassword as error:
            form.refuse(error.message, "new")
        else:
            update_session_auth_hash(request, user)
            return done(request, next_url(request, reverse("namespaces:account")), message="Password changed")
    return render(request, "namespaces/change_password.html", {"form": form}, status=422)


@require_POST
def set_appearance(request: HttpRequest) -> HttpResponse:
    """Theme, navigation and single keys: kept with the person, or in a cookie before they sign in."""
    changes: dict[str, Any] = {name: request.POST[name] for name in ("theme", "nav") if name in request.POST}
    if "keys" in request.POST:
        changes["keys"] = request.POST["keys"] == "on"
    response = HttpResponse(status=204) if request.headers.get("HX-Request") == "true" else HttpResponseRedirect(next_url(request))
    if isinstance(request.user, User):
        people.change_settings(user=request.user, **changes)
    elif changes.get("theme") not in people.SETTINGS["theme"]:
        raise Invalid
    else:
        response.set_cookie("theme", changes["theme"], max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=True)
    return response


def _self(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required saw to it
    return request.user
