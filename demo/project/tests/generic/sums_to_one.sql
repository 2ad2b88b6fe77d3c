{% test sums_to_one(model, column_name, within, tolerance=0.001) %}
    select
        {{ within }},
        sum({{ column_name }}) as total
    from {{ model }}
    group by {{ within }}
    having abs(sum({{ column_name }}) - 1) > {{ tolerance }}
{% endtest %}
