select
    orders.order_id,
    orders.ordered_at,
    customers.created_at
from {{ ref('fct_orders') }} as orders
inner join {{ ref('dim_customers') }} as customers
    on orders.customer_id = customers.customer_id
where orders.ordered_at < customers.created_at
