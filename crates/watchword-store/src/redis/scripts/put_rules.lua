-- Replaces a channel's rules. They have no TTL.

local key = rules_key(take(), take())
local by_ip, by_target = take(), take()

if by_ip then redis.call('HSET', key, 'ip', by_ip) end
if by_target then redis.call('HSET', key, 'target', by_target) end
return true
