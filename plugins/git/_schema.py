"""The properties that every Git task has."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from plugins.contract import Expression, RunContext, RunnableTask, Text
from plugins.git._repository import Access, checked
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
    clone_submodules: bool | Expression | None = Field(None, description="Not supported: submodules are never fetched.")

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
        if _render.flag(context, self.clone_submodules):
            context.log("WARN", "`cloneSubmodules` is not supported: submodules are left out, since they may name any host")
        return checked(access, context.working_dir, context.settings.git_file_roots)
