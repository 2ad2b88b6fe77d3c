-- depends_on: {{ ref('raw_payments') }}
select
    cast(payment_id as integer) as payment_id,
    cast(order_id as integer) as order_id,
    method as payment_method,
    lower(status) as payment_status,
    {{ cents_to_amount('amount_cents') }} as amount,
    cast(paid_at as timestamp) as paid_at
from {{ source('shop', 'payments') }}
-- The provider reports some payments twice; the reports are alike, so any one of them will do.
qualify row_number() over (partition by payment_id order by paid_at) = 1
