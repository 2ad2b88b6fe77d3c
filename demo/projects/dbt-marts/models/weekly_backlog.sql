-- Tickets that came in, were closed and stayed open, week by week.
with opened as (
    select cast(date_trunc('week', opened_at) as date) as week_start, count(*) as opened
    from {{ source('support_core', 'tickets') }}
    group by date_trunc('week', opened_at)
),

closed as (
    select cast(date_trunc('week', closed_at) as date) as week_start, count(*) as closed
    from {{ source('support_core', 'tickets') }}
    where closed_at is not null
    group by date_trunc('week', closed_at)
)

select
    coalesce(opened.week_start, closed.week_start) as week_start,
    coalesce(opened.opened, 0) as opened,
    coalesce(closed.closed, 0) as closed,
    sum(coalesce(opened.opened, 0) - coalesce(closed.closed, 0)) over (order by coalesce(opened.week_start, closed.week_start)) as backlog
from opened
full join closed
    on opened.week_start = closed.week_start
