with orders as (
    select
        *,
        row_number() over (partition by customer_id order by ordered_at desc) as nth_latest
    from {{ ref('stg_orders') }}
),
totals as (
    select o.customer_id, sum(m.amount) as total, count(*) as moves, max(case when o.nth_latest = 1 then o.status end) as latest_status
    from orders o join {{ ref('movements') }} m using (order_id)
    group by 1
)
select
    c.id as customer_id,
    upper(c.full_name) as name,
    coalesce(t.total, 0) as total,
    t.moves,
    t.latest_status,
    (select max(moved_at) from {{ ref('movements') }}) as as_of
from {{ ref('stg_customers') }} c
left join totals t on t.customer_id = c.id
