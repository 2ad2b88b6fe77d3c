"""Load the seeds of a project: `dbt seed`. Deprecated: `io.kestra.plugin.dbt.cli.DbtCLI` runs any commands.

```yaml
id: dbt_seed
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
      - id: seed
        type: io.kestra.plugin.dbt.cli.Seed
        thread: 4
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.dbt.cli._single import NodeCommand


class Seed(NodeCommand):
    """Load the seeds of a project."""

    verb: ClassVar[str] = "seed"
