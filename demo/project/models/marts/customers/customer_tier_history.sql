-- From when to when each customer had which tier, as the snapshot saw it.
{{ config(materialized='view') }}

select
    customer_id,
    tier,
    country_code,
    dbt_valid_from as valid_from,
    dbt_valid_to as valid_to,
    dbt_valid_to is null as is_current,
    row_number() over (partition by customer_id order by dbt_valid_from) as version
from {{ ref('snap_customers') }}
