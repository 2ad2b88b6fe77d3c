-- depends_on: {{ ref('raw_products') }}
select
    cast(product_id as integer) as product_id,
    sku,
    product_name,
    category,
    {{ cents_to_amount('unit_cost_cents') }} as unit_cost_eur,
    {{ cents_to_amount('list_price_cents') }} as list_price_eur,
    cast(launched_on as date) as launched_on,
    try_cast(discontinued_on as date) as discontinued_on
from {{ source('shop', 'products') }}
