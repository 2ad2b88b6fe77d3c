{% macro stamp_landing_time(relation) -%}
    alter table {{ relation }} add column _loaded_at timestamp default cast(now() at time zone 'utc' as timestamp)
{%- endmacro %}

{% macro forget_landing_time(relation) -%}
    {#- A seed's second load copies the CSV file column by column, so the stamp of the first load has to go. -#}
    alter table if exists {{ relation }} drop column if exists _loaded_at
{%- endmacro %}
