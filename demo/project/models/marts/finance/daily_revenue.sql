with orders as (
    select
        ordered_on,
        count(*) as orders,
        count(*) filter (where order_number = 1) as first_orders,
        sum(order_total_eur) as gross_revenue_eur,
        sum(refunded_eur) as refunded_eur,
        sum(items_eur - cost_eur - refunded_eur) as margin_eur
    from {{ ref('fct_orders') }}
    where order_status <> 'cancelled'
    group by ordered_on
)

select
    dates.date_day,
    dates.month_start,
    dates.is_weekend,
    coalesce(orders.orders, 0) as orders,
    coalesce(orders.first_orders, 0) as first_orders,
    coalesce(orders.gross_revenue_eur, 0) as gross_revenue_eur,
    coalesce(orders.refunded_eur, 0) as refunded_eur,
    coalesce(orders.margin_eur, 0) as margin_eur,
    round(avg(coalesce(orders.gross_revenue_eur, 0)) over (order by dates.date_day rows between 27 preceding and current row), 2)
        as average_revenue_28d_eur
from {{ ref('dim_dates') }} as dates
left join orders
    on dates.date_day = orders.ordered_on
