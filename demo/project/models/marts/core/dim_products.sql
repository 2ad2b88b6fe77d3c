with sold as (
    select
        product_id,
        sum(quantity) as units_sold,
        sum(net_eur) as revenue_eur,
        sum(net_eur - cost_eur) as margin_eur,
        max(cast(ordered_at as date)) as last_sold_on
    from {{ ref('int_order_lines__priced') }}
    where order_status <> 'cancelled'
    group by product_id
)

select
    products.product_id,
    products.sku,
    products.product_name,
    products.category,
    products.unit_cost_eur,
    products.list_price_eur,
    products.launched_on,
    products.discontinued_on,
    coalesce(products.discontinued_on > {{ as_of_date() }}, true) as is_sold,
    coalesce(sold.units_sold, 0) as units_sold,
    coalesce(sold.revenue_eur, 0) as revenue_eur,
    coalesce(sold.margin_eur, 0) as margin_eur,
    sold.last_sold_on,
    rank() over (partition by products.category order by coalesce(sold.revenue_eur, 0) desc) as rank_in_category
from {{ ref('stg_shop__products') }} as products
left join sold
    on products.product_id = sold.product_id
