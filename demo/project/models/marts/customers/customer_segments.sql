-- Recency, frequency and value in five classes each, and the name that marketing gives to their mixtures.
{{ config(materialized='view') }}

with today as (
    select
        customer_id,
        days_since_order,
        orders_365d,
        revenue_365d_eur,
        sessions_90d
    from {{ ref('int_customers__daily') }}
    where day = {{ as_of_date() }}
        and days_since_order is not null
),

scored as (
    select
        *,
        ntile(5) over (order by days_since_order desc, customer_id) as recency_score,
        ntile(5) over (order by orders_365d, customer_id) as frequency_score,
        ntile(5) over (order by revenue_365d_eur, customer_id) as value_score
    from today
)

select
    *,
    case
        when recency_score >= 4 and frequency_score >= 4 and value_score >= 4 then 'champion'
        when recency_score >= 4 and frequency_score <= 2 then 'new or returning'
        when recency_score >= 3 and frequency_score >= 3 then 'loyal'
        when recency_score <= 2 and value_score >= 4 then 'at risk'
        when recency_score = 1 then 'lost'
        else 'occasional'
    end as segment
from scored
