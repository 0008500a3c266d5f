-- The deliveries that operators ask for, the highest ids of each partition first. It walks the outbox of each.

local namespace, state, from, before = take_optional(), take_optional_number(), take_optional(), take_optional()
local max = take_number()

local found = {}
for _, partition in ipairs(KEYS) do
    base = partition
    local ids = {}
    for _, key in ipairs({ due_key(), records_key() }) do
        for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
            if (not from or id >= from) and (not before or id < before) then ids[#ids + 1] = id end
        end
    end
    table.sort(ids, function(one, other) return one > other end)
    local room = max
    for _, id in ipairs(ids) do
        if room == 0 then break end
        local delivery = load_delivery(id)
        if delivery and (not namespace or delivery.namespace == namespace) and (not state or delivery.state == state) then
            found[#found + 1] = delivery_reply(delivery)
            room = room - 1
        end
    end
end
return found
