-- Removes slots of the data key; the last one takes the key with it.

for _, slot in ipairs(take_list(take)) do redis.call('SREM', base .. 'keys:slots', slot) end
