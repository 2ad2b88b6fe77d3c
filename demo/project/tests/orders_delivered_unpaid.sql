-- Orders that left the warehouse although no payment arrived. Finance calls these customers, so it warns and never fails.
{{ config(severity='warn', tags=['finance']) }}

select
    order_id,
    customer_id,
    ordered_at,
    order_total_eur
from {{ ref('fct_orders') }}
where order_status in ('shipped', 'completed')
    and paid_eur = 0
