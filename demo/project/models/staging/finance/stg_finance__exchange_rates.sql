-- depends_on: {{ ref('raw_exchange_rates') }}
select
    currency_code,
    cast(valid_from as date) as valid_from,
    lead(cast(valid_from as date), 1, date '9999-01-01') over (partition by currency_code order by valid_from) as valid_until,
    cast(rate_to_eur as decimal(12, 5)) as rate_to_eur
from {{ source('finance', 'exchange_rates') }}
