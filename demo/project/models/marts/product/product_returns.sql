-- How often each product comes back, and why.
{{ config(materialized='view') }}

select
    lines.product_id,
    products.product_name,
    products.category,
    sum(lines.quantity) as units_sold,
    sum(lines.quantity_returned) as units_returned,
    {{ share('sum(lines.quantity_returned)', 'sum(lines.quantity)') }} as return_rate,
    mode(lines.return_reason) as usual_reason
from {{ ref('fct_order_lines') }} as lines
inner join {{ ref('dim_products') }} as products
    on lines.product_id = products.product_id
where lines.order_status <> 'cancelled'
group by lines.product_id, products.product_name, products.category
