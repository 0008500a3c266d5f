-- Forgets the wrong guesses of some subjects. Gives back how many had any.

local namespace = take()
local forgotten = 0
local purged_at = tonumber(redis.call('GET', purged_key()) or 0)
for _, subject in ipairs(take_list(take)) do
    local count = load_count(namespace, subject)
    if count then
        redis.call('DEL', count_key(namespace, subject))
        if purged_at < count_garbage_at(count) then forgotten = forgotten + 1 end
    end
end
return forgotten
