-- depends_on: {{ ref('raw_orders') }}
select
    cast(order_id as integer) as order_id,
    cast(customer_id as integer) as customer_id,
    cast(ordered_at as timestamp) as ordered_at,
    lower(trim(status)) as order_status,
    currency_code,
    {{ cents_to_amount('shipping_cents') }} as shipping_amount,
    nullif(trim(voucher_code), '') as voucher_code,
    cast(updated_at as timestamp) as updated_at
from {{ source('shop', 'orders') }}
where not cast(is_test as boolean)
