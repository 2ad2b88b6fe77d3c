-- A month's revenue divided among the channels that led to it, by three rules side by side.
with touches as (
    select
        touches.*,
        cast(date_trunc('month', orders.ordered_at) as date) as month_start,
        orders.order_total_eur - orders.refunded_eur as revenue_eur
    from {{ ref('int_order_touchpoints') }} as touches
    inner join {{ ref('fct_orders') }} as orders
        on touches.order_id = orders.order_id
)

select
    month_start,
    channel,
    count(distinct order_id) as touched_orders,
    round(sum(weight), 3) as attributed_orders,
    round(sum(revenue_eur * weight), 2) as time_decay_revenue_eur,
    round(sum(revenue_eur) filter (where touch_number = 1), 2) as first_touch_revenue_eur,
    round(sum(revenue_eur) filter (where touch_number = touch_count), 2) as last_touch_revenue_eur,
    {{ share('sum(revenue_eur * weight)', 'sum(sum(revenue_eur * weight)) over (partition by month_start)', 6) }} as share_of_month
from touches
group by month_start, channel
