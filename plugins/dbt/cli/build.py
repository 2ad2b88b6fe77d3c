"""Run, test, seed and snapshot the nodes of a project: `dbt build`. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` runs any commands.

```yaml
id: dbt_build
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
        thread: 4
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.dbt.cli._single import NodeCommand


class Build(NodeCommand):
    """Run, test, seed and snapshot the nodes of a project."""

    verb: ClassVar[str] = "build"
