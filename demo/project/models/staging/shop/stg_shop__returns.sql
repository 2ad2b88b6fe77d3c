-- depends_on: {{ ref('raw_returns') }}
select
    cast(return_id as integer) as return_id,
    cast(order_item_id as integer) as order_item_id,
    cast(quantity as integer) as quantity_returned,
    reason as return_reason,
    cast(returned_at as timestamp) as returned_at
from {{ source('shop', 'returns') }}
