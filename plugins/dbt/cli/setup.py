"""Make a Python environment with dbt in the working directory, and its profiles. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` needs none.

It is meant as the first task in a WorkingDirectory: the tasks after it find `./bin/dbt` and `.profile/profiles.yml`. Where the commands run
on the worker's own machine the packages are installed once and shared by all tasks that want the same; what a later task installs
with `./bin/pip` stays in its working directory.

```yaml
id: dbt_setup
namespace: company.team
tasks:
  - id: dbt
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: clone
        type: io.kestra.plugin.git.Clone
        url: https://github.com/kestra-io/dbt-example
      - id: setup
        type: io.kestra.plugin.dbt.cli.Setup
        requirements:
          - dbt-duckdb
        profiles:
          jaffle_shop:
            outputs:
              dev:
                type: duckdb
                path: ":memory:"
            target: dev
      - id: build
        type: io.kestra.plugin.dbt.cli.Build
```
"""

from __future__ import annotations

from typing import Any, ClassVar

import yaml
from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.dbt.cli.dbt_cli import PROFILES
from plugins.scripts import _folders, _images, _render
from plugins.scripts._script import ExecScript, Place, quoted

# The packages of the shared environment, and its programs with the Python of the working directory.
_SHARED = """\
packages=$(echo "$VIRTUAL_ENV"/lib/python*/site-packages)
echo "import site; site.addsitedir('$packages')" > "$(echo lib/python*/site-packages)/shared.pth"
for program in "$VIRTUAL_ENV"/bin/*; do
  own=bin/${program##*/}
  if [ ! -e "$own" ] && [ "$(head -c 2 "$program")" = '#!' ]; then
    sed "1s|^#!.*python.*|#!$PWD/bin/python|" "$program" > "$own" && chmod +x "$own"
  fi
done"""


class Setup(ExecScript):
    """Make a Python environment with dbt in the working directory."""

    deprecated: ClassVar[str] = "Use io.kestra.plugin.dbt.cli.DbtCLI."
    default_image: ClassVar[str] = "python:3.11-slim"

    requirements: list[Text] | Text = Field(description="Packages to install, as pip names them.")
    profiles: dict[str, Any] | Text = Field(description="profiles.yml, as a map or as text.")
    python_path: Text = Field("python", description="The Python of the container; on the worker's own machine it is that machine's.")

    def prepare(self, context: RunContext, place: Place) -> dict[str, str]:
        """Write the profiles."""
        if isinstance(self.profiles, str):
            text = context.render(self.profiles, place.variables)
        else:
            text = yaml.safe_dump(context.render_any(self.profiles, place.variables), sort_keys=False, allow_unicode=True)
        _folders.write(place.folder, f"{PROFILES}/profiles.yml", text.encode()).chmod(0o600)
        return {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """An environment with the packages."""
        version = _images.python_version(image) if self.container_image else None
        return _images.Meaning("dbt", _images.Recipe("dbt-setup", tuple(self._packages(context, place)), version))

    def setup(self, context: RunContext, place: Place, *, on_machine: bool) -> list[str]:
        """A virtual environment in the working directory: over the shared one, or in a container with packages of its own."""
        if on_machine:
            return ["python -m venv .", _SHARED]
        python = quoted([context.render(self.python_path, place.variables).strip()])
        return [f"{python} -m venv .", f"./bin/pip install --quiet -- {quoted(self._packages(context, place))}"]

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """Which dbt it is, without its look for newer ones."""
        return ["./bin/python -c \"import importlib.metadata as found; print('dbt', found.version('dbt-core'))\""]

    def _packages(self, context: RunContext, place: Place) -> list[str]:
        return _render.texts(context, self.requirements, place.variables)
