with renamed as (
    select * from {{ source('shop', 'customers') }}
)
select * from renamed
