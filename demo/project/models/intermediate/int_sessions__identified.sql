-- Visits with the customer behind them: whoever signs in once is recognised on earlier visits of the same visitor too.
with known_visitors as (
    select
        visitor_id,
        min_by(signed_in_customer_id, started_at) as customer_id
    from {{ ref('stg_web__sessions') }}
    where signed_in_customer_id is not null
    group by visitor_id
)

select
    sessions.session_id,
    sessions.visitor_id,
    coalesce(sessions.signed_in_customer_id, known_visitors.customer_id) as customer_id,
    sessions.started_at,
    sessions.channel,
    sessions.campaign_id,
    sessions.landing_page,
    sessions.page_views,
    sessions.device,
    sessions.signed_in_customer_id is null and known_visitors.customer_id is not null as is_recognised_later,
    row_number() over (partition by sessions.visitor_id order by sessions.started_at, sessions.session_id) as visit_number
from {{ ref('stg_web__sessions') }} as sessions
left join known_visitors
    on sessions.visitor_id = known_visitors.visitor_id
