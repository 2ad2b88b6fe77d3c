{{ config(materialized='incremental', unique_key='order_item_id', incremental_strategy='delete+insert') }}

select
    lines.order_item_id,
    lines.order_id,
    lines.customer_id,
    lines.product_id,
    cast(lines.ordered_at as date) as ordered_on,
    lines.order_status,
    lines.quantity,
    lines.gross_eur,
    lines.discount_eur,
    lines.net_eur,
    lines.cost_eur,
    lines.net_eur - lines.cost_eur as margin_eur,
    coalesce(returns.quantity_returned, 0) as quantity_returned,
    returns.return_reason,
    lines.updated_at
from {{ ref('int_order_lines__priced') }} as lines
left join {{ ref('stg_shop__returns') }} as returns
    on lines.order_item_id = returns.order_item_id
{% if is_incremental() %}
where lines.updated_at >= (select max(updated_at) - interval '30 days' from {{ this }})
{% endif %}
