select
    cast(day as date) as date_day,
    cast(date_trunc('week', day) as date) as week_start,
    cast(date_trunc('month', day) as date) as month_start,
    year(day) as calendar_year,
    quarter(day) as calendar_quarter,
    dayname(day) as day_name,
    isodow(day) >= 6 as is_weekend
from unnest(generate_series(timestamp '2025-01-01', cast({{ as_of_date() }} as timestamp), interval '1 day')) as spine (day)
