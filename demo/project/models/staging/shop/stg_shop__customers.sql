-- depends_on: {{ ref('raw_customers') }}
select
    cast(customer_id as integer) as customer_id,
    first_name,
    last_name,
    lower(trim(email)) as email,
    upper(country_code) as country_code,
    coalesce(try_cast(marketing_opt_in as boolean), false) as is_opted_in,
    tier,
    cast(created_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at
from {{ source('shop', 'customers') }}
