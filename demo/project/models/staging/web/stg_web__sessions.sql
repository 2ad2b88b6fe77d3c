-- depends_on: {{ ref('raw_web_sessions') }}
select
    cast(session_id as integer) as session_id,
    visitor_id,
    try_cast(customer_id as integer) as signed_in_customer_id,
    cast(started_at as timestamp) as started_at,
    channel,
    nullif(trim(campaign_id), '') as campaign_id,
    landing_page,
    cast(page_views as integer) as page_views,
    device
from {{ source('web', 'sessions') }}
