-- The sum of the days is the sum of the orders, to the cent.
with days as (
    select sum(gross_revenue_eur) as total from {{ ref('daily_revenue') }}
),

orders as (
    select sum(order_total_eur) as total from {{ ref('fct_orders') }} where order_status <> 'cancelled'
)

select
    days.total as of_days,
    orders.total as of_orders
from days
cross join orders
where abs(days.total - orders.total) > 0.01
