{% macro cents_to_amount(column) -%}
    cast({{ column }} / 100.0 as decimal(18, 2))
{%- endmacro %}

{% macro share(part, whole, digits=4) -%}
    round(cast({{ part }} as double) / nullif({{ whole }}, 0), {{ digits }})
{%- endmacro %}
