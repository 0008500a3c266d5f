-- Of each partition: how many verifications and unsent messages, and when the next of those is due.

local outlook = {}
for place, partition in ipairs(KEYS) do
    base = partition
    outlook[place] = {
        redis.call('ZCARD', live_key()),
        redis.call('ZCARD', due_key()),
        redis.call('ZRANGE', due_key(), 0, 0, 'WITHSCORES')[2] or false,
    }
end
return outlook
