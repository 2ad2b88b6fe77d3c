with orders as (select * from {{ ref('paid_orders') }}),
refunds as (
    select order_id, -cents / 100.0 as amount, refunded_at as moved_at from {{ ref('raw_refunds') }}
)
select order_id, amount, ordered_at as moved_at, 'order' as kind from orders
union all
select order_id, amount, moved_at, 'refund' from refunds
