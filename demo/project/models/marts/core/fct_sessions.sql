{{ config(materialized='incremental', unique_key='session_id', incremental_strategy='delete+insert') }}

select
    sessions.session_id,
    sessions.visitor_id,
    sessions.customer_id,
    sessions.started_at,
    sessions.channel,
    sessions.campaign_id,
    sessions.landing_page,
    sessions.device,
    sessions.page_views,
    sessions.visit_number,
    sessions.is_recognised_later,
    count(touches.order_id) as influenced_orders,
    coalesce(sum(touches.weight), 0) as attributed_orders
from {{ ref('int_sessions__identified') }} as sessions
left join {{ ref('int_order_touchpoints') }} as touches
    on sessions.session_id = touches.session_id
{% if is_incremental() %}
-- An order may still credit a visit of the days before it.
where sessions.started_at >= (select max(started_at) - interval '{{ var("attribution_window_days") }} days' from {{ this }})
{% endif %}
group by all
