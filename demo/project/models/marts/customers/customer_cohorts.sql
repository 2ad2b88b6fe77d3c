-- Of the customers who first bought in one month, how many bought again one, two … months later.
with firsts as (
    select
        customer_id,
        cast(date_trunc('month', first_order_at) as date) as cohort_month
    from {{ ref('dim_customers') }}
    where first_order_at is not null
),

sizes as (
    select
        cohort_month,
        count(*) as cohort_size
    from firsts
    group by cohort_month
),

activity as (
    select
        firsts.cohort_month,
        date_diff('month', firsts.cohort_month, orders.ordered_on) as months_later,
        count(distinct orders.customer_id) as active_customers,
        sum(orders.order_total_eur - orders.refunded_eur) as revenue_eur
    from {{ ref('fct_orders') }} as orders
    inner join firsts
        on orders.customer_id = firsts.customer_id
    where orders.order_status <> 'cancelled'
    group by firsts.cohort_month, date_diff('month', firsts.cohort_month, orders.ordered_on)
)

select
    activity.cohort_month,
    activity.months_later,
    sizes.cohort_size,
    activity.active_customers,
    {{ share('activity.active_customers', 'sizes.cohort_size') }} as retention,
    activity.revenue_eur,
    sum(activity.revenue_eur) over (partition by activity.cohort_month order by activity.months_later) as cumulative_revenue_eur
from activity
inner join sizes
    on activity.cohort_month = sizes.cohort_month
