"""List the nodes of a project: `dbt list`. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` runs any commands.

```yaml
id: dbt_list
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
      - id: list
        type: io.kestra.plugin.dbt.cli.List
        thread: 4
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.dbt.cli._single import NodeCommand


class List(NodeCommand):
    """List the nodes of a project."""

    verb: ClassVar[str] = "list"
