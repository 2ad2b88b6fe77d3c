-- Products that are bought together more often than chance would have it, with a bootstrap interval around the lift,
-- because most pairs were seen only a few times.
with baskets as (
    select distinct
        order_id,
        product_id
    from {{ ref('fct_order_lines') }}
    where order_status <> 'cancelled'
),

samples as (
    select
        orders.order_id,
        sample.number as sample_number,
        {{ poisson_weight(['orders.order_id', 'sample.number']) }} as weight
    from (select distinct order_id from baskets) as orders
    cross join range(1, {{ var("affinity_resamples") }} + 1) as sample (number)
),

totals as (
    select
        sample_number,
        sum(weight) as orders
    from samples
    group by sample_number
),

singles as (
    select
        samples.sample_number,
        baskets.product_id,
        sum(samples.weight) as orders
    from samples
    inner join baskets
        on samples.order_id = baskets.order_id
    group by samples.sample_number, baskets.product_id
),

pairs as (
    select
        samples.sample_number,
        one.product_id as product_id,
        other.product_id as other_product_id,
        sum(samples.weight) as orders
    from samples
    inner join baskets as one
        on samples.order_id = one.order_id
    inner join baskets as other
        on one.order_id = other.order_id
        and one.product_id < other.product_id
    group by samples.sample_number, one.product_id, other.product_id
),

lifts as (
    select
        pairs.product_id,
        pairs.other_product_id,
        pairs.orders * totals.orders / nullif(cast(one.orders * other.orders as double), 0) as lift
    from pairs
    inner join totals
        on pairs.sample_number = totals.sample_number
    inner join singles as one
        on pairs.sample_number = one.sample_number
        and pairs.product_id = one.product_id
    inner join singles as other
        on pairs.sample_number = other.sample_number
        and pairs.other_product_id = other.product_id
),

seen as (
    select
        one.product_id,
        other.product_id as other_product_id,
        count(*) as orders_together
    from baskets as one
    inner join baskets as other
        on one.order_id = other.order_id
        and one.product_id < other.product_id
    group by one.product_id, other.product_id
    having count(*) >= 3
)

select
    seen.product_id,
    seen.other_product_id,
    seen.orders_together,
    round(quantile_cont(lifts.lift, 0.5), 3) as lift,
    round(quantile_cont(lifts.lift, 0.05), 3) as lift_p05,
    round(quantile_cont(lifts.lift, 0.95), 3) as lift_p95
from seen
inner join lifts
    on seen.product_id = lifts.product_id
    and seen.other_product_id = lifts.other_product_id
group by seen.product_id, seen.other_product_id, seen.orders_together
