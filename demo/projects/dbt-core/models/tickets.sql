select
    cast(ticket_id as integer) as ticket_id,
    cast(agent_id as integer) as agent_id,
    topic,
    channel,
    cast(opened_at as timestamp) as opened_at,
    cast(first_answer_at as timestamp) as first_answer_at,
    try_cast(closed_at as timestamp) as closed_at,
    try_cast(rating as integer) as rating,
    try_cast(closed_at as timestamp) is null as is_open
from {{ ref('raw_tickets') }}
