-- The value added tax inside each month's sales, for the return that finance files per country.
{{ config(materialized='view') }}

select
    cast(date_trunc('month', orders.ordered_on) as date) as month_start,
    regions.country_code,
    regions.country_name,
    regions.vat_basis_points / 10000.0 as vat_rate,
    sum(orders.order_total_eur - orders.refunded_eur) as sales_eur,
    round(
        sum((orders.order_total_eur - orders.refunded_eur) * regions.vat_basis_points / (10000.0 + regions.vat_basis_points)), 2
    ) as vat_eur
from {{ ref('fct_orders') }} as orders
inner join {{ ref('stg_shop__customers') }} as customers
    on orders.customer_id = customers.customer_id
inner join {{ ref('country_regions') }} as regions
    on customers.country_code = regions.country_code
where orders.order_status <> 'cancelled'
group by date_trunc('month', orders.ordered_on), regions.country_code, regions.country_name, regions.vat_basis_points
