-- The visits of the days before each order, and the part of the order that each of them earned:
-- a visit counts half as much for every half-life that passed between it and the order.
with touches as (
    select
        orders.order_id,
        sessions.session_id,
        sessions.channel,
        sessions.campaign_id,
        {{ days_between('sessions.started_at', 'orders.ordered_at') }} as days_before_order
    from {{ ref('int_orders__settled') }} as orders
    inner join {{ ref('int_sessions__identified') }} as sessions
        on orders.customer_id = sessions.customer_id
        and sessions.started_at <= orders.ordered_at
        and sessions.started_at > orders.ordered_at - interval '{{ var("attribution_window_days") }} days'
    where orders.order_status <> 'cancelled'
),

weighted as (
    select
        *,
        power(0.5, days_before_order / {{ var("attribution_half_life_days") }}) as raw_weight
    from touches
)

select
    order_id,
    session_id,
    channel,
    campaign_id,
    days_before_order,
    row_number() over (partition by order_id order by days_before_order desc, session_id) as touch_number,
    count(*) over (partition by order_id) as touch_count,
    raw_weight / sum(raw_weight) over (partition by order_id) as weight
from weighted
