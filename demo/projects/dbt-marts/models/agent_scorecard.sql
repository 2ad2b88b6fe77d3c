select
    agents.agent_id,
    agents.agent_name,
    agents.office,
    count(*) as tickets,
    round(median(times.hours_to_answer), 1) as median_hours_to_answer,
    round(quantile_cont(times.hours_to_close, 0.9), 1) as p90_hours_to_close,
    round(avg(tickets.rating), 2) as average_rating
from {{ source('support_core', 'tickets') }} as tickets
inner join {{ source('support_core', 'agents') }} as agents
    on tickets.agent_id = agents.agent_id
inner join {{ source('support_core', 'ticket_times') }} as times
    on tickets.ticket_id = times.ticket_id
group by agents.agent_id, agents.agent_name, agents.office
