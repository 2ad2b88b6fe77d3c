select
    id as order_id,
    customer as customer_id,
    amount_cents / 100.0 as amount,
    ordered_at,
    status
from {{ ref('raw_orders') }}
