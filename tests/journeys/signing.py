"""Signing in to a running product without a browser."""

from __future__ import annotations

import re

import httpx

from tests.stack import Stack


def signed_in(stack: Stack) -> httpx.Client:
    """A client of its pages whose session is the administrator's."""
    client = httpx.Client(base_url=stack.url, timeout=30, follow_redirects=True)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/signin/").text)
    assert found, "the sign-in page has no token"
    fields = {"csrfmiddlewaretoken": found[1], "email": stack.user, "username": stack.user, "password": stack.password}
    answer = client.post("/signin/", data=fields, headers={"referer": f"{stack.url}/signin/"}).raise_for_status()
    assert not answer.url.path.startswith("/signin"), "not signed in"
    # What its scripts send with every change that is asked for.
    client.headers.update({"X-CSRFToken": client.cookies[f"kestra_web_csrf_{stack.port}"], "Referer": stack.url})
    return client
