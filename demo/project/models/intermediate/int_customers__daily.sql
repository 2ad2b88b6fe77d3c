-- A row per customer and day since the account was made, with what the last 30, 90 and 365 days brought.
with days as (
    select
        customers.customer_id,
        cast(spine.day as date) as day
    from {{ ref('stg_shop__customers') }} as customers
    cross join unnest(generate_series(cast(customers.created_at as date), {{ as_of_date() }}, interval '1 day')) as spine (day)
),

orders as (
    select
        customer_id,
        cast(ordered_at as date) as day,
        count(*) as orders,
        sum(order_total_eur - refunded_eur) as revenue_eur
    from {{ ref('int_orders__settled') }}
    where order_status <> 'cancelled'
    group by customer_id, cast(ordered_at as date)
),

visits as (
    select
        customer_id,
        cast(started_at as date) as day,
        count(*) as sessions,
        sum(page_views) as page_views
    from {{ ref('int_sessions__identified') }}
    where customer_id is not null
    group by customer_id, cast(started_at as date)
)

select
    days.customer_id,
    days.day,
    coalesce(orders.orders, 0) as orders,
    coalesce(orders.revenue_eur, 0) as revenue_eur,
    coalesce(visits.sessions, 0) as sessions,
    {% for width in [30, 90, 365] -%}
    sum(coalesce(orders.orders, 0)) over last_{{ width }} as orders_{{ width }}d,
    sum(coalesce(orders.revenue_eur, 0)) over last_{{ width }} as revenue_{{ width }}d_eur,
    sum(coalesce(visits.sessions, 0)) over last_{{ width }} as sessions_{{ width }}d,
    {% endfor -%}
    quantile_cont(coalesce(visits.page_views, 0), 0.9) over last_365 as page_views_p90_365d,
    date_diff('day', max(case when orders.orders > 0 then days.day end) over so_far, days.day) as days_since_order
from days
left join orders
    on days.customer_id = orders.customer_id
    and days.day = orders.day
left join visits
    on days.customer_id = visits.customer_id
    and days.day = visits.day
window
    so_far as (partition by days.customer_id order by days.day rows between unbounded preceding and current row),
    last_30 as (partition by days.customer_id order by days.day rows between 29 preceding and current row),
    last_90 as (partition by days.customer_id order by days.day rows between 89 preceding and current row),
    last_365 as (partition by days.customer_id order by days.day rows between 364 preceding and current row)
