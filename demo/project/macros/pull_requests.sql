{% macro drop_schemas_of(schema) -%}
    {#- What builds into `schema` made: it, and the schemas whose names it begins because models say `+schema`. -#}
    {%- if not schema.startswith("pr_") -%}
        {{ exceptions.raise_compiler_error("Only schemas of pull requests, pr_<number>, are dropped: " ~ schema) }}
    {%- endif -%}
    {%- for row in run_query("select distinct schema_name from information_schema.schemata where catalog_name = '" ~ target.database ~ "'") -%}
        {%- if row[0] == schema or row[0].startswith(schema ~ "_") -%}
            {{ log("Dropping the schema " ~ row[0], info=True) }}
            {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema=row[0])) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
