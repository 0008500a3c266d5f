-- The delivery of that id, in whichever of these partitions it is.

local id = take()

for _, partition in ipairs(KEYS) do
    base = partition
    local delivery = load_delivery(id)
    if delivery then return delivery_reply(delivery) end
end
return false
