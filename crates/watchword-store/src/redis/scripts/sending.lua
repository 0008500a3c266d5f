-- New messages. Stands after what cancels them.

local function take_delivery()
    return { id = take(), route = take(), message = take(), masked_to = take(), not_before = take() }
end

local function take_claimant()
    local node = take()
    return node and { node = node, lease_until = take() }
end

-- Puts messages into the outbox, claimed at once where they are due and there is a claimant. Gives back what it claimed.
-- Changes `one`, which is to be written after.
local function enter(one, messages, claimant)
    local open, claims = {}, {}
    -- Only what is to be sent still is remembered, or one that is sent again and again would grow without end.
    for _, id in ipairs(one.open) do
        if is_due(id) then open[#open + 1] = id end
    end
    for _, message in ipairs(messages) do
        local waits = message.not_before and message.not_before > now
        local claimed = claimant and not waits
        local delivery = {
            id = message.id, vid = one.vid, namespace = one.namespace, route = message.route,
            message = message.message, masked_to = message.masked_to, created_at = now, expires_at = one.expires_at,
            state = claimed and CLAIMED or DUE,
            due_at = claimed and claimant.lease_until or waits and message.not_before or now,
            fence = claimed and 1 or 0,
            claimed_by = claimed and claimant.node,
            attempts = {},
        }
        local packed = write_open(delivery)
        open[#open + 1] = delivery.id
        if claimed then claims[#claims + 1] = packed end
    end
    if #messages > 0 then one.last_sent_at = now end
    one.open = open
    return claims
end
