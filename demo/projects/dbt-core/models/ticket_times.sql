-- How long each ticket waited for its first answer and for its end, in hours.
select
    ticket_id,
    date_diff('minute', opened_at, first_answer_at) / 60.0 as hours_to_answer,
    date_diff('minute', opened_at, closed_at) / 60.0 as hours_to_close
from {{ ref('tickets') }}
