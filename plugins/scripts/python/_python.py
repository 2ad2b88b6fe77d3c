"""What both Python tasks share: the environment with their packages."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, RunContext, Text
from plugins.scripts import _images, _render
from plugins.scripts._script import ExecScript, Place, quoted

FALLBACK_VERSION = "3.13"


class PythonTask(ExecScript):
    """Base of the Python tasks."""

    default_image: ClassVar[str] = "python:3.13-slim"

    dependencies: list[Text] | Text | None = Field(None, description="Packages to install first, as pip names them.")
    python_version: Text | None = Field(None, description="Version of Python, for example 3.12; that of the image where absent.")
    dependency_cache_enabled: bool | Expression = Field(True, description="Keep the environment for later runs with the same packages.")
    package_manager: Text = Field("UV", description="UV or PIP; UV is used where it is there.")
    uv_auto_install_enabled: bool | Expression = Field(True, description="Accepted; nothing is downloaded but packages.")
    uv_installer_version: Text | None = Field(None, description="Accepted; has no effect.")
    uv_installer_sha256: Text | None = Field(None, alias="uvInstallerSha256", description="Accepted; has no effect.")

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """A Python environment with the packages, whatever the image; a known image of ours brings its own packages too."""
        meaning = _images.meaning(image)
        packages = self.packages(context, place)
        own = meaning.recipe.requirements if meaning.recipe is not None else ()
        requirements = tuple(dict.fromkeys((*own, *packages)))
        version = self._version(context, image)
        name = meaning.recipe.name if meaning.recipe is not None else "python"
        return _images.Meaning(name, _images.Recipe(name, requirements, version), unknown=meaning.unknown, impossible=meaning.impossible)

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
