-- What a campaign cost in a month and what came of it.
{{ config(materialized='view') }}

with spend as (
    select
        cast(date_trunc('month', week_start) as date) as month_start,
        campaign_id,
        any_value(channel) as channel,
        sum(spend_eur) as spend_eur,
        sum(clicks) as clicks,
        sum(impressions) as impressions
    from {{ ref('stg_web__ad_spend') }}
    group by date_trunc('month', week_start), campaign_id
),

earned as (
    select
        cast(date_trunc('month', orders.ordered_at) as date) as month_start,
        touches.campaign_id,
        sum(touches.weight) as attributed_orders,
        sum(touches.weight * (orders.order_total_eur - orders.refunded_eur)) as attributed_revenue_eur
    from {{ ref('int_order_touchpoints') }} as touches
    inner join {{ ref('fct_orders') }} as orders
        on touches.order_id = orders.order_id
    where touches.campaign_id is not null
    group by date_trunc('month', orders.ordered_at), touches.campaign_id
)

select
    spend.month_start,
    spend.campaign_id,
    spend.channel,
    spend.spend_eur,
    spend.clicks,
    {{ share('spend.clicks', 'spend.impressions') }} as click_rate,
    round(coalesce(earned.attributed_orders, 0), 2) as attributed_orders,
    round(coalesce(earned.attributed_revenue_eur, 0), 2) as attributed_revenue_eur,
    {{ share('coalesce(earned.attributed_revenue_eur, 0)', 'spend.spend_eur', 2) }} as return_on_spend
from spend
left join earned
    on spend.month_start = earned.month_start
    and spend.campaign_id = earned.campaign_id
