"""Follow a run of a dbt Cloud job to its end.

The steps of the run are rows while it goes on, with their logs; its nodes become rows of their own once it has ended, and
`run_results.json` and `manifest.json` are kept. The task fails where the run failed or was cancelled.

```yaml
id: follow_dbt_cloud
namespace: company.team
tasks:
  - id: trigger
    type: io.kestra.plugin.dbt.cloud.TriggerRun
    accountId: "{{ secret('DBT_ACCOUNT_ID') }}"
    token: "{{ secret('DBT_CLOUD_TOKEN') }}"
    jobId: "396284"
    wait: false
  - id: follow
    type: io.kestra.plugin.dbt.cloud.CheckStatus
    accountId: "{{ secret('DBT_ACCOUNT_ID') }}"
    token: "{{ secret('DBT_CLOUD_TOKEN') }}"
    runId: "{{ outputs.trigger.runId }}"
```
"""

from __future__ import annotations

from pydantic import Field

from plugins.contract import Result, RunContext, TaskFailed, Text
from plugins.dbt.cloud._cloud import CloudProperties


class CheckStatus(CloudProperties):
    """Follow a run of dbt Cloud."""

    run_id: Text = Field(description="Number of the run.")

    def run(self, context: RunContext) -> Result:
        """Wait for the end of the run."""
        return Result(self.follow(context, number(context, self.run_id, "runId")))


def number(context: RunContext, value: str, name: str) -> str:
    """A number of dbt Cloud, which becomes a part of an address."""
    text = context.render(value).strip()
    if not text.isdecimal():
        raise TaskFailed(f"`{name}` must be a number, found {text[:40]!r}", retryable=False)
    return text
