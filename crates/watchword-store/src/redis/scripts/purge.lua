-- Removes what is over before its TTL does: verifications, records, counts. Gives back how many.

local max = take()
local left = max

for _, vid in ipairs(redis.call('ZRANGEBYSCORE', live_key(), '-inf', now, 'LIMIT', 0, left)) do
    local one = load(vid)
    if one then remove(one) else redis.call('ZREM', live_key(), vid) end
    left = left - 1
end
if left > 0 then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', records_key(), '-inf', now - records_kept, 'LIMIT', 0, left)) do
        redis.call('DEL', delivery_key(id))
        redis.call('ZREM', records_key(), id)
        left = left - 1
    end
end
if left > 0 then
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', counts_key(), '-inf', now, 'LIMIT', 0, left)) do
        forget_count(key)
        left = left - 1
    end
end
return max - left
