select week_start, backlog
from {{ ref('weekly_backlog') }}
where backlog < 0
