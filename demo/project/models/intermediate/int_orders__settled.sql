-- An order with what was charged, what was paid and what came back, all in euros.
with lines as (
    select
        order_id,
        count(*) as line_count,
        sum(quantity) as item_count,
        sum(net_eur) as items_eur,
        sum(discount_eur) as discount_eur,
        sum(cost_eur) as cost_eur
    from {{ ref('int_order_lines__priced') }}
    group by order_id
),

payments as (
    select
        order_id,
        sum(amount) filter (where payment_status = 'success') as paid_amount,
        count(*) filter (where payment_status = 'failed') as failed_payments,
        min(paid_at) filter (where payment_status = 'success') as first_paid_at,
        max_by(payment_method, paid_at) as payment_method
    from {{ ref('stg_shop__payments') }}
    group by order_id
),

returned as (
    select
        lines.order_id,
        sum(lines.net_eur * returns.quantity_returned / lines.quantity) as refunded_eur
    from {{ ref('stg_shop__returns') }} as returns
    inner join {{ ref('int_order_lines__priced') }} as lines
        on returns.order_item_id = lines.order_item_id
    group by lines.order_id
)

select
    orders.order_id,
    orders.customer_id,
    orders.ordered_at,
    orders.order_status,
    orders.voucher_code,
    orders.updated_at,
    lines.line_count,
    lines.item_count,
    lines.items_eur,
    lines.discount_eur,
    lines.cost_eur,
    cast(orders.shipping_amount * rates.rate_to_eur as decimal(18, 2)) as shipping_eur,
    cast(lines.items_eur + orders.shipping_amount * rates.rate_to_eur as decimal(18, 2)) as order_total_eur,
    cast(coalesce(payments.paid_amount, 0) * rates.rate_to_eur as decimal(18, 2)) as paid_eur,
    cast(coalesce(returned.refunded_eur, 0) as decimal(18, 2)) as refunded_eur,
    coalesce(payments.failed_payments, 0) as failed_payments,
    payments.payment_method,
    payments.first_paid_at
from {{ ref('stg_shop__orders') }} as orders
inner join lines
    on orders.order_id = lines.order_id
inner join {{ ref('stg_finance__exchange_rates') }} as rates
    on orders.currency_code = rates.currency_code
    and cast(orders.ordered_at as date) >= rates.valid_from
    and cast(orders.ordered_at as date) < rates.valid_until
left join payments
    on orders.order_id = payments.order_id
left join returned
    on orders.order_id = returned.order_id
