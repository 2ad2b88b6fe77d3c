select
    cast(agent_id as integer) as agent_id,
    agent_name,
    upper(office) as office
from {{ ref('raw_agents') }}
