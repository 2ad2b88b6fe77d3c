{% macro uniform_draw(key_columns) -%}
    ((hash({{ key_columns | join(", ") }}) % 1000003) + 0.5) / 1000003.0
{%- endmacro %}

{% macro poisson_weight(key_columns) -%}
    {#- How often one order falls into a bootstrap sample: a Poisson(1) count read off a uniform draw. -#}
    {%- set draw = uniform_draw(key_columns) -%}
    case when {{ draw }} < 0.3679 then 0 when {{ draw }} < 0.7358 then 1 when {{ draw }} < 0.9197 then 2 when {{ draw }} < 0.9810 then 3 else 4 end
{%- endmacro %}
