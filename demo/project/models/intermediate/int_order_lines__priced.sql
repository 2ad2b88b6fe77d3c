-- Every line of every order in euros, at the rate of the month in which it was ordered, with its cost.
{{ config(materialized='view') }}

select
    items.order_item_id,
    items.order_id,
    orders.customer_id,
    items.product_id,
    orders.ordered_at,
    orders.order_status,
    orders.updated_at,
    items.quantity,
    cast(items.unit_price * items.quantity * rates.rate_to_eur as decimal(18, 2)) as gross_eur,
    cast(items.discount_amount * rates.rate_to_eur as decimal(18, 2)) as discount_eur,
    cast((items.unit_price * items.quantity - items.discount_amount) * rates.rate_to_eur as decimal(18, 2)) as net_eur,
    cast(products.unit_cost_eur * items.quantity as decimal(18, 2)) as cost_eur
from {{ ref('stg_shop__order_items') }} as items
inner join {{ ref('stg_shop__orders') }} as orders
    on items.order_id = orders.order_id
inner join {{ ref('stg_shop__products') }} as products
    on items.product_id = products.product_id
inner join {{ ref('stg_finance__exchange_rates') }} as rates
    on orders.currency_code = rates.currency_code
    and cast(orders.ordered_at as date) >= rates.valid_from
    and cast(orders.ordered_at as date) < rates.valid_until
