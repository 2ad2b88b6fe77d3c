select
    cast(date_trunc('month', tickets.opened_at) as date) as month_start,
    tickets.topic,
    count(*) as tickets,
    round(avg(tickets.rating), 2) as average_rating,
    count(*) - lag(count(*)) over (partition by tickets.topic order by date_trunc('month', tickets.opened_at)) as change
from {{ source('support_core', 'tickets') }} as tickets
group by date_trunc('month', tickets.opened_at), tickets.topic
