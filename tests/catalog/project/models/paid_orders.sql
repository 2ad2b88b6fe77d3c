{{ config(materialized='ephemeral') }}
select * exclude (status) from {{ ref('stg_orders') }} where status = 'paid'
