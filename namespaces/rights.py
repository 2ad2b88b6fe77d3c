"""Who may do what where: a role in a namespace holds in everything below it, and an administrator may do everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from namespaces.models import Member, Role, User
from ui.errors import Forbidden, Missing
from ui.htmx import wants_fragment

RANK = {Role.READER: 1, Role.MEMBER: 2, Role.OWNER: 3}
M = TypeVar("M", bound=Model)
P = ParamSpec("P")
Person = User | AnonymousUser | None


class NamespaceHidden(Missing):
    """There is no such namespace, or you are not a member of it."""


class RoleTooLow(Forbidden):
    """Your role does not allow this."""


class AdministratorsOnly(Forbidden):
    """Only an administrator may do this."""


def ancestry(namespace: str) -> list[str]:
    """`a.b.c` as `["a", "a.b", "a.b.c"]`."""
    parts = namespace.split(".")
    return [".".join(parts[: number + 1]) for number in range(len(parts))]


def role_of(user: Person, namespace: str) -> Role | None:
    """The highest role in `namespace` or above it; OWNER for administrators and for the system itself (`user=None`)."""
    if user is None:
        return Role.OWNER
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_admin:
        return Role.OWNER
    roles = Member.objects.filter(user=user, namespace__name__in=ancestry(namespace)).values_list("role", flat=True)
    return max((Role(role) for role in roles), key=RANK.__getitem__, default=None)


def allows(role: Role | None, needed: Role) -> bool:
    """Whether `role` includes `needed`."""
    return role is not None and RANK[role] >= RANK[needed]


def require(user: Person, namespace: str, role: Role = Role.READER) -> None:
    """Return when `user` has at least `role`. A stranger learns nothing (`Missing`, 404), who has too low a role is told (`Forbidden`)."""
    held = role_of(user, namespace)
    if held is None:
        raise NamespaceHidden
    if not allows(held, role):
        needed = "an owner" if role is Role.OWNER else "a member"
        raise RoleTooLow(f"In {namespace} you are a {held.label.lower()}; this needs {needed}. Ask an owner.")


def require_admin(user: Person) -> None:
    """Return when `user` is an administrator or the system itself; `AdministratorsOnly` otherwise."""
    if user is not None and not (isinstance(user, User) and user.is_active and user.is_admin):
        raise AdministratorsOnly


def readable(user: Person) -> list[str] | None:
    """The topmost namespaces whose subtrees `user` may see, sorted; None means all of them."""
    if user is None or (isinstance(user, User) and user.is_active and user.is_admin):
        return None
    if not isinstance(user, User) or not user.is_active:
        return []
    names = sorted(Member.objects.filter(user=user).values_list("namespace__name", flat=True))
    return [name for name in names if not any(above in names for above in ancestry(name)[:-1])]


def member_somewhere(user: Person) -> bool:
    """Whether there is any namespace in which this person may change something."""
    if user is None or not isinstance(user, User):
        return user is None
    return user.is_active and (user.is_admin or Member.objects.filter(user=user, role__in=(Role.OWNER, Role.MEMBER)).exists())


def below(namespace: str, field: str = "namespace") -> Q:
    """A condition on `field`: the namespace itself or anything below it."""
    return Q(**{field: namespace}) | Q(**{f"{field}__startswith": f"{namespace}."})


def filter_readable(queryset: QuerySet[M], user: Person, field: str = "namespace") -> QuerySet[M]:
    """The rows of `queryset` whose namespace `user` may see."""
    roots = readable(user)
    if roots is None:
        return queryset
    if not roots:
        return queryset.none()
    condition = Q()
    for root in roots:
        condition |= below(root, field)
    return queryset.filter(condition)


def login_required(view: Callable[Concatenate[HttpRequest, P], HttpResponse]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Sends those who are not signed in to the sign-in page and back, and those with a one-time password to choose their own."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user: Any = request.user
        if not user.is_authenticated:
            return _to_sign_in(request)
        if user.must_change_password and request.resolver_match is not None and request.resolver_match.view_name not in OPEN_TO_NEW_PEOPLE:
            return _go(request, reverse("namespaces:change_password"))
        return view(request, *args, **kwargs)

    return guarded


OPEN_TO_NEW_PEOPLE = ("namespaces:change_password", "namespaces:sign_out", "namespaces:set_appearance")


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    here = request.headers.get("HX-Current-URL", "") if wants_fragment(request) else ""
    back = "/" + here.split("://", 1)[-1].partition("/")[2] if here else request.get_full_path() if request.method == "GET" else "/"
    return _go(request, redirect_to_login(back)["Location"])


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if wants_fragment(request):
        return HttpResponse(status=200, headers={"HX-Redirect": url})
    return HttpResponse(status=302, headers={"Location": url})
