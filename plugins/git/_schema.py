"""The properties that every Git task has."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from plugins.contract import Expression, RunContext, RunnableTask, Schema, TaskFailed, Text
from plugins.git._repository import Access, checked
from plugins.git._trees import Author
from plugins.scripts import _render


class GitTask(RunnableTask):
    """Base of the tasks that talk to a Git remote."""

    url: Text = Field(description="Address of the repository: https, ssh, or file where the server allows it.")
    username: Text | None = Field(None, description="User name, for https.")
    password: Text | None = Field(None, description="Password or access token, for https; write it as a secret.")
    private_key: Text | None = Field(None, description="Private key in PEM form, for ssh; write it as a secret.")
    passphrase: Text | None = Field(None, description="Passphrase of the private key.")
    trusted_ca_pem_path: Text | None = Field(
        None, description="File with the certificates to trust, in the working directory or where the server allows it."
    )
    no_proxy: bool | Expression | None = Field(None, description="Do not use the proxy of the server.")
    connect_timeout: int | Expression = Field(10000, description="Milliseconds to wait for a connection.")
    read_timeout: int | Expression = Field(60000, description="Milliseconds to wait for data.")
    git_config: dict[str, Any] | Expression | None = Field(
        None, description="Git settings that run no program and read no file, for example core.fileMode."
    )
    clone_submodules: bool | Expression | None = Field(None, description="Fetch the submodules that lie on the host of the repository.")

    def access(self, context: RunContext) -> Access:
        """How to reach the remote, rendered and checked."""

        def text(value: str | None) -> str | None:
            return context.render(value) if value else None

        password = text(self.password)
        if password:
            context.hide(password)
        access = Access(
            url=context.render(self.url),
            username=text(self.username),
            password=password,
            private_key=text(self.private_key),
            passphrase=text(self.passphrase),
            trusted_ca=text(self.trusted_ca_pem_path),
            no_proxy=_render.flag(context, self.no_proxy),
            connect_timeout=float(context.render(str(self.connect_timeout))) / 1000,
            read_timeout=float(context.render(str(self.read_timeout))) / 1000,
            config=_render.mapping(context, self.git_config, "gitConfig"),
        )
        return checked(access, context.working_dir, context.settings.git_file_roots)


class KestraAuth(Schema):
    """`auth`: how to reach Kestra's API; the tasks here reach the namespace itself and only check that what is given makes sense."""

    username: Text | None = Field(None, description="User name for basic authentication.")
    password: Text | None = Field(None, description="Password for basic authentication.")
    api_token: Text | None = Field(None, description="API token.")
    auto: bool | Expression = Field(True, description="Use the credentials of the installation.")

    def check(self, context: RunContext) -> None:
        """TaskFailed, in Kestra's words, for credentials that contradict each other."""
        token, name, word = (context.render(value) if value else None for value in (self.api_token, self.username, self.password))
        for secret in (token, word):
            if secret:
                context.hide(secret)
        if token and (name or word):
            raise TaskFailed("Cannot use both API Token authentication and HTTP Basic authentication", retryable=False)
        if bool(name) != bool(word):
            raise TaskFailed("Both username and password are required for HTTP Basic authentication", retryable=False)


class KestraGitTask(GitTask):
    """Base of the Git tasks that read or change what a namespace holds."""

    kestra_url: Text | None = Field(None, description="Accepted and not needed: the namespace is reached directly.")
    auth: KestraAuth | None = Field(None, description="Accepted and checked; the namespace is reached directly.")
    clone_submodules: bool | Expression | None = Field(None, description="Accepted; the files of submodules are never part of a namespace.")

    def access(self, context: RunContext) -> Access:
        """As `GitTask.access`, after a look at what is accepted only."""
        if self.auth is not None:
            self.auth.check(context)
        if _render.flag(context, self.clone_submodules):
            context.log("WARN", "`cloneSubmodules` is for Clone: files of submodules belong to other repositories and are left out here")
        return super().access(context)


class PushingTask(KestraGitTask):
    """Base of the Git tasks that make a commit."""

    author_name: Text | None = Field(None, description="Name of the commit's author; `username` where absent.")
    author_email: Text | None = Field(None, description="E-mail address of the commit's author.")

    def author(self, context: RunContext) -> Author:
        """Who writes the commit: name and address are needed both, else it is the installation."""
        name = context.render(self.author_name or self.username or "")
        email = context.render(self.author_email or "")
        return Author(name, email) if name and email else Author()
