"""Start the flow at dates that are listed one by one.

Each of `dates` is an ISO date with a time; one without an offset is meant in `timezone`, without which in that of the server. An execution
waits until the one before has ended; what was missed while the server was away is made up for as `recoverMissedSchedules` says.

Inside the execution `{{ trigger.date }}` is the date that was due, `{{ trigger.next }}` and `{{ trigger.previous }}` its neighbours.

```yaml
id: on_closing_days
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "Closing of {{ trigger.date }}"
triggers:
  - id: closing
    type: io.kestra.plugin.core.trigger.ScheduleOnDates
    timezone: Europe/Berlin
    dates:
      - "2027-03-31T18:00:00"
      - "2027-06-30T18:00:00"
```
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from pydantic import Field, field_validator

from plugins.contract import Expression, Text
from plugins.core.trigger._dates import Dated


class ScheduleOnDates(Dated):
    """Start the flow at dates that are listed one by one."""

    dates: list[Text] | Expression = Field(description="When: ISO dates with a time, or an expression that gives a list of them.")

    @field_validator("dates")
    @classmethod
    def _readable(cls, value: list[str] | str) -> list[str] | str:
        for text in value if isinstance(value, list) else ():
            if "{{" not in text and "{%" not in text:
                read(text, UTC)
        return value

    def next_date(self, after: datetime, server: tzinfo = UTC) -> datetime | None:
        """The first date later than `after`; None where there is none. Raises ValueError while expressions are not rendered."""
        limit = after.timestamp()
        return min((date for date in self._all(server) if date.timestamp() > limit), default=None, key=datetime.timestamp)

    def previous_date(self, before: datetime, server: tzinfo = UTC) -> datetime | None:
        """The last date earlier than `before`; None where there is none. Raises ValueError while expressions are not rendered."""
        limit = before.timestamp()
        return max((date for date in self._all(server) if date.timestamp() < limit), default=None, key=datetime.timestamp)

    def _all(self, server: tzinfo) -> list[datetime]:
        if not isinstance(self.dates, list):
            raise ValueError("`dates` gives no list of dates")
        zone = self.zone(server)
        return [read(text, zone).astimezone(zone) for text in self.dates]


def read(text: str, zone: tzinfo) -> datetime:
    """An ISO date; in the zone where it names no offset. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text.partition("[")[0].strip())
    except ValueError as error:
        raise ValueError(f"`{text}` is not a date such as 2027-03-31T18:00:00+02:00") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
