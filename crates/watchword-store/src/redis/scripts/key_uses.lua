-- What needs which key: one page of a partition's verifications and one of its unsent messages, as key, 1 for a verification
-- or 0 for a message, and until when. How many of both it looked at comes first.

local from, size = take(), take()

local found = {}
local vids = redis.call('ZRANGE', live_key(), from, from + size - 1)
for _, vid in ipairs(vids) do
    local one = load(vid)
    if one and now < garbage_at(one) then found[#found + 1] = { one.key, 1, garbage_at(one) } end
end
local ids = redis.call('ZRANGE', due_key(), from, from + size - 1)
for _, id in ipairs(ids) do
    local delivery = load_delivery(id)
    -- A sealed message begins with its key's id.
    if delivery and delivery.message and #delivery.message >= 8 then
        found[#found + 1] = { string.sub(delivery.message, 1, 8), 0, delivery.expires_at }
    end
end
return { #vids + #ids, found }
