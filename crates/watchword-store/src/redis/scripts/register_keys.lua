-- Adds keys to the list of them. It has no TTL.

for _, key in ipairs(take_list(take)) do redis.call('SADD', base .. 'keys', key) end
return true
