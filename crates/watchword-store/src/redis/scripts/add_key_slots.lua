-- Adds slots of the data key; the first ones only where there are none. They have no TTL.

local key = base .. 'keys:slots'
local first, slots = take() == 1, take_list(take)

if first and redis.call('EXISTS', key) == 1 then return 0 end
for _, slot in ipairs(slots) do redis.call('SADD', key, slot) end
return 1
