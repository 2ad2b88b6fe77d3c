"""Install the packages of a project: `dbt deps`. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` runs any commands.

```yaml
id: dbt_deps
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
      - id: deps
        type: io.kestra.plugin.dbt.cli.Deps
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.dbt.cli._single import SingleCommand


class Deps(SingleCommand):
    """Install the packages of a project."""

    verb: ClassVar[str] = "deps"
