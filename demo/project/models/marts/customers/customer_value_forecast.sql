-- What each customer will spend within a year: a simulation that draws a number of orders for every month from the
-- customer's own pace (mended towards the shop's average while there is little history) and a basket for each of them.
with paces as (
    select
        customers.customer_id,
        customers.order_count,
        greatest(date_diff('day', cast(customers.created_at as date), {{ as_of_date() }}) / 30.4, 1) as months_known,
        coalesce(customers.lifetime_value_eur / nullif(customers.order_count, 0), 0) as average_basket_eur
    from {{ ref('dim_customers') }} as customers
),

shop as (
    select
        sum(order_count) / sum(months_known) as monthly_orders,
        sum(average_basket_eur * order_count) / sum(order_count) as average_basket_eur
    from paces
),

mended as (
    select
        paces.customer_id,
        (paces.order_count + 3 * shop.monthly_orders) / (paces.months_known + 3) as monthly_orders,
        (paces.average_basket_eur * paces.order_count + 2 * shop.average_basket_eur) / (paces.order_count + 2) as basket_eur
    from paces
    cross join shop
),

draws as (
    select
        mended.customer_id,
        draw.number as draw_number,
        sum(
            case
                when {{ uniform_draw(['mended.customer_id', 'draw.number', 'month.number']) }} < 1 - exp(-mended.monthly_orders)
                    then mended.basket_eur * (0.35 - ln({{ uniform_draw(['month.number', 'draw.number', 'mended.customer_id', '7']) }}) * 0.65)
                else 0
            end
        ) as yearly_revenue_eur
    from mended
    cross join range(1, {{ var("forecast_draws") }} + 1) as draw (number)
    cross join range(1, 13) as month (number)
    group by mended.customer_id, draw.number
)

select
    customer_id,
    round(avg(yearly_revenue_eur), 2) as expected_revenue_eur,
    round(quantile_cont(yearly_revenue_eur, 0.1), 2) as revenue_p10_eur,
    round(quantile_cont(yearly_revenue_eur, 0.5), 2) as revenue_p50_eur,
    round(quantile_cont(yearly_revenue_eur, 0.9), 2) as revenue_p90_eur,
    {{ share('count(*) filter (where yearly_revenue_eur = 0)', 'count(*)') }} as chance_of_no_order
from draws
group by customer_id
