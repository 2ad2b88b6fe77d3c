{{ config(materialized='incremental', unique_key='order_id', incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}

select
    order_id,
    customer_id,
    ordered_at,
    cast(ordered_at as date) as ordered_on,
    order_status,
    voucher_code,
    line_count,
    item_count,
    items_eur,
    shipping_eur,
    discount_eur,
    order_total_eur,
    cost_eur,
    paid_eur,
    refunded_eur,
    failed_payments,
    payment_method,
    row_number() over (partition by customer_id order by ordered_at, order_id) as order_number,
    updated_at
from {{ ref('int_orders__settled') }}
{% if is_incremental() %}
-- The whole history of every customer whose orders changed, since each order carries its number within that history.
where customer_id in (
    select customer_id
    from {{ ref('int_orders__settled') }}
    where updated_at >= (select max(updated_at) - interval '3 days' from {{ this }})
)
{% endif %}
