-- Adds a provider's later word to the record of its message, in whichever of these partitions it is.

local provider, message_id, told = take(), take(), take()

for _, partition in ipairs(KEYS) do
    base = partition
    local id = redis.call('GET', message_key(provider, message_id))
    local delivery = id and load_delivery(id)
    if delivery and delivery.state ~= DUE and delivery.state ~= CLAIMED then
        delivery.attempts[#delivery.attempts + 1] = told
        redis.call('SET', delivery_key(id), delivery_reply(delivery), 'KEEPTTL')
        return 1
    end
end
return 0
