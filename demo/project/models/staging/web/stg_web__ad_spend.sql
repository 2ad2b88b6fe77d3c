-- depends_on: {{ ref('raw_ad_spend') }}
select
    cast(week_start as date) as week_start,
    campaign_id,
    channel,
    {{ cents_to_amount('spend_cents') }} as spend_eur,
    cast(impressions as integer) as impressions,
    cast(clicks as integer) as clicks
from {{ source('web', 'ad_spend') }}
