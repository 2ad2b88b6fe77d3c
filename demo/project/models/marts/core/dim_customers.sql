with orders as (
    select
        customer_id,
        count(*) as order_count,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        sum(order_total_eur - refunded_eur) as lifetime_value_eur
    from {{ ref('fct_orders') }}
    where order_status <> 'cancelled'
    group by customer_id
)

select
    cast(customers.customer_id as integer) as customer_id,
    cast(customers.first_name || ' ' || customers.last_name as varchar) as full_name,
    cast(customers.email as varchar) as email,
    cast(regions.country_name as varchar) as country,
    cast(regions.region as varchar) as region,
    cast(customers.tier as varchar) as tier,
    cast(customers.is_opted_in as boolean) as is_opted_in,
    cast(customers.created_at as timestamp) as created_at,
    cast(orders.first_order_at as timestamp) as first_order_at,
    cast(orders.last_order_at as timestamp) as last_order_at,
    cast(coalesce(orders.order_count, 0) as integer) as order_count,
    cast(coalesce(orders.lifetime_value_eur, 0) as decimal(18, 2)) as lifetime_value_eur
from {{ ref('stg_shop__customers') }} as customers
left join {{ ref('country_regions') }} as regions
    on customers.country_code = regions.country_code
left join orders
    on customers.customer_id = orders.customer_id
