select nope from {{ ref("stg_people") }}
