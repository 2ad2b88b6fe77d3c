{% macro as_of_date() -%}
    cast('{{ var("as_of_date") }}' as date)
{%- endmacro %}

{% macro days_between(earlier, later) -%}
    (date_diff('second', cast({{ earlier }} as timestamp), cast({{ later }} as timestamp)) / 86400.0)
{%- endmacro %}
