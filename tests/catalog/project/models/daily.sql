{{ config(materialized='incremental', unique_key='day') }}
select cast(moved_at as date) as day, sum(amount) as amount from {{ ref('movements') }}
{% if is_incremental() %} where moved_at >= (select max(day) from {{ this }}) {% endif %}
group by 1
