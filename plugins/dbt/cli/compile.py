"""Compile the nodes of a project: `dbt compile`. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` runs any commands.

```yaml
id: dbt_compile
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
      - id: compile
        type: io.kestra.plugin.dbt.cli.Compile
        thread: 4
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.dbt.cli._single import NodeCommand


class Compile(NodeCommand):
    """Compile the nodes of a project."""

    verb: ClassVar[str] = "compile"
