"""What both Python tasks share: the environment with their packages."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Expression, RunContext, TaskFailed, Text
from plugins.scripts import _environments, _images, _render
from plugins.scripts._script import ExecScript, Place, quoted

FALLBACK_VERSION = "3.13"


class PythonTask(ExecScript):
    """Base of the Python tasks."""

    default_image: ClassVar[str] = "python:3.13-slim"

    dependencies: list[Text] | Text | None = Field(None, description="Packages to install first, as pip names them.")
    python_version: Text | None = Field(None, description="Version of Python, for example 3.12; that of the image where absent.")
    dependency_cache_enabled: bool | Expression = Field(True, description="Keep the environment for later runs with the same packages.")
    package_manager: Literal["UV", "PIP"] | Expression = Field("UV", description="What installs the packages.")
    uv_auto_install_enabled: bool | Expression = Field(True, description="Fetch uv from the package index where this machine has none.")
    uv_installer_version: Text | None = Field(None, description="Version of the uv that is fetched; the newest where absent.")
    uv_installer_sha256: Text | None = Field(
        None, alias="uvInstallerSha256", description="SHA-256 of the package of the uv that is fetched; another one is not installed."
    )

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """A Python environment with the packages, whatever the image; a known image of ours brings its own packages too."""
        meaning = _images.meaning(image)
        packages = self.packages(context, place)
        own = meaning.recipe.requirements if meaning.recipe is not None else ()
        requirements = tuple(dict.fromkeys((*own, *packages)))
        version = self._version(context, image)
        name = meaning.recipe.name if meaning.recipe is not None else "python"
        return _images.Meaning(name, _images.Recipe(name, requirements, version), unknown=meaning.unknown, impossible=meaning.impossible)

    def environment(self, context: RunContext, recipe: _images.Recipe, place: Place) -> Path:
        """One that is kept for all tasks with the same packages, or one of this task alone."""
        if _render.flag(context, self.dependency_cache_enabled) or not recipe.requirements:
            return _environments.ensure(context, recipe, self.installer(context))
        return _environments.make(context, recipe, place.private / "packages", self.installer(context))

    def installer(self, context: RunContext) -> _environments.Installer:
        """What the task says about uv and pip."""

        def text(value: str | None) -> str | None:
            return context.render(value).strip() or None if value else None

        manager = context.render(self.package_manager).strip().upper()
        if manager not in ("UV", "PIP"):
            raise TaskFailed(f"Invalid packageManager '{manager}': expected UV or PIP", retryable=False)
        may_fetch = _render.flag(context, self.uv_auto_install_enabled)
        return _environments.Installer(manager == "UV", may_fetch, text(self.uv_installer_version), text(self.uv_installer_sha256))

    def packages(self, context: RunContext, place: Place) -> list[str]:
        """The packages asked for."""
        return _render.texts(context, self.dependencies, place.variables)

    def setup(self, context: RunContext, place: Place, *, on_machine: bool) -> list[str]:
        """In a container the packages are installed by the container's own pip."""
        packages = self.packages(context, place)
        if on_machine or not packages:
            return []
        return [f"python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore -- {quoted(packages)}"]

    def _version(self, context: RunContext, image: str) -> str | None:
        named = self.container_image is not None or bool((self.docker or {}).get("image"))
        of_image = _images.python_version(image) if named else None  # nobody asked for the version of the default image
        given = context.render(self.python_version).strip() if self.python_version else of_image
        if given is None:
            return None
        if not _images.looks_like_python(given) or given.startswith("2"):
            context.log("WARN", f"'{given}' is no version of Python that can be used: {FALLBACK_VERSION} is taken instead")
            given = FALLBACK_VERSION
        return ".".join(given.split(".")[:2]) if "." in given else None
