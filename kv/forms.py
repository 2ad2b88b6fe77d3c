"""The form of one value."""

from __future__ import annotations

from django import forms

from kv.models import ValueType
from namespaces.forms import Form


class ValueForm(Form):
    key = forms.CharField(label="Key", max_length=256, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))
    type = forms.ChoiceField(label="Type", choices=[(name, name) for name in ValueType.values], initial=ValueType.STRING)
    value = forms.CharField(
        label="Value", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 5, "class": "input mono", "spellcheck": "false"})
    )
    ttl = forms.CharField(
        label="Ends after",
        required=False,
        max_length=40,
        help_text="An ISO 8601 duration such as PT1H or P7D; empty: never.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "ttl-choices", "placeholder": "never"}),
    )
    description = forms.CharField(label="Description", max_length=300, required=False)
