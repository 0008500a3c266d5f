-- The deliveries that operators ask for, the highest ids of each partition first. It walks the outbox of each.

local namespace, state, from, before = take(), take(), take(), take()
local max = take()

-- Which of two texts of digits comes first is the same in every locale that a server may run in; of bytes it is not.
local function readable(id)
    return (string.gsub(id, '.', function(byte) return string.format('%02x', string.byte(byte)) end))
end

local found = {}
for _, partition in ipairs(KEYS) do
    base = partition
    local ids = {}
    for _, key in ipairs({ due_key(), records_key() }) do
        for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
            local text = readable(id)
            if (not from or text >= from) and (not before or text < before) then
                ids[#ids + 1] = { id = id, text = text }
            end
        end
    end
    table.sort(ids, function(one, other) return one.text > other.text end)
    local room = max
    for _, id in ipairs(ids) do
        if room == 0 then break end
        local delivery = load_delivery(id.id)
        if delivery and (not namespace or delivery.namespace == namespace) and (not state or delivery.state == state) then
            found[#found + 1] = delivery_reply(delivery)
            room = room - 1
        end
    end
end
return found
