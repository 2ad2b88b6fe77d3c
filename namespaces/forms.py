"""The forms of people and namespaces: only shapes; what is allowed is decided by the services."""

from __future__ import annotations

from typing import Any

from django import forms

from namespaces.models import Role


def _mark(widget: forms.Widget) -> None:
    kind = getattr(widget, "input_type", "")
    if kind not in ("checkbox", "radio", "hidden"):
        widget.attrs.setdefault("class", "select" if kind == "select" else "input")


class Form(forms.Form):
    """A form whose fields carry the classes of the style sheets and point to their errors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("use_required_attribute", True)
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            _mark(field.widget)

    def refuse(self, message: str, field: str | None = None) -> None:
        """Put what a service refused beside the field it is about, and mark the field."""
        self.add_error(field, message)

    def full_clean(self) -> None:
        """As Django, then point each wrong field at its message."""
        super().full_clean()
        for name in self.errors:
            self._point(name)

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        if field:
            self._point(field)

    def _point(self, name: str) -> None:
        if name in self.fields:
            self.fields[name].widget.attrs.update({"aria-invalid": "true", "aria-describedby": f"{self[name].id_for_label}_error"})


class WriteOnly(forms.Textarea):
    """A text that is never sent back to the browser, whatever else was wrong in the form."""

    def format_value(self, _value: Any) -> str:
        return ""


class SignInForm(Form):
    email = forms.CharField(label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}))
    password = forms.CharField(
        label="Password", max_length=1000, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class PasswordForm(Form):
    present = forms.CharField(
        label="Present password", max_length=1000, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    new = forms.CharField(
        label="New password",
        max_length=1000,
        strip=False,
        help_text="At least 8 characters, and not one that many people use.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again", max_length=1000, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "again" in cleaned and cleaned.get("new") != cleaned["again"]:
            self.refuse("This is not what you typed above.", "again")
        return cleaned


class NameForm(Form):
    name = forms.CharField(label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class TokenForm(Form):
    name = forms.CharField(label="Name", max_length=100, help_text="What it is for, such as: deploy script.")
    days = forms.TypedChoiceField(
        label="Ends",
        coerce=int,
        empty_value=None,
        required=False,
        initial="90",
        choices=[("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"), ("", "never")],
    )


class PersonForm(Form):
    email = forms.CharField(label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    name = forms.CharField(label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    is_admin = forms.BooleanField(label="Administrator", required=False)


class MemberForm(Form):
    email = forms.CharField(label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off", "list": "known-people"}))
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.MEMBER)


class NamespaceForm(Form):
    name = forms.CharField(
        label="Name",
        max_length=150,
        help_text="Lower case, a dot for each level: company.team",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(label="Description", max_length=1000, required=False)


class SecretForm(Form):
    key = forms.CharField(label="Key", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))
    value = forms.CharField(
        label="Value",
        strip=False,
        help_text="Written once, never shown again.",
        widget=WriteOnly(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(label="Description", max_length=300, required=False)
